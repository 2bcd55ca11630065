# SPDX-License-Identifier: Apache-2.0
"""Writing what was learned into the state: certificates, subscribers, devices, and what changed by it.

Every function runs inside a transaction of its caller, who writes in the same one how far the log was read.

Invariants:

* writing a fact again changes nothing, so a certificate that two logs have is one;
* whatever can change a verdict marks what it touches (`touched`), so that judging only what is touched gives the
  same as judging everything.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256

from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.monitor.facts import CertificateRecord, IssuanceFacts, IssuerName, SubscriberRecord
from keystead.monitor.profiles import Profile, join_keys

__all__ = [
    "BINDING",
    "EVIDENCE",
    "EXTENSION",
    "NO_STATEMENT",
    "Recorder",
    "add_alias",
    "add_claims",
    "profile_of",
    "touch",
    "with_marks",
]

EXTENSION, BINDING, EVIDENCE = 0, 1, 2
"""Kinds of claims in the database."""

NO_STATEMENT = -1
"""Stands for log and statement where the certificate itself claims."""

_MAX_REMEMBERED = 50_000


class Recorder:
    """Writes issuance entries; remembers ids of names and profiles, which repeat.

    Args:
        db: the state.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._names: dict[IssuerName, int] = {}
        self._profiles: dict[SubscriberRecord, int] = {}

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that did not commit."""
        self._names.clear()
        self._profiles.clear()

    def entries(self, log: int, start: int, found: Sequence[IssuanceFacts]) -> None:
        """Write consecutive issuance entries.

        Args:
            log: the log's id.
            start: index of the first one.
            found: what they say, in order.
        """
        records = [facts.certificate for facts in found if facts.certificate is not None]
        ids = self._certificates(records)
        self._db.executemany(
            "INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    log,
                    start + at,
                    facts.time_ms,
                    facts.final,
                    None if facts.certificate is None else ids[facts.certificate.certificate_id],
                    facts.problem or None,
                )
                for at, facts in enumerate(found)
            ),
        )
        touch(self._db, "certificate", ids.values())

    def _certificates(self, records: Sequence[CertificateRecord]) -> dict[bytes, int]:
        """Write certificates and what their extensions claim; their row ids by certificate id."""
        self._db.executemany(
            "INSERT OR IGNORE INTO certificate VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    record.certificate_id,
                    record.issuer_key_hash,
                    self._name(record.issuer),
                    record.serial,
                    record.key,
                    record.not_before,
                    record.not_after,
                    self._profile(record.subscriber),
                    None if record.extension is None else int(record.extension.method),
                    None if record.extension is None else record.extension.evidence_digest,
                    None if record.extension is None else record.extension.service,
                )
                for record in records
            ],
        )
        ids = _ids(self._db, "certificate", {record.certificate_id for record in records})
        claims = [
            (ids[record.certificate_id], device, scheme)
            for record in records
            if record.extension is not None
            for device, scheme in record.extension.devices
        ]
        add_claims(self._db, EXTENSION, NO_STATEMENT, NO_STATEMENT, claims)
        return ids

    def _name(self, name: IssuerName) -> int:
        known = self._names.get(name)
        if known is None:
            self._db.execute(
                "INSERT OR IGNORE INTO issuer_name VALUES (NULL, ?, ?, ?)",
                (name.full, name.short, name.organization),
            )
            (known,) = self._db.execute("SELECT id FROM issuer_name WHERE full = ?", (name.full,)).fetchone()
            self._names[name] = known
        return known

    def _profile(self, record: SubscriberRecord) -> int:
        known = self._profiles.get(record)
        if known is None:
            known = self._find_profile(record)
            if len(self._profiles) >= _MAX_REMEMBERED:
                self._profiles.clear()
            self._profiles[record] = known
        return known

    def _find_profile(self, record: SubscriberRecord) -> int:
        db, text = self._db, record.to_text()
        digest = sha256(text.encode()).digest()
        row = db.execute("SELECT id FROM profile WHERE digest = ?", (digest,)).fetchone()
        if row is not None:
            return int(row[0])
        keys = [sha256(key.encode()).digest() for key in join_keys(profile_of(0, record, frozenset()))]
        query = with_marks(
            "SELECT DISTINCT component FROM profile_key JOIN profile ON profile.id = profile_key.profile "
            "WHERE profile_key.key IN (…)",
            len(keys),
        )
        others = {component for (component,) in db.execute(query, keys)}
        others.update(
            component
            for (component,) in db.execute(
                "SELECT DISTINCT component FROM alias_member AS named "
                "JOIN alias_member AS other ON other.log = named.log AND other.idx = named.idx "
                "JOIN profile ON profile.subscriber_id = other.subscriber_id WHERE named.subscriber_id = ?",
                (record.subscriber_id,),
            )
        )
        (number,) = db.execute("SELECT coalesce(max(id), 0) + 1 FROM profile").fetchone()
        component = min(others, default=number)
        row = (number, digest, text, record.subscriber_id, component)
        db.execute("INSERT INTO profile VALUES (?, ?, ?, ?, ?)", row)
        db.executemany("INSERT INTO profile_key VALUES (?, ?)", [(key, number) for key in keys])
        join_components(db, others)
        return int(number)


def join_components(db: sqlite3.Connection, components: Iterable[int]) -> None:
    """Make one component of several: their profiles could be grouped otherwise now, and are to be judged anew."""
    listed = sorted(components)
    for other in listed[1:]:
        db.execute("UPDATE profile SET component = ? WHERE component = ?", (listed[0], other))
    touch(db, "component", listed)


def add_alias(
    db: sqlite3.Connection,
    log: int,
    index: int,
    time_ms: int,
    keyid: bytes,
    party: str,
    issuers: bytes,
    subscribers: Sequence[bytes],
) -> None:
    """Write that subscribers are one, says a party that speaks for issuing keys (32 bytes each)."""
    db.execute("INSERT INTO alias VALUES (?, ?, ?, ?, ?, ?)", (log, index, time_ms, keyid, party, issuers))
    db.executemany(
        "INSERT INTO alias_member VALUES (?, ?, ?)", [(subscriber, log, index) for subscriber in subscribers]
    )
    components: set[int] = set()
    for subscriber in subscribers:
        query = "SELECT DISTINCT component FROM profile WHERE subscriber_id = ?"
        components.update(component for (component,) in db.execute(query, (subscriber,)))
    join_components(db, components)


def add_claims(
    db: sqlite3.Connection,
    kind: int,
    log: int,
    statement: int,
    claims: Iterable[tuple[int, bytes, str]],
) -> None:
    """Write that certificates stand on devices.

    Args:
        db: the state.
        kind: `EXTENSION`, `BINDING` or `EVIDENCE`.
        log: of the statement that says so, or `NO_STATEMENT`.
        statement: its index, or `NO_STATEMENT`.
        claims: row id of a certificate, device id, name of the scheme.
    """
    claims = list(claims)
    devices = {device for _, device, _ in claims}
    db.executemany("INSERT OR IGNORE INTO device VALUES (NULL, ?)", ((device,) for device in devices))
    ids = _ids(db, "device", devices)
    db.executemany(
        "INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?, ?, ?)",
        ((certificate, ids[device], kind, log, statement, scheme) for certificate, device, scheme in claims),
    )


def touch(db: sqlite3.Connection, kind: str, what: Iterable[int | bytes]) -> None:
    """Note that verdicts may change: about a `certificate` (row id), `component`, `service`, `device` (id) or `all`."""
    db.executemany("INSERT OR IGNORE INTO touched VALUES (?, ?)", ((kind, one) for one in what))


def profile_of(number: int, record: SubscriberRecord, issuers: frozenset[str]) -> Profile:
    """A record as a profile that can be compared.

    Args:
        number: of its row.
        record: what the certificates say.
        issuers: the issuing organizations, as the policies that are known list them.
    """
    return Profile(
        number=number,
        subscriber_id=record.subscriber_id,
        label=record.label,
        decodable=record.decodable,
        strong=StrongIdentifiers(record.registration, record.organization, record.lei, record.eku),
        name=record.name,
        place=record.place,
        issuers=issuers,
        issuer_key_hash=record.issuer_key_hash,
    )


def with_marks(query: str, count: int) -> str:
    """A query in which `(…)` stands for `count` question marks."""
    return query.replace("(…)", f"({','.join('?' * count)})")


_ID_QUERIES = {
    "certificate": "SELECT certificate_id, id FROM certificate WHERE certificate_id IN (…)",
    "device": "SELECT device_id, id FROM device WHERE device_id IN (…)",
}


def _ids(db: sqlite3.Connection, table: str, values: set[bytes]) -> dict[bytes, int]:
    """Row ids of certificates or devices by their own ids."""
    found: dict[bytes, int] = {}
    listed = list(values)
    for at in range(0, len(listed), 500):
        part = listed[at : at + 500]
        found.update(db.execute(with_marks(_ID_QUERIES[table], len(part)), part))
    return found
