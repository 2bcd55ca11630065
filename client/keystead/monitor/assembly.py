# SPDX-License-Identifier: Apache-2.0
"""From what was logged to what it means: certificates and devices as rules judge them.

Pure. What accuses looks back over a certificate's whole life; what acquits counts from when it was logged, and only
if it rests on no key that had turned bad by then (`model`, `knowledge`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from keystead.certificate.device_identifier import scheme_class
from keystead.certificate.extension import Method
from keystead.certificate.name import printable
from keystead.monitor.evidence import EvidenceFacts, Outcome
from keystead.monitor.knowledge import Knowledge, When
from keystead.monitor.model import (
    ALWAYS,
    KEY_COMPROMISE,
    NEVER,
    NOT_ISSUED,
    Assurance,
    CertificateFacts,
    ClaimKind,
    DeviceClaim,
    DeviceFacts,
    Ending,
    EntryName,
    LoggedEntry,
    ServiceClaim,
    Span,
)

__all__ = [
    "BindingRow",
    "CertificateRows",
    "ClaimRow",
    "EntryRow",
    "EvidenceRow",
    "ListedRow",
    "RevocationRow",
    "certificate_facts",
    "device_facts",
]


class EntryRow(NamedTuple):
    """An issuance entry."""

    log: int
    leaf: int
    time_ms: int
    final: bool


class ClaimRow(NamedTuple):
    """That a certificate is on a device; `statement` is meaningless for the extension's own claim."""

    device_id: bytes
    kind: ClaimKind
    log: int
    statement: int
    scheme: str


class BindingRow(NamedTuple):
    """A `device-binding`."""

    log: int
    leaf: int
    time_ms: int
    keyid: bytes
    party: str
    method: Method
    service: bytes | None
    supersedes: int | None
    supersedes_extension: bool


class EvidenceRow(NamedTuple):
    """A `device-evidence`, and what the monitor found."""

    log: int
    leaf: int
    time_ms: int
    digest: bytes
    found: EvidenceFacts


class ListedRow(NamedTuple):
    """That a revocation list, given to the monitor, names the certificate."""

    time_ms: int
    reason: str
    issuer_key_hash: bytes
    issuer: str


class RevocationRow(NamedTuple):
    """A `certificate-revoked`."""

    log: int
    leaf: int
    time_ms: int
    keyid: bytes
    party: str
    reason: str


