# SPDX-License-Identifier: Apache-2.0
"""What every `BlobStore` promises."""

from random import Random

import pytest

from keystead.errors import StoreError
from support.store_sites import Site, StorePair


def test_an_object_is_read_back_as_it_was_put(stores: StorePair) -> None:
    """Also the empty one, and one of a megabyte."""
    objects = {"a": b"", "evidence/x": b"bytes", "deep/x001/x002/003": Random(1).randbytes(1 << 20)}
    stores.blobs.put(objects)

    assert {path: stores.blobs.get(path) for path in objects} == objects


def test_what_was_put_is_there_when_the_store_is_opened_anew(site: Site) -> None:
    """Nothing is kept in the object that wrote."""
    first = site.open()
    first.blobs.put({"a/b": b"1"})
    first.blobs.publish("checkpoint", b"2")
    first.close()

    second = site.open()

    assert second.blobs.get("a/b") == b"1"
    assert second.blobs.get("checkpoint") == b"2"
    second.close()


def test_an_absent_object_is_none(stores: StorePair) -> None:
    """Also where its path leads through an object, or to the middle of another's path."""
    stores.blobs.put({"a/b": b"1"})

    assert stores.blobs.get("b") is None
    assert stores.blobs.get("a/b/c") is None
    assert stores.blobs.get("a") is None


def test_the_same_bytes_may_be_put_again(stores: StorePair) -> None:
    """A batch that is done again finds its objects in place."""
    stores.blobs.put({"a": b"1", "b": b"2"})
    stores.blobs.put({"b": b"2", "c": b"3"})

    assert [stores.blobs.get(path) for path in "abc"] == [b"1", b"2", b"3"]


def test_other_bytes_at_a_path_are_refused(stores: StorePair) -> None:
    """An object never changes, and the error names it."""
    stores.blobs.put({"a/b": b"1"})

    with pytest.raises(StoreError, match=r"b.*other bytes"):
        stores.blobs.put({"a/b": b"2"})

    assert stores.blobs.get("a/b") == b"1"


def test_many_objects_are_put_in_one_go(stores: StorePair) -> None:
    """More than are written between two rounds of fsync, in many directories."""
    random = Random(2)
    objects = {f"tile/data/x{number // 7:03}/{number:03}": random.randbytes(40) for number in range(150)}
    stores.blobs.put(objects)

    assert {path: stores.blobs.get(path) for path in objects} == objects


def test_nothing_to_put_is_fine(stores: StorePair) -> None:
    """A batch without evidence has no support."""
    stores.blobs.put({})

    assert list(stores.blobs.list("")) == []


def test_publishing_replaces(stores: StorePair) -> None:
    """A checkpoint path holds the last that was published."""
    for text in (b"first", b"second, longer", b"3"):
        stores.blobs.publish("issuance/checkpoint", text)
        assert stores.blobs.get("issuance/checkpoint") == text

    assert list(stores.blobs.list("")) == ["issuance/checkpoint"]


def test_deleting_removes_one_object_and_may_be_repeated(stores: StorePair) -> None:
    """What is absent is fine, also below a path that is an object."""
    stores.blobs.put({"stage/a": b"1", "stage/b": b"2"})
    stores.blobs.delete("stage/a")
    stores.blobs.delete("stage/a")
    stores.blobs.delete("stage/b/c")

    assert stores.blobs.get("stage/a") is None
    assert list(stores.blobs.list("")) == ["stage/b"]


def test_a_path_can_be_put_anew_after_its_deletion(stores: StorePair) -> None:
    """Also the last partial tile of a directory, which goes with it."""
    path = "issuance/tile/0/000.p/3"
    for byte in (b"a", b"b"):
        stores.blobs.put({path: byte * 96})
        assert stores.blobs.get(path) == byte * 96
        stores.blobs.delete(path)
        assert list(stores.blobs.list("")) == []


def test_listing_gives_the_paths_that_begin_with_a_prefix_ascending(stores: StorePair) -> None:
    """The prefix may end anywhere in a path; order is that of the paths as text."""
    paths = ["a-", "a-b/c", "a.p/1", "a/b", "a0", "tile/0/234", "tile/0/234.p/1", "tile/0/235", "tile/1/000"]
    stores.blobs.put(
        {path: bytes(8192 if path.startswith("tile/") and "." not in path else 32) for path in paths}
    )

    for prefix in (
        "",
        "a",
        "a/",
        "a-",
        "tile/",
        "tile/0/234",
        "tile/0/234.p/",
        "tile/0",
        "nothing",
        "nothing/",
    ):
        assert list(stores.blobs.list(prefix)) == [path for path in sorted(paths) if path.startswith(prefix)]


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", ".tmp/a", "a/.b", "A", "a b", "a\0", "a\n", "é", "a\\b",
     "a" * 256, "%2e%2e/a"],
)  # fmt: skip
def test_a_path_that_could_lead_elsewhere_is_refused(stores: StorePair, path: str) -> None:
    """By every method, before anything is written or read."""
    with pytest.raises(StoreError):
        stores.blobs.put({"good": b"", path: b""})
    with pytest.raises(StoreError):
        stores.blobs.publish(path, b"")
    with pytest.raises(StoreError):
        stores.blobs.get(path)
    with pytest.raises(StoreError):
        stores.blobs.delete(path)

    assert list(stores.blobs.list("")) == []


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", "a//", "A", "a/."])
def test_a_prefix_that_no_path_has_is_refused(stores: StorePair, prefix: str) -> None:
    """At once, not at the first path."""
    with pytest.raises(StoreError):
        stores.blobs.list(prefix)


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("issuance/tile/0/000", 8191),
        ("issuance/tile/0/000", 0),
        ("issuance/tile/0/000", 8160),
        ("issuance/tile/5/x001/000", 8224),
        ("tile/0/000", 32),
        ("statements/tile/0/000.p/3", 64),
        ("statements/tile/0/000.p/3", 8192),
        ("statements/tile/0/000.p/256", 8192),
        ("statements/tile/0/000.p/0", 0),
        ("statements/tile/0/0000", 8192),
        ("statements/tile/0/x000/000", 8192),
    ],
)
def test_a_hash_tile_of_the_wrong_length_is_refused(stores: StorePair, path: str, length: int) -> None:
    """A short tile at a full tile's path would be kept by caches for ever; nor may a path be misspelt."""
    with pytest.raises(StoreError):
        stores.blobs.put({"good": b"", path: bytes(length)})
    with pytest.raises(StoreError):
        stores.blobs.publish(path, bytes(length))

    assert list(stores.blobs.list("")) == []


def test_bundles_may_have_any_length(stores: StorePair) -> None:
    """Only the tiles of hashes have a length that their path gives away."""
    objects = {"issuance/tile/data/000": b"abc", "statements/tile/entries/000.p/1": b""}
    stores.blobs.put(objects)

    assert stores.blobs.get("issuance/tile/data/000") == b"abc"
