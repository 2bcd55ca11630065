# SPDX-License-Identifier: Apache-2.0
"""What one statement log's word about a certificate is worth: evidence verified again, claims with their assurance.

Assurance goes by who can check it. `attested`: evidence that verifies under the user's own anchors. `ca-verified`: a CA
vouches by a method of CSBR 6.2.7.4.2, or evidence leads to an anchor that only the log's policy knows. `declared`: a
bare claim, or one that rests on a key which the log's last policy distrusts.
"""

from collections.abc import Iterable

from keystead.audit.certificate_check.dossier import Judged
from keystead.audit.certificate_check.report import CheckedEvidence, CheckedStatement, ClaimedDevice
from keystead.audit.evidence_claim import EvidenceJob, check_claim
from keystead.audit.files import LogFiles
from keystead.audit.problem import Problem
from keystead.certificate.device_identifier import scheme_name
from keystead.certificate.extension import Method, SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import POISON_OID
from keystead.certificate.x509 import Certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import MAX_EVIDENCE_BYTES, parse_evidence
from keystead.devices.result import Attestation
from keystead.devices.verify import require_key, verify_evidence
from keystead.encoding.rfc3339 import format_time
from keystead.errors import EvidenceError, ParseError
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    RevocationReason,
)
from keystead.statements.policy_history import PolicyHistory

__all__ = ["Sayings"]

ATTESTED, CA_VERIFIED, DECLARED = "attested", "ca-verified", "declared"