@dataclass(slots=True)
class CertificateRows:
    """All that was logged about one certificate, as far as it is known."""

    certificate_id: bytes
    issuer_key_hash: bytes
    issuer: str
    serial: bytes
    key: bytes
    not_before: int
    not_after: int
    profile: int
    method: Method | None
    service: bytes | None
    evidence_digest: bytes | None = None
    entries: list[EntryRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    bindings: list[BindingRow] = field(default_factory=list)
    evidence: list[EvidenceRow] = field(default_factory=list)
    revocations: list[RevocationRow] = field(default_factory=list)
    listed: list[ListedRow] = field(default_factory=list)


class _Superseded(NamedTuple):
    """When a CA's word was taken back: that of the extension, and of bindings by log and index."""

    extension_ms: int
    bindings: Mapping[tuple[int, int], int]


def certificate_facts(rows: CertificateRows, knowledge: Knowledge) -> CertificateFacts:
    """A certificate as rules judge it; it has at least one entry."""
    superseded = _superseded(rows, knowledge)
    endings = _endings(rows, knowledge)
    return CertificateFacts(
        certificate_id=rows.certificate_id,
        entries=tuple(
            sorted(
                LoggedEntry(
                    entry.time_ms,
                    EntryName(knowledge.logs[entry.log].issuance_origin, entry.leaf),
                    entry.final,
                )
                for entry in rows.entries
            )
        ),
        key=rows.key,
        issuer=rows.issuer,
        serial=rows.serial.hex(),
        subscriber=rows.profile,
        valid=Span(rows.not_before * 1000, (rows.not_after + 1) * 1000),
        claims=tuple(_claims(rows, knowledge, superseded)),
        services=tuple(_services(rows, knowledge, superseded)),
        ending=next((ending for ending in endings if knowledge.accepts(ending.by)), None),
        compromise=next((ending for ending in endings if ending.reason == KEY_COMPROMISE), None),
        unrecorded=_unrecorded(rows),
    )


def device_facts(
    device_id: bytes, certificates: Iterable[CertificateRows], knowledge: Knowledge
) -> DeviceFacts:
    """A device, as evidence describes it, or else as claims label it."""
    labels: set[tuple[bool, str, str | None]] = set()
    cloud = False
    for rows in certificates:
        labels.update(
            (True, claim.scheme, None) for claim in _known_claims(rows) if claim.device_id == device_id
        )
        for row in rows.evidence:
            identity = next((one for one in row.found.identities if one.device_id == device_id), None)
            if identity is not None and row.found.key == rows.key:
                labels.add((False, identity.scheme, identity.value))
                cloud = cloud or knowledge.proves_cloud(row.found, When(row.log, row.time_ms))
    _, scheme, value = min(labels, key=lambda label: (label[0], label[1], label[2] or ""))
    return DeviceFacts(device_id, scheme, value, scheme_class(scheme), cloud)


def _known_claims(rows: CertificateRows) -> Iterable[ClaimRow]:
    """The claims whose statements are known: the others are not in view."""
    known = {(row.log, row.leaf) for row in rows.bindings} | {(row.log, row.leaf) for row in rows.evidence}
    return (
        claim
        for claim in rows.claims
        if claim.kind is ClaimKind.EXTENSION or (claim.log, claim.statement) in known
    )


def _superseded(rows: CertificateRows, knowledge: Knowledge) -> _Superseded:
    extension_ms = NEVER
    bindings: dict[tuple[int, int], int] = {}
    for binding in rows.bindings:
        if not _acquits(binding, knowledge):
            continue
        if binding.supersedes_extension:
            extension_ms = min(extension_ms, binding.time_ms)
        if binding.supersedes is not None:
            earlier = (binding.log, binding.supersedes)
            bindings[earlier] = min(bindings.get(earlier, NEVER), binding.time_ms)
    return _Superseded(extension_ms, bindings)


def _weightless(row: BindingRow | RevocationRow, knowledge: Knowledge) -> bool:
    """Whether a CA's statement rests on a key that had turned bad: its statement key, not the issuing key.

    A CA whose issuing key was stolen must still be able to revoke what the thief issued.
    """
    return knowledge.weightless((row.keyid,), When(row.log, row.time_ms))


def _acquits(row: BindingRow, knowledge: Knowledge) -> bool:
    """Whether a CA's statement may excuse something."""
    return not _weightless(row, knowledge) and knowledge.accepts(row.party)


def _logged(rows: CertificateRows) -> list[When]:
    return [When(entry.log, entry.time_ms) for entry in rows.entries]


def _claims(rows: CertificateRows, knowledge: Knowledge, superseded: _Superseded) -> Iterable[DeviceClaim]:
    bindings = {(row.log, row.leaf): row for row in rows.bindings}
    evidence = {(row.log, row.leaf): row for row in rows.evidence}
    for claim in sorted(_known_claims(rows)):
        class_ = scheme_class(claim.scheme)
        place = (claim.log, claim.statement)
        if claim.kind is ClaimKind.EXTENSION:
            method = Method.DECLARED if rows.method is None else rows.method
            sure = knowledge.of_word(method, rows.issuer_key_hash, _logged(rows))
            yield DeviceClaim(
                claim.device_id,
                class_,
                claim.kind,
                rows.issuer,
                sure,
                method.text,
                None,
                superseded.extension_ms,
                min(when.time_ms for when in _logged(rows)),
            )
            continue
        statement = EntryName(knowledge.logs[claim.log].origin, claim.statement)
        if claim.kind is ClaimKind.BINDING:
            binding = bindings[place]
            declared = binding.method is Method.DECLARED or _weightless(binding, knowledge)
            yield DeviceClaim(
                claim.device_id,
                class_,
                claim.kind,
                printable(binding.party),
                Assurance.DECLARED if declared else Assurance.CA_VERIFIED,
                binding.method.text,
                statement,
                superseded.bindings.get(place, NEVER),
                binding.time_ms,
            )
        else:
            found = evidence[place].found
            sure = knowledge.of_evidence(found, When(claim.log, evidence[place].time_ms))
            how = (
                found.format
                if found.outcome is Outcome.VERIFIED
                else f"{found.format}, {found.outcome.value}"
            )
            yield DeviceClaim(
                claim.device_id,
                class_,
                claim.kind,
                statement.origin,
                sure,
                how,
                statement,
                since_ms=evidence[place].time_ms,
            )


def _services(rows: CertificateRows, knowledge: Knowledge, superseded: _Superseded) -> Iterable[ServiceClaim]:
    # What a thief of the issuing key wrote into a certificate covers nothing.
    if rows.service is not None and not knowledge.weightless_wherever((rows.issuer_key_hash,), _logged(rows)):
        yield ServiceClaim(rows.service, Span(ALWAYS, superseded.extension_ms))
    for binding in sorted(rows.bindings):
        if binding.service is None or not _acquits(binding, knowledge):
            continue
        ends_ms = superseded.bindings.get((binding.log, binding.leaf), NEVER)
        yield ServiceClaim(
            binding.service,
            Span(binding.time_ms, ends_ms),
            EntryName(knowledge.logs[binding.log].origin, binding.leaf),
        )


def _endings(rows: CertificateRows, knowledge: Knowledge) -> list[Ending]:
    """The revocations that count, the earliest first."""
    issued = any(entry.final for entry in rows.entries)
    counting = [
        row
        for row in rows.revocations
        if not _weightless(row, knowledge)
        # That a certificate was not issued is void once it is logged, whenever either was.
        and not (issued and row.reason == NOT_ISSUED)
    ]
    counting.sort(key=lambda row: (row.time_ms, knowledge.logs[row.log].origin, row.leaf))
    stated = [
        Ending(
            row.time_ms,
            row.reason,
            printable(row.party),
            EntryName(knowledge.logs[row.log].origin, row.leaf),
        )
        for row in counting
    ]
    listed = [
        Ending(row.time_ms, row.reason, f"the revocation list of {row.issuer}", None)
        for row in sorted(rows.listed)
        # A list rests on the issuing key, which signed it.
        if not any(
            knowledge.weightless((row.issuer_key_hash,), When(log, row.time_ms)) for log in knowledge.logs
        )
    ]
    return sorted([*stated, *listed], key=lambda ending: ending.at_ms)


def _unrecorded(rows: CertificateRows) -> Span | None:
    """While the evidence that the extension names was not recorded for this certificate, in any log."""
    if rows.evidence_digest is None:
        return None
    recorded = [row.time_ms for row in rows.evidence if row.digest == rows.evidence_digest]
    first = min(entry.time_ms for entry in rows.entries)
    return Span(first, max(first, min(recorded, default=NEVER)))
