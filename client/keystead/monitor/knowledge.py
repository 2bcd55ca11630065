# SPDX-License-Identifier: Apache-2.0
"""What is known at a moment, and what it is worth (`specs/monitor.md`, sections 2.4 and 4).

Facts are kept as they were logged. What they are worth depends on who looks: which vendor anchors are the
monitor's own, which keys the newest known policy distrusts, which party it lists for an issuing key. This module
answers these questions; `views` asks them.

Invariant: pure over what it is given; `known_at_ms` hides everything that was logged later.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple

from keystead.certificate.extension import Method
from keystead.certificate.name import printable
from keystead.devices.anchors import AnchorSet
from keystead.monitor.evidence import EvidenceFacts, Outcome
from keystead.monitor.model import Assurance, EntryName, LoggedEnrolment, LoggedTransfer
from keystead.monitor.names import same_organization
from keystead.monitor.profiles import Alias
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.qualification import Shortcoming
from keystead.statements.services import Service, ServiceRegistry

__all__ = ["DEFAULT_TERMS", "AliasRow", "Knowledge", "LogKnowledge", "Terms", "TransferRow", "When"]


class When(NamedTuple):
    """Where and when something was logged."""

    log: int
    time_ms: int


class AliasRow(NamedTuple):
    """A `subscriber-alias`; `issuers` has 32 bytes for each issuing key of its party."""

    log: int
    leaf: int
    time_ms: int
    keyid: bytes
    party: str
    issuers: bytes
    subscribers: frozenset[bytes]


class TransferRow(NamedTuple):
    """A `device-transfer`; no party where an operator made it."""

    log: int
    leaf: int
    time_ms: int
    device_id: bytes
    subscribers: frozenset[bytes]
    keyid: bytes
    party: str


@dataclass(frozen=True, slots=True)
class LogKnowledge:
    """What one operator's logs say beside certificates.

    Attributes:
        issuance_origin: of the issuance log.
        origin: of the statement log.
        policies: all of its policies.
        services: all of its signing services.
    """

    issuance_origin: str
    origin: str
    policies: PolicyHistory
    services: ServiceRegistry


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a monitor judges, as its user chose.

    Attributes:
        refused: names of parties and operators whose word resolves nothing: their aliases, transfers, enrolments,
            audits and revocations excuse nobody. What they say that accuses still counts.
        clouds_too: devices that evidence proves to be a cloud's are judged like any other.
    """

    refused: frozenset[str] = frozenset()
    clouds_too: bool = False


DEFAULT_TERMS = Terms()


