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

from keystead.monitor.facts import CertificateRecord, IssuanceFacts, IssuerName
from keystead.monitor.profile_rows import ProfileRows
from keystead.monitor.rows import ids_of, touch

__all__ = ["BINDING", "EVIDENCE", "EXTENSION", "NO_STATEMENT", "Recorder", "add_claims"]

EXTENSION, BINDING, EVIDENCE = 0, 1, 2
"""Kinds of claims in the database."""

NO_STATEMENT = -1
"""Stands for log and statement where the certificate itself claims."""


class Recorder:
    """Writes issuance entries; remembers ids of names and profiles, which repeat.

    Args:
        db: the state.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._names: dict[IssuerName, int] = {}
        self._profiles = ProfileRows(db)

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that did not commit."""
        self._names.clear()
        self._profiles.forget()

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
        profiles = self._profiles.numbers([record.subscriber for record in records])
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
                    profile,
                    None if record.extension is None else int(record.extension.method),
                    None if record.extension is None else record.extension.evidence_digest,
                    None if record.extension is None else record.extension.service,
                )
                for record, profile in zip(records, profiles, strict=True)
            ],
        )
        ids = ids_of(self._db, "certificate", {record.certificate_id for record in records})
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
    ids = ids_of(db, "device", devices)
    db.executemany(
        "INSERT OR IGNORE INTO claim VALUES (?, ?, ?, ?, ?, ?)",
        ((certificate, ids[device], kind, log, statement, scheme) for certificate, device, scheme in claims),
    )
