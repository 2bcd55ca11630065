# SPDX-License-Identifier: Apache-2.0
"""Both stores in memory, with a switch that makes any step fail: for tests, and for logs that may be
forgotten.

Losing them is certain: they end with the process. They keep every other promise of `storage.interface`, so
what is tested on them holds on the others as far as the shared suite of tests reaches.

A store calls `fault(operation, name)`, where one is set, before each single effect; what it raises comes out,
and the effects before it stay. So a `put` of three objects can fail with two of them written, as on a real
store.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from keystead.errors import StoreError
from keystead_server.storage.interface import ConflictError, Heads, Row
from keystead_server.storage.paths import check_object, check_path, check_prefix

__all__ = ["Fault", "MemoryBlobStore", "MemoryHeadStore", "MemoryHeads"]

Fault = Callable[[str, str], None]
"""`(operation, name)`: the method that is at work, and the path, key or state that it is about to change."""


class MemoryBlobStore:
    """A `BlobStore` in a dictionary.

    Attributes:
        objects: what is stored, by path; tests may look, and alter it as an intruder would.
        fault: raises where a step is to fail.
    """

    def __init__(self, objects: dict[str, bytes] | None = None, *, fault: Fault | None = None) -> None:
        self.objects: dict[str, bytes] = {} if objects is None else objects
        self.fault = fault
        self._lock = threading.Lock()

    def put(self, objects: Mapping[str, bytes]) -> None:
        """As `BlobStore.put`."""
        for path, data in objects.items():
            check_object(path, data)
        for path, data in objects.items():
            self._may_fail("put", path)
            with self._lock:
                if self.objects.setdefault(path, bytes(data)) != data:
                    raise StoreError(f"{path} is there with other bytes: an object never changes")

    def publish(self, path: str, data: bytes) -> None:
        """As `BlobStore.publish`."""
        check_object(path, data)
        self._may_fail("publish", path)
        with self._lock:
            self.objects[path] = bytes(data)

    def get(self, path: str) -> bytes | None:
        """As `BlobStore.get`."""
        check_path(path)
        self._may_fail("get", path)
        return self.objects.get(path)

    def delete(self, path: str) -> None:
        """As `BlobStore.delete`."""
        check_path(path)
        self._may_fail("delete", path)
        with self._lock:
            self.objects.pop(path, None)

    def list(self, prefix: str) -> Iterator[str]:
        """As `BlobStore.list`."""
        check_prefix(prefix)
        self._may_fail("list", prefix)
        with self._lock:
            return iter(sorted(path for path in self.objects if path.startswith(prefix)))

    def close(self) -> None:
        """As `BlobStore.close`: nothing is held open."""

    def _may_fail(self, operation: str, path: str) -> None:
        if self.fault is not None:
            self.fault(operation, path)


class MemoryHeads:
    """What `MemoryHeadStore` objects share, as processes share one database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.heads: Heads | None = None
        self.holder: object = None
        self.rows: dict[int, dict[bytes, bytes]] = {}


class MemoryHeadStore:
    """A `HeadStore` in dictionaries.

    Attributes:
        fault: raises where a step is to fail; `("commit", "before")` leaves nothing changed, `("commit",
            "after")` loses the answer of a commit that happened.
    """

    def __init__(self, database: MemoryHeads | None = None, *, fault: Fault | None = None) -> None:
        self._database = MemoryHeads() if database is None else database
        self.fault = fault

    def take_over(self) -> Heads | None:
        """As `HeadStore.take_over`."""
        self._may_fail("take_over", "before")
        with self._database.lock:
            self._database.holder = self
            return self._database.heads

    def held(self) -> bool:
        """As `HeadStore.held`."""
        return self._database.holder is self

    def heads(self) -> Heads | None:
        """As `HeadStore.heads`."""
        return self._database.heads

    def commit(self, expected: Heads | None, new: Heads, rows: Sequence[Row]) -> None:
        """As `HeadStore.commit`."""
        self._may_fail("commit", "before")
        database = self._database
        with database.lock:
            if database.holder is not self:
                raise ConflictError("another server has taken this log over: stop this one")
            if database.heads != expected:
                raise ConflictError("the log was moved on by another server: stop this one")
            fresh: dict[tuple[int, bytes], bytes] = {}
            for space, key, value in rows:
                known = database.rows.get(space, {}).get(key, fresh.get((space, key), value))
                if known != value:
                    raise StoreError(f"row {key.hex()} of space {space} is there with another value")
                fresh[space, key] = value
            for (space, key), value in fresh.items():
                database.rows.setdefault(space, {})[key] = value
            database.heads = new
        self._may_fail("commit", "after")

    def get(self, space: int, key: bytes) -> bytes | None:
        """As `HeadStore.get`."""
        return self._database.rows.get(space, {}).get(key)

    def look_up(
        self, space: int, key: bytes, listed: int, prefix: bytes
    ) -> tuple[bytes | None, list[tuple[bytes, bytes]]]:
        """As `HeadStore.look_up`."""
        return self.get(space, key), [*self.scan(listed, prefix)]

    def scan(self, space: int, prefix: bytes = b"", start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """As `HeadStore.scan`."""
        with self._database.lock:
            rows = self._database.rows.get(space, {})
            return iter(sorted(row for row in rows.items() if row[0].startswith(prefix) and row[0] >= start))

    def close(self) -> None:
        """As `HeadStore.close`: nothing is held open."""

    def _may_fail(self, operation: str, name: str) -> None:
        if self.fault is not None:
            self.fault(operation, name)
