# SPDX-License-Identifier: Apache-2.0
"""Proofs of what a version of a map has and has not, made (`specs/device-index.md`, section 3).

A proof costs one step for each inner node on the way: 24 among ten million keys.
"""

from dataclasses import dataclass

from keystead.index.map_hash import INNER_PREFIXES, LEAF_MIDDLE, LEAF_PREFIX
from keystead.index.map_nodes import EMPTY, LEAF, MapNodes

__all__ = ["MapProof", "prove"]


@dataclass(frozen=True, slots=True)
class MapProof:
    """What a version says of a key.

    Attributes:
        value: the key's value; None where the version does not have it.
        proof: of presence, or of absence.
    """

    value: bytes | None
    proof: bytes


def prove(nodes: MapNodes, top: int, key: bytes) -> MapProof:
    """The value of `key` in the version with that top, with its proof, or the proof that there is none."""
    if top == EMPTY:
        return MapProof(None, b"")
    number = int.from_bytes(key)
    steps: list[bytes] = []
    child = top
    while child < LEAF:
        left, right, bit, _ = nodes.read_inner(child)
        child, sibling = (right, left) if number >> (255 - bit) & 1 else (left, right)
        steps.append(INNER_PREFIXES[bit][1:] + nodes.hash_of(sibling))
    found, value = nodes.read_leaf(child - LEAF)
    steps.reverse()
    if found == key:
        return MapProof(value, b"".join(steps))
    return MapProof(None, b"".join((LEAF_PREFIX[1:], found, LEAF_MIDDLE, value, *steps)))
