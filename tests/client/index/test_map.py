# SPDX-License-Identifier: Apache-2.0
"""The map of the device index: built, updated, and kept in versions, against its definition."""

import random

import pytest

from keystead.errors import UsageError
from keystead.index.map_build import build_map
from keystead.index.map_hash import EMPTY_MAP, INNER_PREFIXES, first_difference, hash_inner, hash_map_leaf
from keystead.index.map_nodes import EMPTY, EMPTY_VERSION, SEGMENT, MapNodes, Version, memory_nodes
from keystead.index.map_update import update_map
from support.map_model import keys_that_share, map_root, some_value


def _content(nodes: MapNodes, version: Version) -> dict[bytes, bytes]:
    """All that a version holds, found by walking its nodes."""
    found: dict[bytes, bytes] = {}
    waiting = [] if version.top == EMPTY else [version.top]
    while waiting:
        child = waiting.pop()
        if child >= 1 << 31:
            key, value = nodes.read_leaf(child - (1 << 31))
            found[key] = value
        else:
            left, right, bit, hashed = nodes.read_inner(child)
            assert hashed == hash_inner(bit, nodes.hash_of(left), nodes.hash_of(right))
            waiting += [left, right]
    return found


def test_hashes_of_an_inner_node() -> None:
    """Bits from 128 on take two bytes, as unsigned LEB128 has it."""
    assert INNER_PREFIXES[127] == b"\x01\x7f"
    assert INNER_PREFIXES[128] == b"\x01\x80\x01"
    assert INNER_PREFIXES[255] == b"\x01\xff\x01"


def test_first_difference() -> None:
    """Bit 0 is the most significant of byte 0."""
    assert first_difference(b"\x00" * 32, b"\x80" + b"\x00" * 31) == 0
    assert first_difference(b"\x00" * 32, b"\x00" * 31 + b"\x01") == 255
    assert first_difference(b"\x00" * 32, b"\x00" * 32) == 256


def test_an_empty_map() -> None:
    """It has the hash of nothing as its root."""
    nodes = memory_nodes()
    assert build_map(nodes, []) == EMPTY_VERSION
    assert EMPTY_VERSION.root == EMPTY_MAP
    assert nodes.get(EMPTY_VERSION.top, b"\x00" * 32) is None


def test_a_map_of_one_key() -> None:
    """Its root is the leaf."""
    nodes = memory_nodes()
    version = build_map(nodes, [(b"\x05" * 32, b"\x07" * 40)])
    assert version.root == hash_map_leaf(b"\x05" * 32, b"\x07" * 40)
    assert nodes.get(version.top, b"\x05" * 32) == b"\x07" * 40
    assert nodes.get(version.top, b"\x06" * 32) is None


def test_keys_must_ascend() -> None:
    """What is built in one pass must be sorted, each key once."""
    pairs = [(bytes([number]) * 32, b"\x00" * 40) for number in (1, 3, 2)]
    with pytest.raises(UsageError, match="ascend"):
        build_map(memory_nodes(), pairs)
    with pytest.raises(UsageError, match="ascend"):
        build_map(memory_nodes(), [pairs[0], pairs[0]])


@pytest.mark.parametrize("seed", range(8))
def test_a_map_built_in_one_pass(seed: int) -> None:
    """It has the root of the definition, and holds what it was built from."""
    chance = random.Random(seed)
    content = {key: some_value(chance) for key in keys_that_share(chance, chance.choice([2, 3, 10, 200]))}
    nodes = memory_nodes()
    version = build_map(nodes, sorted(content.items()))
    assert version.root == map_root(content)
    assert _content(nodes, version) == content


@pytest.mark.parametrize("seed", range(20))
def test_a_map_updated_in_batches(seed: int) -> None:
    """However the changes are batched, each version has the root of its content, and older ones stay as they are."""
    chance = random.Random(seed)
    keys = keys_that_share(chance, 150)
    nodes = memory_nodes()
    content: dict[bytes, bytes] = {}
    versions = [(EMPTY_VERSION, dict(content))]
    for _ in range(12):
        changes = {key: some_value(chance) for key in chance.sample(keys, chance.choice([1, 1, 2, 5, 40]))}
        content |= changes
        version = update_map(nodes, versions[-1][0], changes)
        assert version.root == map_root(content)
        versions.append((version, dict(content)))
    for version, held in versions:
        assert _content(nodes, version) == held


def test_no_change_is_the_same_version() -> None:
    """An empty batch retires nothing."""
    nodes = memory_nodes()
    version = build_map(nodes, [(b"\x05" * 32, b"\x07" * 40)])
    again = update_map(nodes, version, {})
    assert (again.top, again.root) == (version.top, version.root)
    assert not again.retired_inner
    assert not again.retired_leaves


@pytest.mark.parametrize("seed", range(5))
def test_slots_of_versions_that_are_not_kept_are_used_again(seed: int) -> None:
    """With three versions kept, the memory does not grow with their number, and none of the three is disturbed."""
    chance = random.Random(seed)
    keys = keys_that_share(chance, 100)
    nodes = memory_nodes()
    content = {key: some_value(chance) for key in keys}
    kept = [(build_map(nodes, sorted(content.items())), dict(content))]
    for round_number in range(60):
        changes = {key: some_value(chance) for key in chance.sample(keys, 10)}
        content |= changes
        kept.append((update_map(nodes, kept[-1][0], changes), dict(content)))
        if len(kept) > 3:
            del kept[0]
            nodes.release(kept[0][0])
        if round_number % 10 == 0:
            for version, held in kept:
                assert _content(nodes, version) == held
    # Three versions, and one that is being made, of at most 10 keys and the nodes above each.
    assert nodes.leaves.unused <= len(keys) + 4 * 10
    assert nodes.inner.unused <= len(keys) + 4 * 10 * 30


def test_a_map_larger_than_a_segment() -> None:
    """Nodes lie in as many segments as they need, built in one pass or added."""
    chance = random.Random(1)
    keys = sorted(chance.randbytes(32) for _ in range(SEGMENT + 5_000))
    value = b"\x01" * 40
    nodes = memory_nodes()
    built = build_map(nodes, ((key, value) for key in keys))
    grown = memory_nodes()
    version = build_map(grown, ((key, value) for key in keys[::2]))
    version = update_map(grown, version, dict.fromkeys(keys[1::2], value))
    assert built.root == version.root
    assert len(nodes.inner.segments) == 2
    assert nodes.get(built.top, keys[-1]) == value
