# SPDX-License-Identifier: Apache-2.0
"""Entries of an issuance log, read and kept (`specs/monitor.md`, section 2.2, step 3).

What was read lies together: new entries come behind it, earlier ones before it, newest first (`back_fill`).

Invariants:

* what entries say and how far the log was read are written in one transaction, for thousands of entries at once:
  every transaction writes each page of an index again that an entry falls into;
* what is kept of an entry does not depend on the order in which entries were read;
* the certificate id of an `x509_entry` is made from the key that verifiably issued the certificate.
"""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from keystead.certificate.chain import verify_issued
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.client.verified_tree import Bundle
from keystead.ct.leaf import X509_ENTRY, LogEntry, parse_merkle_tree_leaf
from keystead.ct.tile_leaf import TileLeaf
from keystead.errors import FetchError, ParseError, VerificationError
from keystead.monitor.facts import IssuanceFacts, read_entry
from keystead.monitor.misbehaviour import Misbehaviour, record_misbehaviour
from keystead.monitor.named_objects import fetch_named
from keystead.monitor.recording import Recorder
from keystead.monitor.store import Store

__all__ = ["IssuanceEntries", "MonitoredLog"]

_MAX_ISSUER_BYTES = 65_536
_AT_ONCE = 8_192
"""Entries in a transaction, about; some ten megabytes of facts."""
_UNWRITTEN_S = 5.0
"""Seconds of reading that a kill may undo: of a log that is slow, less is written at once."""


@dataclass(frozen=True, slots=True)
class MonitoredLog:
    """A log to follow.

    Attributes:
        trust: its keys.
        fetcher: brings its files, below its base.
    """

    trust: Trust
    fetcher: Fetcher


class _Taken(NamedTuple):
    """Consecutive entries that were read and are not written yet."""

    start: int
    entries: list[LogEntry]
    facts: list[IssuanceFacts]


