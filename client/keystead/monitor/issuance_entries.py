# SPDX-License-Identifier: Apache-2.0
"""New entries of an issuance log, read and kept (`specs/monitor.md`, section 2.2, step 3).

Invariants:

* what entries say and how far the log was read are written in one transaction;
* the certificate id of an `x509_entry` is made from the key that verifiably issued the certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keystead.certificate.chain import verify_issued
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.client.verified_tree import Bundle
from keystead.ct.leaf import X509_ENTRY
from keystead.ct.tile_leaf import TileLeaf
from keystead.errors import FetchError, ParseError, VerificationError
from keystead.monitor.facts import IssuanceFacts, read_entry
from keystead.monitor.misbehaviour import Misbehaviour, record_misbehaviour
from keystead.monitor.named_objects import fetch_named
from keystead.monitor.recording import Recorder
from keystead.monitor.store import Store

__all__ = ["IssuanceEntries", "MonitoredLog"]

_MAX_ISSUER_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class MonitoredLog:
    """A log to follow.

    Attributes:
        trust: its keys.
        fetcher: brings its files, below its base.
    """

    trust: Trust
    fetcher: Fetcher


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

    async def keep(self, bundle: Bundle[TileLeaf], checkpoint: bytes) -> None:
        """Keep what consecutive entries say, and how far the log was read, in one transaction.

        Args:
            bundle: hashed up to the root of the tree.
            checkpoint: of the tree, which proves what is wrong with an entry.

        Raises:
            VerificationError, ParseError, FetchError: an issuer is missing or did not issue.
        """
        await self._find_issuers(bundle.entries)
        found = [self._facts(leaf, bundle.start + at) for at, leaf in enumerate(bundle.entries)]
        try:
            with self._store.transaction() as db:
                last = self._check_places(bundle, checkpoint)
                self._recorder.entries(self._log, bundle.start, found)
                db.execute(
                    "UPDATE log SET issuance_next = ?, issuance_time = ? WHERE id = ?",
                    (bundle.start + len(found), last, self._log),
                )
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
                db.execute("INSERT INTO issuer VALUES (?, ?)", (fingerprint, der))
        return der

    def _check_places(self, bundle: Bundle[TileLeaf], checkpoint: bytes) -> int:
        """Keep what an entry says wrongly about its own place, for the log signed it; the latest time so far."""
        (last,) = self._store.db.execute(
            "SELECT issuance_time FROM log WHERE id = ?", (self._log,)
        ).fetchone()
        for at, leaf in enumerate(bundle.entries):
            index, entry = bundle.start + at, leaf.entry
            said = ""
            if entry.leaf_index != index:
                kind, said = "wrong-leaf-index", f"issuance entry {index} says that it is {entry.leaf_index}"
            elif entry.timestamp < last:
                kind, said = "time-goes-back", f"issuance entry {index} is earlier than the one before it"
            if said:
                evidence = {"entry": entry.merkle_tree_leaf(), "checkpoint": checkpoint}
                origin = self._trust.issuance.key.origin
                record_misbehaviour(
                    self._store.db, Misbehaviour(origin, kind, str(index), entry.timestamp, said, evidence)
                )
            last = max(last, entry.timestamp)
        return int(last)
