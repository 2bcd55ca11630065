# SPDX-License-Identifier: Apache-2.0
"""Merkle trees as their specifications define them: recursive, slow, and apart from the code under test."""

import random
from collections.abc import Callable, Sequence
from hashlib import sha256


def random_hashes(count: int, seed: int) -> list[bytes]:
    """`count` leaf hashes, always the same for a seed."""
    source = random.Random(seed)
    return [source.randbytes(32) for _ in range(count)]


def _split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = _split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: Sequence[bytes], complete: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF of RFC 6962 section 2.1.2, for m above 0."""
    if m == len(leaves):
        return [] if complete else [mth(leaves)]
    k = _split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], complete), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def node_reader(leaves: Sequence[bytes]) -> Callable[[int, int], bytes]:
    """A `NodeReader` over leaf hashes; it refuses, by an assertion, to answer beyond them."""

    def node(level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        assert 0 <= start < end <= len(leaves), f"({level}, {index}) is not complete"
        return mth(leaves[start:end])

    return node


def tiles_of(leaves: Sequence[bytes]) -> dict[tuple[int, int, int], bytes]:
    """Every tile of a tree by (level, index, width), from the definition in tlog-tiles."""
    tiles = {}
    row, level = list(leaves), 0
    while row:
        strips = [row[start : start + 256] for start in range(0, len(row), 256)]
        for index, strip in enumerate(strips):
            tiles[level, index, len(strip)] = b"".join(strip)
        row = [mth(strip) for strip in strips if len(strip) == 256]
        level += 1
    return tiles