class Sayings:
    """What a statement log says about a certificate.

    Args:
        origin: of the statement log.
        certificate: that it is about.
        anchors: the user's own.
        policies: of the log.

    Attributes:
        evidence: recorded for the certificate.
        statements: about it, those that count and those that do not.
        devices: that statements claim.
        services: that bindings name.
        revoked: somebody who may say so revoked it.
        extension_replaced: its CA replaced what the extension claims.
        problems: what is wrong.
    """

    def __init__(
        self, origin: str, certificate: Certificate, anchors: AnchorSet, policies: PolicyHistory
    ) -> None:
        self.evidence: list[CheckedEvidence] = []
        self.statements: list[CheckedStatement] = []
        self.devices: list[ClaimedDevice] = []
        self.services: list[bytes] = []
        self.revoked = False
        self.extension_replaced = False
        self.problems: list[Problem] = []
        self._origin = origin
        self._certificate = certificate
        self._anchors = anchors
        self._policies = policies

    async def take_all(self, judged: Iterable[Judged], files: LogFiles, uncertain: frozenset[int]) -> None:
        """Take all statements about the certificate, in the order of the log.

        Args:
            judged: the statements.
            files: where evidence is fetched.
            uncertain: leaf indices of those whose judgement rests on something that could not be had.
        """
        listed = list(judged)
        replaced = {
            one.statement.supersedes
            for one in listed
            if one.refusal is None and isinstance(one.statement, DeviceBinding)
        }
        for one in listed:
            index = one.read.index
            if one.refusal is not None and index not in uncertain:
                sentence = f"statement {index} about the certificate should not be there: {one.refusal}"
                self.problems.append(Problem(one.refusal.check, self._origin, sentence, index, signed=True))
            counts = one.refusal is None and index not in replaced
            statement = one.statement
            if isinstance(statement, DeviceEvidence):
                counts, says = await self._take_evidence(one, statement, files, counts=counts)
            elif isinstance(statement, DeviceBinding):
                says = self._take_binding(one, statement, counts=counts)
            elif isinstance(statement, CertificateRevoked):
                counts, says = self._take_revocation(statement, counts=counts)
            else:
                continue
            if index in replaced:
                says += "; it was replaced since"
            self.statements.append(
                CheckedStatement(
                    self._origin, index, statement.kind, one.party, one.read.entry.timestamp, counts, says
                )
            )

    def require_named_evidence(self) -> None:
        """Miss the evidence that the certificate names, if it was not recorded."""
        extension = _extension(self._certificate)
        digest = None if extension is None else extension.evidence_digest
        if digest is not None and all(piece.digest != digest for piece in self.evidence):
            sentence = f"the certificate names evidence {digest.hex()}, which is not recorded for it"
            self.problems.append(Problem("evidence-missing", self._origin, sentence))

    # Evidence.

    async def _take_evidence(
        self, one: Judged, statement: DeviceEvidence, files: LogFiles, *, counts: bool
    ) -> tuple[bool, str]:
        index, digest = one.read.index, statement.evidence_digest
        path = f"evidence/{digest.hex()}"
        served = await files.named("evidence", digest, MAX_EVIDENCE_BYTES)
        attestation, own = None, False
        if served.data is None:
            code = "evidence-altered" if served.altered else "evidence-withheld"
            sentence = f"{path}, which statement {index} names, is not served: {served.why}"
            self.problems.append(Problem(code, self._origin, sentence, index, path))
        else:
            attestation = self._attestation(served.data, self._anchors)
            own = attestation is not None
            if attestation is None and one.policy is not None:
                attestation = self._attestation(served.data, one.policy.anchors)
            self._compare(one, statement, served.data)
        counts = counts and attestation is not None
        self.evidence.append(
            CheckedEvidence(self._origin, index, digest, attestation is not None, own and counts)
        )
        if attestation is None or not counts:
            return False, f"evidence {digest.hex()[:16]} was recorded, and does not prove anything here"
        time = one.read.entry.timestamp
        assurance = DECLARED if self._distrusted(attestation, time) else ATTESTED if own else CA_VERIFIED
        whose = "your own anchors" if own else "anchors that only the log's policy knows"
        for identity in attestation.identities:
            by = f"evidence {digest.hex()[:16]}, verified under {whose}"
            self.devices.append(
                ClaimedDevice(identity.scheme, identity.device_id, identity.value, assurance, by)
            )
        proven = ", ".join(f"{each.scheme}:{each.value}" for each in attestation.identities)
        return (
            True,
            f"evidence {digest.hex()[:16]} proves {proven or 'hardware without naming it'}, under {whose}",
        )

    def _attestation(self, data: bytes, anchors: AnchorSet) -> Attestation | None:
        try:
            attestation = verify_evidence(parse_evidence(data), anchors)
            require_key(attestation, self._certificate.spki)
        except (EvidenceError, ParseError):
            return None  # `_compare` says why
        return attestation

    def _compare(self, one: Judged, statement: DeviceEvidence, data: bytes) -> None:
        """Check what the log says about the evidence, under its own policy."""
        if one.policy is None:
            return
        extension = _extension(self._certificate)
        listed = frozenset() if extension is None else frozenset(each.device_id for each in extension.devices)
        job = EvidenceJob(statement, data, one.policy.encode(), self._certificate.key_hash, listed)
        for code, why in check_claim(job).flaws:
            sentence = f"the evidence of statement {one.read.index}: {why}"
            self.problems.append(Problem(code, self._origin, sentence, one.read.index, signed=True))

    def _distrusted(self, attestation: Attestation, time: int) -> bool:
        """Whether it rests on a key that had turned bad when it was logged, as the last policy says."""
        dates = (self._policies.distrusted_from_ms(key) for key in attestation.rests_on)
        return any(date is not None and date <= time for date in dates)

    # The CA's word.

    def _take_binding(self, one: Judged, statement: DeviceBinding, *, counts: bool) -> str:
        bad_from = self._policies.distrusted_from_ms(bytes.fromhex(one.read.entry.envelope.keyid))
        distrusted = bad_from is not None and bad_from <= one.read.entry.timestamp
        if counts:
            bare = distrusted or statement.method is Method.DECLARED
            by = f"{one.party}, in a binding, by the method {statement.method.text}"
            self.devices += [
                ClaimedDevice(each.scheme, each.device_id, None, DECLARED if bare else CA_VERIFIED, by)
                for each in statement.devices
            ]
            self.services += [] if statement.service is None else [statement.service]
            self.extension_replaced = self.extension_replaced or statement.supersedes_extension
        where = [f"in {each.scheme} {each.device_id.hex()[:16]}" for each in statement.devices]
        where += [] if statement.service is None else [f"with the service {statement.service.hex()[:16]}"]
        return f"the key is {', '.join(where)}, by the method {statement.method.text}"

    def _take_revocation(self, statement: CertificateRevoked, *, counts: bool) -> tuple[bool, str]:
        if statement.reason is RevocationReason.NOT_ISSUED:
            if self._certificate.extension(POISON_OID) is None:
                return False, "the certificate was never made; it is void, for here it is"
            self.revoked = self.revoked or counts
            return counts, "the certificate was never made"
        self.revoked = self.revoked or counts
        return (
            counts,
            f"the certificate is revoked, as of {format_time(statement.on)}: {statement.reason.value}",
        )

    # All logs together.

    @staticmethod
    def devices_of(certificate: Certificate, logs: Iterable["Sayings"]) -> tuple[ClaimedDevice, ...]:
        """Every claim that the certificate's key is in a device: its own first, then those of statements."""
        listed = list(logs)
        claimed: list[ClaimedDevice] = []
        extension = _extension(certificate)
        if extension is not None and not any(log.extension_replaced for log in listed):
            bare = extension.method is Method.DECLARED
            by = f"the certificate, by the method {extension.method.text}"
            claimed = [
                ClaimedDevice(
                    scheme_name(each.scheme_oid), each.device_id, None, DECLARED if bare else CA_VERIFIED, by
                )
                for each in extension.devices
            ]
        return (*claimed, *(device for log in listed for device in log.devices))

    @staticmethod
    def services_of(certificate: Certificate, logs: Iterable["Sayings"]) -> tuple[bytes, ...]:
        """The services that the certificate's key is said to be with."""
        extension = _extension(certificate)
        named = [] if extension is None or extension.service is None else [extension.service]
        return tuple(dict.fromkeys([*named, *(service for log in logs for service in log.services)]))


def _extension(certificate: Certificate) -> SignatureCreationDevice | None:
    try:
        return device_extension(certificate)
    except ParseError:
        return None  # which `keystead lint` explains
