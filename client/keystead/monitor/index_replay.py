# SPDX-License-Identifier: Apache-2.0
"""The map of a log's device index computed again beside following, for a monitor that is asked to (`specs/monitor.md`).

It reads both logs from their first entry, in a state of its own, as an audit does (`keystead.audit.device_index`); that
takes as long as following, and some 250 MB on disk for a million entries. So it is not done unless asked for.

| losing the file  | the map is computed from the first entry again |
| altering it | misleads; the monitor's user alone should be able to write it |

Invariants:

* only entries that hash to the signed trees count, and of a certificate only under the issuer that signed it;
* what is found is kept in the monitor's state before it is passed over here: a kill at any instant loses no finding.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

from keystead.audit.device_index import histories, listing, position
from keystead.audit.device_index.heads import HeadCheck
from keystead.audit.device_index.listing import list_under
from keystead.audit.problem import Problem
from keystead.certificate.chain import verify_issued
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES, Bundle, VerifiedTree
from keystead.ct.leaf import X509_ENTRY
from keystead.ct.tile_leaf import TileLeaf
from keystead.errors import FetchError, ParseError, StoreError
from keystead.index.mapping import subjects_of_entry
from keystead.monitor.index_heads import LoggedHead, logged_head
from keystead.monitor.named_objects import fetch_named
from keystead.monitor.statement_reading import read_statement

__all__ = ["IndexReplay"]

_READ = "CREATE TABLE listed_to (log TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID"
_SCHEMAS = (listing.SCHEMA, histories.SCHEMA, position.SCHEMA, _READ)
_APPLICATION = 0x4B53494D  # "KSIM"
_MAX_ISSUER_BYTES = 1 << 20
Found = Callable[[LoggedHead, Problem], None]
"""Keeps what is wrong with a head."""


class IndexReplay:
    """The index of one log, as far as it was computed. Use it as a context manager.

    Args:
        path: the file of its state, made where it is absent.
        fetcher: reads the log.
        trust: its keys.

    Raises:
        StoreError: the file is something else.
    """

    def __init__(self, path: Path, fetcher: Fetcher, trust: Trust) -> None:
        self._path = path
        self._fetcher = fetcher
        self._trust = trust
        self._issuers: dict[bytes, Certificate] = {}
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._prepare()
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be used ({error}); delete it, and it is made again") from error
        self._check = HeadCheck(self._db, trust.issuance.key.origin, trust.statements.key.origin)

    def _prepare(self) -> None:
        (application,) = self._db.execute("PRAGMA application_id").fetchone()
        if application == _APPLICATION:
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
        for schema in _SCHEMAS:
            for statement in schema.split(";\n"):
                self._db.execute(statement)
        self._db.executemany("INSERT INTO listed_to VALUES (?, 0)", [("issuance",), ("statements",)])
        self._db.execute("COMMIT")

    def __enter__(self) -> "IndexReplay":
        return self

    def __exit__(self, *exception: object) -> None:
        self._check.__exit__(None, None, None)
        self._db.close()

    async def follow(self, issuance: VerifiedTree, statements: VerifiedTree, found: Found) -> int:
        """Compare every new head; how many there were.

        Args:
            issuance, statements: the trees of both logs, which extend those of before.
            found: is told what is wrong, and keeps it.

        Raises:
            FetchError, ParseError, VerificationError: the log does not serve what it promises.
        """
        before = self._check.checked
        self._check.issuance_size = issuance.size
        try:
            async with aclosing(issuance.bundles(DATA_TILES, self._next("issuance"))) as entries:
                async for leaves in entries:
                    items = await self._items(leaves)
                    with self._transaction("issuance", leaves.start + len(leaves.entries)):
                        self._check.list_entries(leaves.start, items, b"".join(leaves.leaf_hashes))
            async with aclosing(statements.bundles(ENTRY_BUNDLES, self._next("statements"))) as others:
                async for bundle in others:
                    with self._transaction("statements", bundle.start + len(bundle.entries)):
                        for index, raw in enumerate(bundle.entries, bundle.start):
                            self._take(index, raw, found)
                        self._check.finish()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be used: {error}") from error
        return self._check.checked - before

    @contextmanager
    def _transaction(self, log: str, next_index: int) -> Iterator[None]:
        """What a bundle says, and that it was taken, together."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("UPDATE listed_to SET next = ? WHERE log = ?", (next_index, log))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _next(self, log: str) -> int:
        return int(self._db.execute("SELECT next FROM listed_to WHERE log = ?", (log,)).fetchone()[0])

    async def _items(self, bundle: Bundle[TileLeaf]) -> list[bytes]:
        """What issuance entries are listed under."""
        finals = [
            leaf for leaf in bundle.entries if leaf.entry.entry_type == X509_ENTRY and leaf.fingerprints
        ]
        await self._find({leaf.fingerprints[0] for leaf in finals} - self._issuers.keys())
        return [list_under(subjects_of_entry(leaf.entry, self._issued_by(leaf))) for leaf in bundle.entries]

    def _issued_by(self, leaf: TileLeaf) -> bytes | None:
        """The issuing key of a certificate, whose signature ties it to the entry."""
        if leaf.entry.entry_type != X509_ENTRY or not leaf.fingerprints:
            return None
        issuer = self._issuers[leaf.fingerprints[0]]
        try:
            certificate = parse_certificate(leaf.entry.signed)
        except ParseError:
            return issuer.spki_hash  # it is listed as what cannot be read
        verify_issued(certificate, issuer)
        return issuer.spki_hash

    async def _find(self, fingerprints: set[bytes]) -> None:
        fetched = await fetch_named(self._fetcher, "issuance/issuer", sorted(fingerprints), _MAX_ISSUER_BYTES)
        for fingerprint, der in fetched.items():
            if der is None:
                path = f"issuance/issuer/{fingerprint.hex()}"
                raise FetchError(f"{self._trust.name} does not serve {path}", url=path, status=404)
            self._issuers[fingerprint] = parse_certificate(der)

    def _take(self, index: int, raw: bytes, found: Found) -> None:
        read = read_statement(raw, self._trust.statements.statement_key)
        self._check.list_statement(index, read.statement)
        head = logged_head(index, read, self._trust)
        if head is not None:
            for problem in self._check.take(index, head.statement):
                found(head, problem)
