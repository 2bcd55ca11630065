# SPDX-License-Identifier: Apache-2.0
"""What a statement log says about one certificate: evidence recorded, bindings, revocations.

Without an index, the statement log is read whole and what is about the certificate is picked out of it: first by the
certificate's id in the payload, which costs little, then by reading. Policies are picked out as well, because they say
who may speak. `judge` then asks for each statement whether its signer had the right (`specs/statements.md`, section 6).

Pure: the caller reads the log, and fetches policies and issuance entries that are asked for.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from keystead.audit.read_statement import ReadStatement, read_statement
from keystead.errors import ParseError, SignatureError, StatementError
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    LogPolicy,
    Statement,
)
from keystead.statements.policy import Policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.rights import judge_logged, logged_statement
from keystead.statements.services import Service, ServiceRegistry
from keystead.statements.view import LoggedCertificate, LoggedStatement

__all__ = ["Dossier", "Entry", "Judged"]

# How every canonical entry begins: version and time, then the envelope's first two members.
_START = re.compile(
    rb'\{"payloadType":"application/vnd\.keystead\.([a-z-]+)\.v1\+json","payload":"([A-Za-z0-9+/=]*)"'
)
_ABOUT = {b"device-evidence", b"device-binding", b"certificate-revoked"}


@dataclass(frozen=True, slots=True)
class Entry:
    """An issuance entry of the certificate.

    Attributes:
        time: when it was logged, milliseconds.
        certificate: its ids.
    """

    time: int
    certificate: LoggedCertificate


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement about the certificate.

    Attributes:
        read: the statement in its place.
        refusal: why its signer had no right to make it; None if they had.
        party: the name of the party that signed it; None for the log.
        policy: that was in force for it.
    """

    read: ReadStatement
    refusal: StatementError | SignatureError | None
    party: str | None
    policy: Policy | None

    @property
    def statement(self) -> Statement:
        """What it says."""
        return self.read.statement


class Dossier:
    """Collects what is said about a certificate.

    Args:
        origin: of the statement log.
        statement_key: DER SubjectPublicKeyInfo of the key that signs the log's own statements.
        certificate_id: 32 bytes.
    """

    def __init__(self, origin: str, statement_key: bytes, certificate_id: bytes) -> None:
        self.policies = PolicyHistory()
        self._origin = origin
        self._statement_key = statement_key
        self._certificate_id = certificate_id
        self._hex = certificate_id.hex().encode()
        self._policy_statements: list[ReadStatement] = []
        self._about: list[ReadStatement] = []

    def take(self, index: int, raw: bytes) -> None:
        """Look at an entry of the statement log, which is the tree's."""
        match = _START.match(raw, 9)
        if match is None:
            return
        kind, payload = match.groups()
        if kind in _ABOUT:
            try:
                text = b64decode(payload)
            except Base64Error:
                return
            # Signers write JSON as they like: with escapes in it, only reading shows what it says.
            if self._hex not in text and b"\\" not in text:
                return
        elif kind != b"log-policy":
            return
        read = read_statement(index, raw)
        if not isinstance(read, ReadStatement):
            return
        if isinstance(read.statement, LogPolicy):
            self._policy_statements.append(read)
        elif getattr(read.statement, "certificate", None) == self._certificate_id:
            self._about.append(read)

    @property
    def policies_named(self) -> set[bytes]:
        """The digests of the policies that are needed to judge."""
        return {
            read.statement.policy for read in self._policy_statements if isinstance(read.statement, LogPolicy)
        }

    @property
    def entries_named(self) -> set[int]:
        """The issuance entries that statements name."""
        return {
            read.statement.issuance_index
            for read in self._about
            if isinstance(read.statement, DeviceEvidence | DeviceBinding | CertificateRevoked)
        }

    def judge(self, policies: Mapping[bytes, Policy], entries: Mapping[int, Entry]) -> list[Judged]:
        """Judge every statement about the certificate, in the order of the log.

        Args:
            policies: by digest, those of `policies_named` that could be had.
            entries: by index, those of `entries_named` that are of the certificate.
        """
        self.policies = PolicyHistory()
        judged: list[Judged] = []
        before: dict[int, LoggedStatement] = {}
        last = 0
        for read in sorted((*self._policy_statements, *self._about), key=lambda read: read.index):
            view = _View(self._origin, read, entries, before, self.policies)
            in_force = self.policies.in_force_for(read.entry.timestamp)
            refusal = self._refusal(read, view)
            if isinstance(read.statement, LogPolicy):
                policy = policies.get(read.statement.policy)
                last = max(last, read.entry.timestamp)  # a log that goes back in time is an audit's matter
                if refusal is None and policy is not None:
                    self.policies.add(read.index, last, policy)
                continue
            logged = logged_statement(read.index, read.entry, self.policies)
            if refusal is None:
                before[read.index] = logged
            judged.append(Judged(read, refusal, logged.party, None if in_force is None else in_force.policy))
        return judged

    def _refusal(self, read: ReadStatement, view: "_View") -> StatementError | SignatureError | None:
        in_force = self.policies.in_force_for(read.entry.timestamp)
        try:
            judge_logged(read.statement, read.entry, self._statement_key, in_force, view)
        except (StatementError, SignatureError) as error:
            return error
        except ParseError as error:
            return StatementError(str(error), check="statement-malformed")
        return None


class _View:
    """What stands before a statement about the certificate: of the logs, only what concerns it."""

    def __init__(
        self,
        origin: str,
        read: ReadStatement,
        entries: Mapping[int, Entry],
        before: Mapping[int, LoggedStatement],
        policies: PolicyHistory,
    ) -> None:
        self._origin = origin
        self._read = read
        self._entries = entries
        self._before = before
        self._services = ServiceRegistry(policies)

    @property
    def origin(self) -> str:
        return self._origin

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        entry = self._entries.get(issuance_index)
        return entry.certificate if entry is not None and entry.time <= self._read.entry.timestamp else None

    def has_final_certificate(self, certificate_id: bytes) -> bool:  # noqa: ARG002
        return False  # who has the certificate at hand knows that it was issued

    def statement_at(self, index: int) -> LoggedStatement | None:
        return self._before.get(index)

    def service(self, service_id: bytes) -> Service | None:
        return self._services.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[Service]:
        return self._services.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:  # noqa: ARG002
        return False  # asked of transfers only, which are about devices
