# SPDX-License-Identifier: Apache-2.0
"""The switches by which stores in memory fail."""

import pytest

from keystead_server.storage.interface import BrokenError, Heads, Row
from keystead_server.storage.memory import MemoryBlobStore, MemoryHeads, MemoryHeadStore


def test_a_put_can_fail_with_some_objects_written() -> None:
    """What was written before the failure stays, as on a real store."""

    def fault(operation: str, name: str) -> None:
        if (operation, name) == ("put", "c"):
            raise BrokenError("no more")

    store = MemoryBlobStore(fault=fault)
    with pytest.raises(BrokenError):
        store.put({"a": b"1", "b": b"2", "c": b"3", "d": b"4"})

    assert store.objects == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize("operation", ["put", "publish", "get", "delete", "list"])
def test_every_operation_on_objects_can_fail(operation: str) -> None:
    """Before it has an effect."""
    seen = []

    def fault(name: str, path: str) -> None:
        seen.append((name, path))
        if name == operation:
            raise BrokenError("no")

    store = MemoryBlobStore({"a": b"1"}, fault=fault)
    arguments = {"put": ({"b": b""},), "publish": ("a", b"2")}.get(operation, ("a",))
    with pytest.raises(BrokenError):
        getattr(store, operation)(*arguments)

    assert store.objects == {"a": b"1"}
    assert len(seen) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_can_fail_before_or_after_it_happened(moment: str) -> None:
    """Afterwards, only the database knows."""

    def fault(operation: str, name: str) -> None:
        if (operation, name) == ("commit", moment):
            raise BrokenError("who knows")

    database = MemoryHeads()
    store = MemoryHeadStore(database, fault=fault)
    store.take_over()
    with pytest.raises(BrokenError):
        store.commit(None, Heads(b"i", b"s", 1), [Row(1, b"key", b"value")])

    other = MemoryHeadStore(database)
    happened = moment == "after"
    assert (other.heads() is not None) == happened
    assert (other.get(1, b"key") == b"value") == happened