class IssuanceEntries:
    """Keeps the entries of one issuance log.

    Args:
        store: the state.
        number: the log's row id.
        log: which log.
    """

    def __init__(self, store: Store, number: int, log: MonitoredLog) -> None:
        self._store = store
        self._log = number
        self._trust = log.trust
        self._fetcher = log.fetcher
        self._recorder = Recorder(store.db)
        self._issuers: dict[bytes, Certificate | None] = {}
        self._taken: list[_Taken] = []
        self._taken_since = 0.0
        self._checkpoint = b""

    async def take(self, bundle: Bundle[TileLeaf], checkpoint: bytes) -> None:
        """Read consecutive entries; `keep` writes what they say.

        Args:
            bundle: hashed up to the root of the tree; right behind what was read or taken, or right before it.
            checkpoint: of the tree, which proves what is wrong with an entry.

        Raises:
            VerificationError, ParseError, FetchError: an issuer is missing or did not issue.
        """
        await self._find_issuers(bundle.entries)
        facts = [self._facts(leaf, bundle.start + at) for at, leaf in enumerate(bundle.entries)]
        if not self._taken:
            self._taken_since = time.monotonic()
        self._taken.append(_Taken(bundle.start, [leaf.entry for leaf in bundle.entries], facts))
        self._checkpoint = checkpoint
        unwritten_s = time.monotonic() - self._taken_since
        if sum(len(one.facts) for one in self._taken) >= _AT_ONCE or unwritten_s >= _UNWRITTEN_S:
            self.keep()

    def keep(self) -> None:
        """Write what the entries say that were taken, and how far the log was read, in one transaction."""
        taken = sorted(self._taken, key=lambda one: one.start)
        self._taken = []
        if not taken:
            return
        start, entries = taken[0].start, [entry for one in taken for entry in one.entries]
        try:
            with self._store.transaction() as db:
                self._note_read(db, start, entries)
                self._recorder.entries(self._log, start, [facts for one in taken for facts in one.facts])
        except BaseException:
            self._recorder.forget()
            raise

    def _facts(self, leaf: TileLeaf, index: int) -> IssuanceFacts:
        entry = leaf.entry
        if entry.entry_type != X509_ENTRY:
            return read_entry(entry, b"")
        issuer = self._issuers.get(leaf.fingerprints[0]) if leaf.fingerprints else None
        try:
            certificate = parse_certificate(entry.signed)
        except ParseError:
            return read_entry(entry, b"")  # which says why
        if issuer is None:
            raise VerificationError(
                f"issuance entry {index} of {self._trust.name} has no issuer", check="issuer-missing"
            )
        # The leaf's hash does not cover the fingerprints, and the certificate id depends on the issuing key: the
        # signature ties them.
        verify_issued(certificate, issuer)
        return read_entry(entry, issuer.spki_hash)

    async def _find_issuers(self, leaves: Sequence[TileLeaf]) -> None:
        """Have the issuing certificate of every entry at hand.

        An `x509_entry` cannot do without it. A `precert_entry` states its issuing key itself; its issuer is kept to
        verify revocation lists by, and does without where the log does not serve it.
        """
        needed = {leaf.fingerprints[0]: False for leaf in leaves if leaf.fingerprints}
        for leaf in leaves:
            if leaf.entry.entry_type == X509_ENTRY and leaf.fingerprints:
                needed[leaf.fingerprints[0]] = True
        for fingerprint in sorted(needed.keys() - self._issuers.keys()):
            der = await self._issuer(fingerprint)
            if der is None and needed[fingerprint]:
                raise FetchError(
                    f"{self._trust.name} does not serve the issuer {fingerprint.hex()} of one of its entries",
                    url=f"issuance/issuer/{fingerprint.hex()}",
                    status=404,
                )
            self._issuers[fingerprint] = None if der is None else parse_certificate(der)

    async def _issuer(self, fingerprint: bytes) -> bytes | None:
        db = self._store.db
        row = db.execute("SELECT der FROM issuer WHERE fingerprint = ?", (fingerprint,)).fetchone()
        if row is not None:
            return bytes(row[0])
        fetched = await fetch_named(self._fetcher, "issuance/issuer", [fingerprint], _MAX_ISSUER_BYTES)
        der = fetched[fingerprint]
        if der is not None:
            with self._store.transaction():
                db.execute("INSERT OR IGNORE INTO issuer VALUES (?, ?)", (fingerprint, der))
        return der

    def _note_read(self, db: sqlite3.Connection, start: int, entries: Sequence[LogEntry]) -> None:
        """Keep how far the log was read, and what entries say wrongly about their places."""
        stop = start + len(entries)
        first, edge, next_, last = db.execute(
            "SELECT issuance_first, issuance_edge, issuance_next, issuance_time FROM log WHERE id = ?",
            (self._log,),
        ).fetchone()
        fresh, newest = first == next_, entries[-1].timestamp
        if start == next_:
            self._check_places(start, entries, 0 if fresh else last)
            row = (first, entries[0].merkle_tree_leaf() if fresh else edge, stop, newest)
        else:
            # The entry behind these was read when nobody knew what is before it.
            behind = [] if edge is None else [parse_merkle_tree_leaf(edge)]
            self._check_places(start, [*entries, *behind], 0)
            row = (start, entries[0].merkle_tree_leaf(), next_, newest if fresh else last)
        db.execute(
            "UPDATE log SET issuance_first = ?, issuance_edge = ?, issuance_next = ?, issuance_time = ? WHERE id = ?",
            (*row, self._log),
        )

    def _check_places(self, start: int, entries: Sequence[LogEntry], before_ms: int) -> None:
        """Keep what an entry says wrongly about its own place, for the log signed it.

        Args:
            start: index of the first one.
            entries: consecutive ones.
            before_ms: the time in the entry before them; 0 where it is not known, or there is none.
        """
        origin = self._trust.issuance.key.origin
        for index, entry in enumerate(entries, start):
            said = ""
            if entry.leaf_index != index:
                kind, said = "wrong-leaf-index", f"issuance entry {index} says that it is {entry.leaf_index}"
            elif entry.timestamp < before_ms:
                kind, said = "time-goes-back", f"issuance entry {index} is earlier than the one before it"
            if said:
                evidence = {"entry": entry.merkle_tree_leaf(), "checkpoint": self._checkpoint}
                record_misbehaviour(
                    self._store.db, Misbehaviour(origin, kind, str(index), entry.timestamp, said, evidence)
                )
            before_ms = entry.timestamp
