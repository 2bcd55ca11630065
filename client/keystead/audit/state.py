# SPDX-License-Identifier: Apache-2.0
"""What an audit knows of a log: facts of every entry, in a database that can be kept and continued.

Rules between entries, and between the two logs, are questions to these facts (`rules`, `judge`), and the device index
is rebuilt from some of them (`device_index`); a million entries take some 500 MB on disk and little memory. Without a
file the database is a temporary one.

| losing the file | the next audit begins at the first entry |
| altering it | misleads the next audit that continues from it; its owner alone should be able to write it |

Invariants:

* one audit is one transaction: a file holds the state of an audit that was finished, or the one before it;
* what is kept was read whole and hashed to what is signed or named: an audit that found bytes missing or altered is not
  kept (`run`), so an audit that continues ends where one from nothing would;
* of an entry that could not be read there is a row without facts.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from keystead.audit.device_index import histories, listing, position
from keystead.audit.edge import EMPTY_EDGE, Edge
from keystead.audit.issuance import EntryFacts
from keystead.audit.problem import Problem
from keystead.client.trust import Trust
from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.errors import ParseError, StoreError, UsageError

__all__ = ["ISSUANCE", "STATEMENTS", "AuditState", "split_digests"]

ISSUANCE, STATEMENTS = "issuance", "statements"

_APPLICATION = 0x4B534155  # "KSAU"
_VERSION = 2
_REMEMBERED_CHAINS = 4096
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tree (log TEXT PRIMARY KEY, checkpoint BLOB NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE edge (log TEXT, level INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (log, level)) WITHOUT ROWID;
CREATE TABLE chain (
  id INTEGER PRIMARY KEY, fingerprints BLOB NOT NULL, issuer_key_hash BLOB, anchor BLOB NOT NULL,
  UNIQUE (fingerprints, issuer_key_hash)
);
CREATE TABLE entry (
  idx INTEGER PRIMARY KEY, time INTEGER, final INTEGER, certificate_id BLOB, key_hash BLOB, fingerprint BLOB,
  chain INTEGER, size INTEGER, extended INTEGER, named BLOB, devices BLOB
);
CREATE INDEX entry_certificate ON entry (certificate_id);
CREATE INDEX entry_time ON entry (time);
CREATE TABLE on_device (
  device BLOB, issuer_key_hash BLOB, time INTEGER NOT NULL, PRIMARY KEY (device, issuer_key_hash)
) WITHOUT ROWID;
CREATE TABLE policy (idx INTEGER PRIMARY KEY, time INTEGER NOT NULL, policy BLOB NOT NULL, successor TEXT);
CREATE TABLE referred (idx INTEGER PRIMARY KEY, time INTEGER NOT NULL, entry BLOB NOT NULL);
CREATE TABLE said (identity BLOB PRIMARY KEY, idx INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE evidence (
  idx INTEGER PRIMARY KEY, time INTEGER NOT NULL, certificate_id BLOB NOT NULL, digest BLOB NOT NULL,
  devices BLOB NOT NULL
);
CREATE INDEX evidence_certificate ON evidence (certificate_id);
CREATE TABLE problem (problem BLOB PRIMARY KEY) WITHOUT ROWID;
"""
_SCHEMAS = (_SCHEMA, listing.SCHEMA, histories.SCHEMA, position.SCHEMA)


def split_digests(data: bytes) -> list[bytes]:
    """Digests that lie one after the other."""
    return [data[at : at + 32] for at in range(0, len(data), 32)]