class Knowledge:
    """What is known at a moment.

    Args:
        logs: by row id.
        anchors: the monitor's own vendor anchors.
        known_at_ms: what was logged later is hidden; None hides nothing.
        terms: on which its user judges.
    """

    def __init__(
        self,
        logs: dict[int, LogKnowledge],
        anchors: AnchorSet,
        known_at_ms: int | None = None,
        terms: Terms = DEFAULT_TERMS,
    ) -> None:
        self.logs = logs
        self.known_at_ms = known_at_ms
        self._anchors = anchors
        self._terms = terms

    def knows(self, time_ms: int) -> bool:
        """Whether what was logged then is known."""
        return self.known_at_ms is None or time_ms <= self.known_at_ms

    def weightless(self, key_hashes: Iterable[bytes], when: When) -> bool:
        """Whether something that rests on keys, logged then, has no weight: one of them had turned bad."""
        latest = self.logs[when.log].policies.known_at(self.known_at_ms)
        if latest is None or not latest.policy.distrusted:
            return False
        dates = [latest.policy.distrusted_from_ms(key_hash) for key_hash in key_hashes]
        return any(date is not None and when.time_ms >= date for date in dates)

    def weightless_wherever(self, key_hashes: Sequence[bytes], said: Iterable[When]) -> bool:
        """Whether something that was logged several times has no weight wherever it was."""
        return all(self.weightless(key_hashes, when) for when in said)

    def of_word(self, method: Method, key_hash: bytes, said: Sequence[When]) -> Assurance:
        """What a CA's word by a method is worth, under a key, wherever it was logged."""
        if method is Method.DECLARED or self.weightless_wherever((key_hash,), said):
            return Assurance.DECLARED
        return Assurance.CA_VERIFIED

    def of_evidence(self, evidence: EvidenceFacts, recorded: When) -> Assurance:
        """What evidence is worth: attested only under the monitor's own anchors."""
        if self.weightless(evidence.rests_on, recorded):
            return Assurance.DECLARED
        if evidence.outcome is not Outcome.VERIFIED:
            return Assurance.CA_VERIFIED  # the log's word
        own = (self._anchors.by_key_hash(anchor) for anchor in evidence.anchors)
        if all(anchor is not None and evidence.format in anchor.formats for anchor in own):
            return Assurance.ATTESTED
        return Assurance.CA_VERIFIED

    def proves_cloud(self, evidence: EvidenceFacts, recorded: When) -> bool:
        """Whether evidence proves that a provider operates the device for many tenants.

        For an anchor of the monitor's own only its own mark counts; for others the policy's under which the
        evidence was recorded.
        """
        if self._terms.clouds_too:
            return False
        if evidence.outcome is not Outcome.VERIFIED or self.weightless(evidence.rests_on, recorded):
            return False
        in_force = self.logs[recorded.log].policies.in_force_for(recorded.time_ms)
        for key_hash in evidence.anchors:
            anchor = self._anchors.by_key_hash(key_hash)
            if anchor is None and in_force is not None:
                anchor = in_force.policy.anchors.by_key_hash(key_hash)
            if anchor is not None and anchor.cloud:
                return True
        return False

    def issuing_organizations(self, issuer_key_hash: bytes, stated: str) -> frozenset[str]:
        """Who vetted what a key certifies: the parties that list it, else the organization that it states."""
        parties = set()
        for log in self.logs.values():
            latest = log.policies.known_at(self.known_at_ms)
            party = None if latest is None else latest.policy.party_of_issuer(issuer_key_hash)
            if party is not None:
                parties.add(f"{printable(party.name)} of {log.origin}")
        return frozenset(parties or {same_organization(stated)})

    def accepts(self, name: str) -> bool:
        """Whether the word of a party or an operator may resolve something."""
        return not self._terms.refused or printable(name) not in self._terms.refused

    def enrolments(self, device_id: bytes) -> tuple[LoggedEnrolment, ...]:
        """All enrolments of a device that may cover it."""
        return tuple(
            LoggedEnrolment(log.origin, enrolment)
            for log in self.logs.values()
            for enrolment in log.services.enrolments(device_id, self.known_at_ms)
            if self._accepts_operator(log, enrolment.service)
        )

    def enrolled_devices(self) -> set[bytes]:
        """Every device that some service enrolled."""
        return {
            device_id
            for log in self.logs.values()
            for service in log.services.services(self.known_at_ms)
            for device_id in service.device_ids()
        }

    def all_services(self, service_ids: Iterable[bytes]) -> Iterator[Service]:
        """Those services in every log that knows them, whether or not their word is accepted."""
        for service_id in service_ids:
            for log in self.logs.values():
                service = log.services.service(service_id, self.known_at_ms)
                if service is not None:
                    yield service

    def distrusts_some_key(self) -> bool:
        """Whether any log's newest known policy lists a key that turned bad."""
        latest = (log.policies.known_at(self.known_at_ms) for log in self.logs.values())
        return any(one is not None and one.policy.distrusted for one in latest)

    def services(self, service_ids: Iterable[bytes]) -> dict[tuple[str, bytes], Service]:
        """Those services, in every log that knows them."""
        return {
            (log.origin, service_id): service
            for service_id in set(service_ids)
            for log in self.logs.values()
            if (service := self._service(log, service_id)) is not None
        }

    def _service(self, log: LogKnowledge, service_id: bytes) -> Service | None:
        """A service, of whose audits none by an auditor whose word is not accepted qualifies."""
        service = log.services.service(service_id, self.known_at_ms)
        if service is None or not self._terms.refused:
            return service
        audits = tuple(
            audit
            if self.accepts(audit.auditor)
            else replace(audit, shortcomings=(Shortcoming.NOT_ACCEPTED, *audit.shortcomings))
            for audit in service.audits
        )
        return replace(service, audits=audits)

    def _accepts_operator(self, log: LogKnowledge, service_id: bytes) -> bool:
        """Whether the word of who runs a service, by the last audit of it, is accepted."""
        service = log.services.service(service_id, self.known_at_ms)
        return service is not None and self.accepts(service.audits[-1].statement.operator_name)

    def alias(self, row: AliasRow) -> Alias | None:
        """An alias, if it has weight and is accepted."""
        if self.weightless((row.keyid,), When(row.log, row.time_ms)) or not self.accepts(row.party):
            return None
        issuers = frozenset(row.issuers[at : at + 32] for at in range(0, len(row.issuers), 32))
        statement = EntryName(self.logs[row.log].origin, row.leaf)
        return Alias(row.subscribers, issuers, printable(row.party), row.time_ms, statement)

    def transfer(self, row: TransferRow) -> LoggedTransfer | None:
        """A transfer, if it has weight and is accepted."""
        log = self.logs[row.log]
        by = row.party
        if not by:
            operator = self._operator(log, row)
            if operator is None:
                return None
            by = operator
        if self.weightless((row.keyid,), When(row.log, row.time_ms)) or not self.accepts(by):
            return None
        return LoggedTransfer(row.subscribers, printable(by), row.time_ms, EntryName(log.origin, row.leaf))

    def _operator(self, log: LogKnowledge, row: TransferRow) -> str | None:
        """Whose operator key stated a transfer; None where the key was tainted (`Service.keys`)."""
        for service in log.services.services_with(row.device_id, self.known_at_ms):
            key = service.operator_key_for(row.leaf)
            if sha256(key.key).digest() == row.keyid:
                return service.audits[-1].statement.operator_name if key.carries(row.time_ms) else None
        return None
