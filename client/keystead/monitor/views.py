# SPDX-License-Identifier: Apache-2.0
"""Reading facts out of the state, as the values that rules judge: all that bears on each of some devices.

Rows that were logged after the moment of knowing are passed over here; what the others mean is for `assembly`,
and no rule sees the database.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from keystead.certificate.extension import Method
from keystead.monitor.assembly import (
    BindingRow,
    CertificateRows,
    ClaimRow,
    EntryRow,
    EvidenceRow,
    ListedRow,
    RevocationRow,
    certificate_facts,
    device_facts,
)
from keystead.monitor.evidence import read_evidence_row
from keystead.monitor.facts import SubscriberRecord
from keystead.monitor.knowledge import AliasRow, Knowledge, TransferRow
from keystead.monitor.model import CertificateFacts, ClaimKind, DeviceView, KeyView, LoggedTransfer
from keystead.monitor.profiles import Alias, Profile, profile_of
from keystead.monitor.recording import BINDING, EVIDENCE, EXTENSION
from keystead.monitor.rows import select_in
from keystead.monitor.subscribers import Subscribers

__all__ = [
    "CertificateViews",
    "KeyViews",
    "Views",
    "load_certificates",
    "load_component",
    "load_key_views",
    "load_views",
]

_KINDS = {EXTENSION: ClaimKind.EXTENSION, BINDING: ClaimKind.BINDING, EVIDENCE: ClaimKind.EVIDENCE}


@dataclass(frozen=True, slots=True)
class Views:
    """Some devices, and who is whom on them.

    Attributes:
        devices: all that bears on each, by row id.
        subscribers: every one that could be one with one of theirs.
    """

    devices: dict[int, DeviceView]
    subscribers: Subscribers


@dataclass(frozen=True, slots=True)
class KeyViews:
    """Some public keys, and who is whom among those whom they are certified for.

    Attributes:
        keys: all that bears on each.
        subscribers: every one that could be one with one of theirs.
    """

    keys: tuple[KeyView, ...]
    subscribers: Subscribers


@dataclass(frozen=True, slots=True)
class CertificateViews:
    """Some certificates.

    Attributes:
        certificates: what is known of each, by row id.
        subscribers: every one that could be one with one of theirs.
    """

    certificates: dict[int, CertificateFacts]
    subscribers: Subscribers


def load_views(db: sqlite3.Connection, knowledge: Knowledge, devices: Sequence[int]) -> Views:
    """All that is known about some devices.

    Args:
        db: the state.
        knowledge: what is known, and what it is worth.
        devices: row ids; a few hundred at a time keep memory small.
    """
    standing: dict[int, list[int]] = defaultdict(list)
    query = "SELECT DISTINCT device, certificate FROM claim WHERE device IN (…)"
    for device, certificate in select_in(db, query, devices):
        standing[device].append(certificate)
    rows = _load_rows(db, {one for listed in standing.values() for one in listed}, knowledge)
    facts = {number: certificate_facts(one, knowledge) for number, one in rows.items() if one.entries}
    transfers = _load_transfers(db, devices, knowledge)
    views: dict[int, DeviceView] = {}
    for device, device_id in select_in(db, "SELECT id, device_id FROM device WHERE id IN (…)", devices):
        # A claim may be hidden although the certificate is known.
        known = [one for one in standing[device] if one in facts and facts[one].on(device_id)]
        if known:
            certificates = tuple(facts[one] for one in known)
            views[device] = _view(
                device_id,
                certificates,
                [rows[one] for one in known],
                tuple(transfers[device_id]),
                knowledge,
            )
    return Views(views, _load_subscribers(db, knowledge, facts.values()))


def load_key_views(db: sqlite3.Connection, knowledge: Knowledge, keys: Sequence[bytes]) -> KeyViews:
    """All that is known about some public keys; a few hundred at a time."""
    numbers = dict(select_in(db, "SELECT id, key FROM certificate WHERE key IN (…)", keys))
    rows = _load_rows(db, set(numbers), knowledge)
    facts = {number: certificate_facts(one, knowledge) for number, one in rows.items() if one.entries}
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for number in facts:
        by_key[numbers[number]].append(number)
    views = []
    for key, members in sorted(by_key.items()):
        certificates = tuple(facts[number] for number in members)
        ids = {claim.device_id for certificate in certificates for claim in certificate.claims}
        known = [rows[number] for number in members]
        devices = {device_id: device_facts(device_id, known, knowledge) for device_id in sorted(ids)}
        views.append(KeyView(key, certificates, devices))
    return KeyViews(tuple(views), _load_subscribers(db, knowledge, facts.values()))


def load_component(db: sqlite3.Connection, knowledge: Knowledge, component: int) -> CertificateViews:
    """The certificates of all subscribers in a component."""
    query = "SELECT certificate.id FROM profile JOIN certificate ON profile = profile.id WHERE component = ?"
    return load_certificates(db, knowledge, {number for (number,) in db.execute(query, (component,))})


def load_certificates(
    db: sqlite3.Connection, knowledge: Knowledge, certificates: Iterable[int]
) -> CertificateViews:
    """What is known about some certificates."""
    rows = _load_rows(db, set(certificates), knowledge)
    facts = {number: certificate_facts(one, knowledge) for number, one in rows.items() if one.entries}
    return CertificateViews(facts, _load_subscribers(db, knowledge, facts.values()))


def _view(
    device_id: bytes,
    certificates: tuple[CertificateFacts, ...],
    rows: Sequence[CertificateRows],
    transfers: tuple[LoggedTransfer, ...],
    knowledge: Knowledge,
) -> DeviceView:
    enrolments = knowledge.enrolments(device_id)
    named = {claim.service for certificate in certificates for claim in certificate.services}
    named.update(held.enrolment.service for held in enrolments)
    return DeviceView(
        device_facts(device_id, rows, knowledge),
        certificates,
        enrolments,
        knowledge.services(named),
        transfers,
    )


def _load_transfers(
    db: sqlite3.Connection, devices: Sequence[int], knowledge: Knowledge
) -> Mapping[bytes, list[LoggedTransfer]]:
    found: dict[bytes, list[LoggedTransfer]] = defaultdict(list)
    for log, index, time_ms, device_id, one, other, keyid, party in select_in(
        db,
        "SELECT log, idx, time, transfer.device_id, one, other, keyid, party FROM device "
        "JOIN transfer ON transfer.device_id = device.device_id WHERE device.id IN (…)",
        devices,
    ):
        row = TransferRow(log, index, time_ms, device_id, frozenset({one, other}), keyid, party)
        transfer = knowledge.transfer(row) if knowledge.knows(time_ms) else None
        if transfer is not None:
            found[device_id].append(transfer)
    return found


def _load_rows(
    db: sqlite3.Connection, certificates: set[int], knowledge: Knowledge
) -> dict[int, CertificateRows]:
    """The rows about certificates, but for what is not known yet."""
    found: dict[int, CertificateRows] = {}
    for number, certificate_id, issuer_key_hash, issuer, serial, key, *rest in select_in(
        db,
        "SELECT certificate.id, certificate_id, issuer_key_hash, issuer_name.short, serial, key, not_before, "
        "not_after, profile, method, service, evidence_digest FROM certificate "
        "JOIN issuer_name ON issuer_name.id = issuer WHERE certificate.id IN (…)",
        certificates,
    ):
        not_before, not_after, profile, method, service, evidence_digest = rest
        found[number] = CertificateRows(
            certificate_id,
            issuer_key_hash,
            issuer,
            serial,
            key,
            not_before,
            not_after,
            profile,
            None if method is None else Method(method),
            service,
            evidence_digest,
        )
    for number, log, index, time_ms, final in select_in(
        db, "SELECT certificate, log, idx, time, final FROM entry WHERE certificate IN (…)", certificates
    ):
        if knowledge.knows(time_ms):
            found[number].entries.append(EntryRow(log, index, time_ms, bool(final)))
    for number, device_id, kind, log, statement, scheme in select_in(
        db,
        "SELECT certificate, device_id, kind, log, statement, scheme FROM claim JOIN device ON device.id = device "
        "WHERE certificate IN (…)",
        certificates,
    ):
        found[number].claims.append(ClaimRow(device_id, _KINDS[kind], log, statement, scheme))
    for number, log, index, time_ms, keyid, party, method, service, supersedes, extension in select_in(
        db,
        "SELECT certificate, log, idx, time, keyid, party, method, service, supersedes, supersedes_extension "
        "FROM binding WHERE certificate IN (…)",
        certificates,
    ):
        if knowledge.knows(time_ms):
            row = BindingRow(
                log, index, time_ms, keyid, party, Method(method), service, supersedes, bool(extension)
            )
            found[number].bindings.append(row)
    for number, log, index, time_ms, digest, *evidence in select_in(
        db,
        "SELECT certificate, log, idx, time, digest, outcome, format, key, anchors, rests_on, identities "
        "FROM evidence_statement JOIN evidence USING (log) WHERE digest = evidence AND certificate IN (…)",
        certificates,
    ):
        if knowledge.knows(time_ms):
            row_found = read_evidence_row(*evidence)
            found[number].evidence.append(EvidenceRow(log, index, time_ms, digest, row_found))
    for number, log, index, time_ms, keyid, party, reason in select_in(
        db,
        "SELECT certificate, log, idx, time, keyid, party, reason FROM revocation WHERE certificate IN (…)",
        certificates,
    ):
        if knowledge.knows(time_ms):
            found[number].revocations.append(RevocationRow(log, index, time_ms, keyid, party, reason))
    for number, time_ms, reason, key_hash, issuer in select_in(
        db,
        "SELECT certificate, time, reason, issuer_key_hash, issuer FROM list_revocation WHERE certificate IN (…)",
        certificates,
    ):
        if knowledge.knows(time_ms):
            found[number].listed.append(ListedRow(time_ms, reason, key_hash, issuer))
    return found


def _load_subscribers(
    db: sqlite3.Connection, knowledge: Knowledge, certificates: Iterable[CertificateFacts]
) -> Subscribers:
    """The subscribers of certificates and all that could be one with them: their components, whole."""
    profiles = {certificate.subscriber for certificate in certificates}
    components = {
        component
        for (component,) in select_in(db, "SELECT DISTINCT component FROM profile WHERE id IN (…)", profiles)
    }
    query = "SELECT id, record FROM profile WHERE component IN (…)"
    found = dict(select_in(db, query, components))
    if knowledge.known_at_ms is not None:
        known = {
            profile
            for (profile, first) in select_in(
                db,
                "SELECT profile, min(time) FROM certificate JOIN entry ON entry.certificate = certificate.id "
                "WHERE profile IN (…) GROUP BY profile",
                found,
            )
            if knowledge.knows(first)
        }
        found = {number: record for number, record in found.items() if number in known}
    listed = [_profile(number, record, knowledge) for number, record in found.items()]
    return Subscribers(listed, _load_aliases(db, knowledge, listed))


def _load_aliases(
    db: sqlite3.Connection, knowledge: Knowledge, profiles: Iterable[Profile]
) -> Iterator[Alias]:
    """The aliases that name any of some profiles."""
    ids = {profile.subscriber_id for profile in profiles}
    query = "SELECT DISTINCT log, idx FROM alias_member WHERE subscriber_id IN (…)"
    for log, index in sorted(set(select_in(db, query, ids))):
        time_ms, keyid, party, issuers = db.execute(
            "SELECT time, keyid, party, issuers FROM alias WHERE log = ? AND idx = ?", (log, index)
        ).fetchone()
        named = db.execute("SELECT subscriber_id FROM alias_member WHERE log = ? AND idx = ?", (log, index))
        row = AliasRow(log, index, time_ms, keyid, party, issuers, frozenset(one for (one,) in named))
        alias = knowledge.alias(row) if knowledge.knows(time_ms) else None
        if alias is not None:
            yield alias


def _profile(number: int, text: str, knowledge: Knowledge) -> Profile:
    record = SubscriberRecord.from_text(text)
    issuers = knowledge.issuing_organizations(record.issuer_key_hash, record.issuer_organization)
    return profile_of(number, record, issuers)