class AuditState:
    """The facts of one log. Use it as a context manager; what is not `keep`-ed is forgotten.

    Args:
        path: of the file, made if it is not there; None for a temporary database.
        trust: the log; a file of another log is refused.
        hashes_only: entries are hashed and not read; a file of another sort is refused.
        index: the device index is rebuilt; likewise.

    Raises:
        StoreError: the file is something else, in use, or cannot be used.
        UsageError: it is of another log, or of the other sort.
    """

    def __init__(
        self, path: Path | None, trust: Trust, *, hashes_only: bool = False, index: bool = True
    ) -> None:
        self._path = path
        self._kept = path is None or path.exists()
        self._chains: dict[tuple[bytes, bytes | None], int] = {}
        try:
            # The empty name is a database in temporary files, which SQLite holds in memory while it is small.
            self.db = sqlite3.connect("" if path is None else path, isolation_level=None, timeout=0)
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        try:
            self._begin(_identity(trust, hashes_only=hashes_only, index=index))
        except sqlite3.Error as error:
            self.db.close()
            raise StoreError(f"{path} cannot be used as the state of an audit: {error}") from error
        except BaseException:
            self.db.close()
            raise

    def _begin(self, identity: bytes) -> None:
        self.db.execute("PRAGMA cache_size = -65536")
        if self._path is None:
            self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("BEGIN IMMEDIATE")
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (tables,) = self.db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables and not application:
            self.db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self.db.execute(f"PRAGMA user_version = {_VERSION}")
            for schema in _SCHEMAS:
                for statement in schema.split(";\n"):
                    self.db.execute(statement)
            self.set_meta("identity", identity)
            return
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION or version != _VERSION:
            raise StoreError(f"{self._path} is not the state of an audit that this program can continue")
        if self.meta("identity") != identity:
            raise UsageError(
                f"{self._path} is the state of an audit of another log, or of one that checked other things "
                "(only hashes, or no heads of the index): give another file"
            )

    def __enter__(self) -> "AuditState":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.close()
        if self._path is not None and not self._kept:
            self._path.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            place = "the temporary database of the audit" if self._path is None else str(self._path)
            raise StoreError(f"{place} cannot be used: {error}") from error

    def keep(self) -> None:
        """Make what is known now the state of the file.

        Raises:
            StoreError: the disk is full, or failing.
        """
        try:
            self.db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be written: {error}") from error
        self._kept = True

    # How far the log was read.

    def meta(self, name: str) -> bytes | None:
        """A value by its name."""
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def set_meta(self, name: str, value: bytes) -> None:
        """Keep a value by its name."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def number(self, name: str) -> int:
        """A number by its name; -1 where there is none."""
        value = self.meta(name)
        return -1 if value is None else int.from_bytes(value)

    def set_number(self, name: str, value: int) -> None:
        """Keep a number that is not negative."""
        self.set_meta(name, value.to_bytes(8))

    def tree(self, log: str) -> tuple[bytes, Edge] | None:
        """The checkpoint up to which a log was checked, and the edge of its tree."""
        row = self.db.execute("SELECT checkpoint, size FROM tree WHERE log = ?", (log,)).fetchone()
        if row is None:
            return None
        tiles = self.db.execute("SELECT hashes FROM edge WHERE log = ? ORDER BY level", (log,)).fetchall()
        try:
            return bytes(row[0]), Edge(row[1], tuple(bytes(tile) for (tile,) in tiles))
        except ParseError as error:
            raise StoreError(f"{self._path} is damaged ({error}): give another file") from error

    def edge(self, log: str) -> Edge:
        """The edge of the tree that was checked."""
        known = self.tree(log)
        return EMPTY_EDGE if known is None else known[1]

    def set_tree(self, log: str, checkpoint: bytes, edge: Edge) -> None:
        """A log was checked up to there."""
        self.db.execute("INSERT OR REPLACE INTO tree VALUES (?, ?, ?)", (log, checkpoint, edge.size))
        self.db.execute("DELETE FROM edge WHERE log = ?", (log,))
        self.db.executemany(
            "INSERT INTO edge VALUES (?, ?, ?)", [(log, level, tile) for level, tile in enumerate(edge.tiles)]
        )

    # Entries.

    def add_entries(self, entries: Sequence[tuple[int, EntryFacts | None]]) -> None:
        """Keep the facts of entries, by index; None of an entry of which there are none to be had."""
        self.db.executemany(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(index, *([None] * 10 if facts is None else self._columns(facts))) for index, facts in entries],
        )
        self._add_on_device(
            (device, facts.issuer_key_hash, facts.time)
            for _, facts in entries
            if facts is not None and facts.devices and facts.issuer_key_hash is not None
            for device in split_digests(facts.devices)
        )

    def add_devices(self, devices: Iterable[bytes], issuer_key_hash: bytes, time: int) -> None:
        """A certificate under an issuing key is on devices, as is known from a time on."""
        self._add_on_device((device, issuer_key_hash, time) for device in devices)

    def _add_on_device(self, rows: Iterable[tuple[bytes, bytes, int]]) -> None:
        self.db.executemany(
            "INSERT INTO on_device VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET time = min(time, excluded.time)",
            rows,
        )

    def _columns(self, facts: EntryFacts) -> tuple[object, ...]:
        return (
            facts.time,
            facts.final,
            facts.certificate_id,
            facts.key_hash,
            facts.fingerprint,
            self._chain(facts.chain, facts.issuer_key_hash),
            facts.size,
            facts.extended,
            facts.named,
            facts.devices,
        )

    def _chain(self, fingerprints: bytes, issuer_key_hash: bytes | None) -> int:
        """The row id of a chain and its issuing key."""
        key = (fingerprints, issuer_key_hash)
        known = self._chains.get(key)
        if known is not None:
            return known
        row = self.db.execute(
            "SELECT id FROM chain WHERE fingerprints = ? AND issuer_key_hash IS ?", key
        ).fetchone()
        if row is None:
            row = self.db.execute(
                "INSERT INTO chain (fingerprints, issuer_key_hash, anchor) VALUES (?, ?, ?) RETURNING id",
                (*key, fingerprints[-32:]),
            ).fetchone()
        if len(self._chains) >= _REMEMBERED_CHAINS:
            self._chains.clear()
        self._chains[key] = int(row[0])
        return int(row[0])

    # Problems that the log signed, which an audit that continues reports again.

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Keep problems."""
        self.db.executemany(
            "INSERT OR IGNORE INTO problem VALUES (?)", [(_encode(problem),) for problem in problems]
        )

    def problems(self) -> list[Problem]:
        """Those that were kept."""
        with closing(self.db.execute("SELECT problem FROM problem")) as rows:
            return [_decode(bytes(row[0])) for row in rows]


def _identity(trust: Trust, *, hashes_only: bool, index: bool) -> bytes:
    """Which log, by all that identifies it, and which sort of audit."""
    issuance, statements = trust.issuance, trust.statements
    parts = [log.key.vkey.encode() for log in (issuance, statements) if log.key.vkey is not None]
    return sha256(
        "\n".join([*parts, str(hashes_only), str(index)]).encode()
        + issuance.sct_key
        + statements.statement_key
    ).digest()


def _encode(problem: Problem) -> bytes:
    evidence = {name: encode_base64(data) for name, data in problem.evidence.items()}
    parts = [problem.code, problem.log, problem.sentence, problem.index, problem.path, evidence]
    return encode_json(parts)


def _decode(data: bytes) -> Problem:
    code, log, sentence, index, path, evidence = decode_json(data)
    raw = {name: decode_base64(text) for name, text in evidence.items()}
    return Problem(code, log, sentence, index, path, signed=True, evidence=raw)
