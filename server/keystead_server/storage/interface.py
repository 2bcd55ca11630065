# SPDX-License-Identifier: Apache-2.0
"""The two stores that a log needs, as protocols: a directory with SQLite behind them, or S3 with PostgreSQL.

`BlobStore` holds named bytes: tiles, bundles, issuers, evidence, policies, stages, and the published
checkpoints. It is not trusted. `HeadStore` is the lock database: the signed checkpoints that the log stands
at, and rows such as those by which a duplicate is known. It is trusted, and its `commit` is the one instant
at which a batch becomes part of the log.

Invariants that every implementation keeps, and that one shared suite of tests checks:

* an object that `put` wrote never changes; what `put`, `publish` and `commit` did survives a power cut as
  soon as they return;
* each object is whole or absent, also for a reader in another process; so is each commit;
* a path that names a full hash tile only ever holds 256 hashes;
* of the processes on one `HeadStore`, only the last that took it over can commit;
* everything is synchronous and raises `StoreError`; reads may come from any thread, also while another
  writes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from keystead.encoding.tls import opaque24, uint64
from keystead.errors import StoreError

__all__ = ["BlobStore", "BrokenError", "ConflictError", "HeadStore", "Heads", "Row"]


class ConflictError(StoreError):
    """Another process has taken the log over, or moved it on: this one must stop."""


class BrokenError(StoreError):
    """A write failed in a way that leaves open what is on disk.

    A failed fsync may have dropped the data, and a failed COMMIT may have happened. The store refuses to
    write from then on: open it anew, and recover.
    """


@dataclass(frozen=True, slots=True)
class Heads:
    """What the log stands at.

    Attributes:
        issuance: the issuance log's checkpoint, a signed note.
        statements: the statement log's checkpoint, a signed note.
        time: of the last batch, in milliseconds since the epoch.
    """

    issuance: bytes
    statements: bytes
    time: int

    @property
    def digest(self) -> bytes:
        """SHA-256 that tells these heads from all others."""
        return sha256(opaque24(self.issuance) + opaque24(self.statements) + uint64(self.time)).digest()


class Row(NamedTuple):
    """One row of the lock database: a key in a key space, and its value."""

    space: int
    key: bytes
    value: bytes


class BlobStore(Protocol):
    """Named bytes. Names are paths as `storage.paths` allows them; any other raises `StoreError`."""

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Make immutable objects durable, all in one go.

        An object that is there with the same bytes is fine, and is durable afterwards. When this fails, any
        of the objects may be there.

        Raises:
            StoreError: an object is there with other bytes, or is a tile of the wrong length; or writing
            failed.
        """

    def publish(self, path: str, data: bytes) -> None:
        """Replace an object, atomically and durably: a reader sees the old bytes or the new ones."""

    def get(self, path: str) -> bytes | None:
        """The object's bytes, or None where there is none."""

    def delete(self, path: str) -> None:
        """Remove an object; one that is absent is fine. It may come back after a power cut."""

    def list(self, prefix: str) -> Iterator[str]:
        """The paths that begin with `prefix`, ascending. What is written meanwhile may be missing."""

    def close(self) -> None:
        """Let go of what is held open."""


class HeadStore(Protocol):
    """The lock database. A row is written once and never changes."""

    def take_over(self) -> Heads | None:
        """Make this object the only one whose commits succeed, durably.

        Returns:
            The heads; None before the first commit.
        """

    def held(self) -> bool:
        """Whether this object is still the one that took over last."""

    def heads(self) -> Heads | None:
        """The heads at the last commit; None before the first."""

    def commit(self, expected: Heads | None, new: Heads, rows: Sequence[Row]) -> None:
        """In one durable transaction: if the heads are `expected`, make them `new` and write the rows.

        A row that is there with the same value is fine.

        Raises:
            ConflictError: the heads are others, or this object does not hold the log. Nothing was changed.
            BrokenError: nobody knows whether it happened.
            StoreError: a row is there with another value, or writing failed. Nothing was changed.
        """

    def get(self, space: int, key: bytes) -> bytes | None:
        """The value of a row: a point read that an event loop can wait for."""

    def look_up(
        self, space: int, key: bytes, listed: int, prefix: bytes
    ) -> tuple[bytes | None, list[tuple[bytes, bytes]]]:
        """The value of a row, and (key, value) of the few rows of the space `listed` whose keys begin with `prefix`.

        In one read, that an event loop can wait for.
        """

    def scan(self, space: int, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(key, value) of the rows whose key begins with `prefix` and is not below `start`, ascending by key.

        Every row of the commits before the call is among them; rows of later ones may be.
        """

    def close(self) -> None:
        """Let go of what is held open."""
