# SPDX-License-Identifier: Apache-2.0
"""Histories of a log, told event after event in real formats: certificates, evidence, statements.

Every event is a batch of its own, at a day that the teller chooses; what a server would do is done by the script
alone (`MemoryLog`), so a history can also tell what no honest server would log.

>>> history = History()
>>> one = history.certificate("Alpha AB", serial=1)
>>> history.day(3)
>>> two = history.certificate("Beta GmbH", serial=1, ca=history.south)
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import Evidence
from keystead.devices.verify import verify_evidence
from keystead.monitor.back_fill import Start
from keystead.monitor.follow import MonitoredLog
from keystead.monitor.knowledge import DEFAULT_TERMS, Terms
from keystead.monitor.revocation_list import RevocationList
from keystead.monitor.run import Report, monitor_once
from keystead.monitor.watch import WatchList
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    DeviceReference,
    DeviceTransfer,
    LogPolicy,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
    service_id_of,
    sign_statement,
)
from keystead.statements.policy import PARTY_KINDS, Party, Policy
from keystead.statements.statement_key import SigningKey as StatementKey
from keystead.statements.statement_key import spki_of
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.subjects import ev_subject, ov_subject
from keystead.testvendor.vendor import TestVendor
from support.history_cast import (
    DAY,
    START,
    YEAR,
    Issued,
    Operated,
    milliseconds,
    party_key,
    seconds,
    yubikey,
)
from support.memory_log import MemoryLog

__all__ = [
    "DAY",
    "START",
    "VENDOR",
    "YEAR",
    "History",
    "Issued",
    "Operated",
    "milliseconds",
    "party_key",
    "seconds",
    "yubikey",
]

VENDOR = TestVendor("history", key="ec-p256")
NORTH = TestCertificateAuthority("North CA", "SE")
SOUTH = TestCertificateAuthority("South CA", "DE")
EAST = TestCertificateAuthority("East CA", "US")


class History:
    """One log's history.

    Args:
        name: of the log.
        begin: the day of its first batch.
    """

    vendor, north, south, east = VENDOR, NORTH, SOUTH, EAST

    def __init__(self, name: str = "log.example", begin: float = 0) -> None:
        self.log = MemoryLog(name)
        self.log.now_ms = milliseconds(begin)
        self._keys = 0
        self.policies: list[int] = []
        self.issued: list[Issued] = []
        self.services: list[Operated] = []
        self.anchors: AnchorSet = self.vendor.anchors()
        self.policy()

    @property
    def origin(self) -> str:
        """Of the statement log."""
        return self.log.statements.origin

    @property
    def now(self) -> int:
        """Seconds."""
        return self.log.now_ms // 1000

    def day(self, day: float) -> None:
        """Go on to a later day."""
        assert milliseconds(day) >= self.log.now_ms, "time does not go back"
        self.log.now_ms = milliseconds(day)

    def policy(self, **changed: object) -> int:
        """The log changes its policy; by default it recognizes everybody in this module."""
        members: dict[str, object] = {
            "vendor_anchors": (self.vendor.anchor(),),
            "parties": (
                *(
                    Party(
                        ca.organization,
                        PARTY_KINDS,
                        spki_of(party_key(ca.organization)),
                        frozenset({ca.issuer_key_hash}),
                    )
                    for ca in (self.north, self.south, self.east)
                ),
                *(
                    Party(name, frozenset({"service-audit", "audit-withdrawal"}), spki_of(party_key(name)))
                    for name in ("Auditor", "Other Auditor")
                ),
            ),
        }
        policy = Policy(**(members | changed))  # type: ignore[arg-type]
        self.log.objects[f"policy/{policy.digest.hex()}"] = policy.encode()
        self.policies.append(len(self.log.statements.entries))
        return self.say(LogPolicy(self.origin, self.now, policy=policy.digest), self.log.statement_key)

    def certificate(
        self,
        subscriber: str,
        *,
        serial: int | None = None,
        devices: Sequence[tuple[str, str]] = (),
        ca: TestCertificateAuthority | None = None,
        evidence: bool = True,
        method: Method = Method.KEY_ATTESTATION,
        service: Operated | None = None,
        extension: bool = True,
        valid: tuple[float, float] = (0, YEAR),
        registration: str | None = None,
        key: SigningKey | None = None,
        precertificate: bool = False,
        named_evidence: bool = False,
        **subject: str,
    ) -> Issued:
        """A CA logs a certificate.

        Args:
            subscriber: name of the organization, in the CA's country.
            serial: the YubiKey that holds the key.
            devices: (scheme, value) of further devices that the extension names, without evidence.
            ca: the first CA unless given.
            evidence: log the YubiKey's attestation beside it.
            method: how the CA says that it knows.
            service: the service that the extension names.
            extension: put the extension into the certificate; without it, evidence alone tells the device.
            valid: first and last day.
            registration: a registration number makes it an EV certificate.
            key: a fresh one unless given.
            precertificate: log the precertificate alone; `finish` logs the certificate.
            named_evidence: the extension names the YubiKey's attestation by its digest.
            subject: more of the subject: `state`, `locality`, `country`.
        """
        ca = ca or self.north
        token = None if serial is None else self.vendor.yubikey(serial)
        if key is None:
            self._keys += 1
            label = f"{self.log.name} {self._keys}"
            key = derive_key(b"history", label)
        named = [*(() if serial is None else (("yubico-piv-serial", str(serial)),)), *devices]
        country = subject.pop("country", {"North CA": "SE", "South CA": "DE"}.get(ca.organization, "US"))
        name = (
            ov_subject(subscriber, country, **subject)
            if registration is None
            else ev_subject(subscriber, country, registration, **subject)
        )
        body = (
            SignatureCreationDevice(
                tuple(
                    DeviceIdentifier(SCHEMES[scheme].oid, device_id(scheme, value)) for scheme, value in named
                ),
                method,
                token.attest(key.spki).digest if named_evidence and token is not None else None,
                None if service is None else service.id,
            ).encode()
            if extension and (named or service)
            else None
        )
        reissue: dict[str, object] = {
            "subject": name,
            "public_key": key.spki,
            "not_before": seconds(valid[0]),
            "not_after": seconds(valid[1]),
            "device_extension": body,
        }
        issued = self._issue(ca, key, reissue, precertificate=precertificate)
        if token is not None and evidence:
            self.record_evidence(issued, token.attest(key.spki))
        self.log.publish()
        self.issued.append(issued)
        return issued

    def finish(self, issued: Issued) -> Issued:
        """The CA logs the certificate of a precertificate."""
        finished = self._issue(issued.ca, issued.key, issued.reissue, precertificate=False)
        assert finished.certificate_id == issued.certificate_id
        self.log.publish()
        return finished

    def _issue(
        self,
        ca: TestCertificateAuthority,
        key: SigningKey,
        reissue: dict[str, object],
        *,
        precertificate: bool,
    ) -> Issued:
        der = ca.issue(**reissue, precertificate=precertificate)  # type: ignore[arg-type]
        certificate = parse_certificate(der)
        fingerprints = []
        for above in ca.chain:
            fingerprint = sha256(above).digest()
            fingerprints.append(fingerprint)
            self.log.objects[f"issuance/issuer/{fingerprint.hex()}"] = above
        if precertificate:
            index = self.log.add_leaf(
                log_tbs(certificate), fingerprints, precertificate=der, issuer_key_hash=ca.issuer_key_hash
            )
        else:
            index = self.log.add_leaf(der, fingerprints)
        identifier = certificate_id(ca.issuer_key_hash, log_tbs(certificate))
        return Issued(ca, (der, *ca.chain), identifier, index, key, precertificate, reissue)

    def record_evidence(self, issued: Issued, evidence: Evidence, **changed: object) -> int:
        """The log records evidence for a certificate, in the running batch; `changed` makes its statement lie."""
        attestation = verify_evidence(evidence, self.vendor.anchors())
        self.log.objects[f"evidence/{evidence.digest.hex()}"] = evidence.encode()
        members: dict[str, object] = {
            "certificate": issued.certificate_id,
            "issuance_index": issued.index,
            "evidence_digest": evidence.digest,
            "format": evidence.format,
            "devices": tuple(
                DeviceReference(identity.scheme, identity.device_id) for identity in attestation.identities
            ),
            "anchors": attestation.anchors,
            "policy_index": self.policies[-1],
        }
        statement = DeviceEvidence(self.origin, self.now, **(members | changed))  # type: ignore[arg-type]
        return self.add(statement, self.log.statement_key)

    def evidence(self, issued: Issued, serial: int, **changed: object) -> int:
        """The log records that a YubiKey attests a certificate's key, as a batch of its own."""
        index = self.record_evidence(issued, self.vendor.yubikey(serial).attest(issued.key.spki), **changed)
        self.log.publish()
        return index

    def add(self, statement: Statement, key: StatementKey) -> int:
        """Add a statement to the running batch."""
        return self.add_envelope(sign_statement(key, statement))

    def add_envelope(self, envelope: Envelope) -> int:
        """Add an envelope to the running batch."""
        return self.log.add_statement_entry(StatementEntry(self.log.now_ms, envelope).encode())

    def say(self, statement: Statement, key: StatementKey) -> int:
        """A statement, as a batch of its own; its index."""
        index = self.add(statement, key)
        self.log.publish()
        return index

    def service(self, name: str = "Signing Service", operator: str = "Operator Ltd") -> Operated:
        """A signing service that somebody runs; nothing is logged."""
        key = party_key(operator)
        service = Operated(service_id_of(spki_of(key), name), name, operator, key, key)
        self.services.append(service)
        return service

    def audit(
        self,
        service: Operated,
        *,
        days: tuple[float, float] = (0, YEAR),
        scheme: AuditScheme = AuditScheme.WEBTRUST_CSBR_NETSEC,
        period: tuple[float, float] | None = None,
        operator_key: StatementKey | None = None,
        auditor: str = "Auditor",
    ) -> AuditWithdrawal:
        """An auditor's statement, in force through `days`; what would withdraw it comes back.

        Without `period`, the year before the audit is in force was audited: it qualifies if that has ended.
        """
        begin, end = period or (days[0] - YEAR, days[0])
        statement = ServiceAudit(
            self.origin,
            self.now,
            service=service.id,
            service_name=service.name,
            founding_key=spki_of(service.founding_key),
            operator_name=service.operator,
            operator_key=spki_of(operator_key or service.key),
            scheme=scheme,
            auditor=auditor,
            not_before=seconds(days[0]),
            not_after=seconds(days[1]) - 1,
            period_start=seconds(begin),
            period_end=seconds(end) - 1,
        )
        envelope = sign_statement(party_key(auditor), statement)
        self.add_envelope(envelope)
        self.log.publish()
        return AuditWithdrawal(
            self.origin,
            self.now,
            audit=envelope.payload_digest,
            service=service.id,
            from_=self.now,
            reason="records were false",
        )

    def withdraw(self, withdrawal: AuditWithdrawal, day: float, auditor: str = "Auditor") -> int:
        """The auditor withdraws an audit from a day on."""
        members = {**_members(withdrawal), "from_": seconds(day), "issued": self.now}
        return self.say(AuditWithdrawal(**members), party_key(auditor))  # type: ignore[arg-type]

    def devices(
        self,
        service: Operated,
        *,
        join: Sequence[int] = (),
        leave: Sequence[int] = (),
        day: float | None = None,
        next_key: StatementKey | None = None,
        key: StatementKey | None = None,
    ) -> int:
        """The operator says which YubiKeys join or leave, from a day on (today)."""
        return self.say(
            ServiceDevices(
                self.origin,
                self.now,
                service=service.id,
                from_=self.now if day is None else seconds(day),
                join=tuple(DeviceReference("yubico-piv-serial", yubikey(serial)) for serial in join),
                leave=tuple(DeviceReference("yubico-piv-serial", yubikey(serial)) for serial in leave),
                next_key=None if next_key is None else spki_of(next_key),
            ),
            key or service.key,
        )

    def bind(
        self,
        issued: Issued,
        *,
        serials: Sequence[int] = (),
        service: Operated | None = None,
        method: Method = Method.SIGNING_SERVICE,
        supersedes: int | None = None,
        supersedes_extension: bool = False,
        by: str | None = None,
    ) -> int:
        """The issuing CA says where a certificate's key is."""
        return self.say(
            DeviceBinding(
                self.origin,
                self.now,
                certificate=issued.certificate_id,
                issuance_index=issued.index,
                devices=tuple(DeviceReference("yubico-piv-serial", yubikey(serial)) for serial in serials),
                method=method,
                service=None if service is None else service.id,
                supersedes=supersedes,
                supersedes_extension=supersedes_extension,
            ),
            party_key(by or issued.ca.organization),
        )

    def revoke(
        self,
        issued: Issued,
        reason: RevocationReason = RevocationReason.KEY_COMPROMISE,
        by: str | None = None,
        on: float | None = None,
    ) -> int:
        """The issuing CA revokes a certificate, as of a day (today)."""
        return self.say(
            CertificateRevoked(
                self.origin,
                self.now,
                certificate=issued.certificate_id,
                issuance_index=issued.index,
                on=self.now if on is None else seconds(on),
                reason=reason,
            ),
            party_key(by or issued.ca.organization),
        )

    def all_clouds(self) -> None:
        """The vendor's devices are a cloud provider's, says the monitor's user."""
        self.anchors = AnchorSet([replace(self.vendor.anchor(), cloud=True)])

    def transfer(
        self,
        serial: int,
        seller: Issued,
        buyer: Issued,
        by: str | None = None,
        key: StatementKey | None = None,
    ) -> int:
        """A CA states that a YubiKey went from one certificate's subscriber to another's; an operator, with its key."""
        return self.say(
            DeviceTransfer(
                self.origin,
                self.now,
                device=DeviceReference("yubico-piv-serial", yubikey(serial)),
                subscribers=(seller.subscriber_id, buyer.subscriber_id),
                on=self.now,
                reason="sold",
            ),
            key or party_key(by or buyer.ca.organization),
        )

    def alias(self, *issued: Issued, by: str | None = None) -> int:
        """A CA states that the subscribers of certificates are one."""
        return self.say(
            SubscriberAlias(
                self.origin,
                self.now,
                subscribers=tuple(one.subscriber_id for one in issued),
                reason="renamed",
            ),
            party_key(by or issued[-1].ca.organization),
        )

    async def monitor(
        self,
        state: Path,
        day: float | None = None,
        *,
        at: float | None = None,
        known_at: float | None = None,
        anchors: AnchorSet | None = None,
        fetcher: Fetcher | None = None,
        others: Sequence["History"] = (),
        lists: Mapping[str, RevocationList] | None = None,
        terms: Terms = DEFAULT_TERMS,
        watch: WatchList | None = None,
        start: Start | None = None,
        jobs: int = 1,
    ) -> Report:
        """One round of the monitor on a day (the last of the history), as of that day unless `at` is given."""
        logs = [MonitoredLog(self.log.trust, fetcher or self.log)]
        logs += [MonitoredLog(other.log.trust, other.log) for other in others]
        return await monitor_once(
            state,
            logs,
            self.anchors if anchors is None else anchors,
            now_ms=self.log.now_ms if day is None else milliseconds(day),
            at_ms=None if at is None else milliseconds(at),
            known_at_ms=None if known_at is None else milliseconds(known_at),
            lists=lists,
            terms=terms,
            watch=watch,
            start=start,
            jobs=jobs,
        )


def _members(statement: AuditWithdrawal) -> dict[str, object]:
    return {
        "log": statement.log,
        "audit": statement.audit,
        "service": statement.service,
        "reason": statement.reason,
    }
