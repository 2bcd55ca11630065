# SPDX-License-Identifier: Apache-2.0
"""Proofs that a map has a key with a value, or has no such key, verified (`specs/device-index.md`, section 3).

    path      for each inner node from the leaf to the root: varint(bit) || hash of the other child
    presence  path
    absence   varint(32) || key || varint(40) || value || path, of the leaf where the walk for the key ends

Invariants:

* a proof has one encoding: varints are minimal, bits fall strictly from leaf to root, nothing follows;
* the empty map alone has the empty proof of absence, the map of one key the empty proof of presence;
* verifiers raise `ProofError` whatever they are given, and return nothing.
"""

from keystead.errors import ProofError
from keystead.index.map_hash import (
    EMPTY_MAP,
    KEY_BITS,
    KEY_SIZE,
    LEAF_MIDDLE,
    LEAF_PREFIX,
    VALUE_SIZE,
    hash_inner,
    hash_map_leaf,
)
from keystead.tlog.merkle import HASH_SIZE

__all__ = ["verify_absence", "verify_presence"]

_LEAF_SIZE = len(LEAF_PREFIX) - 1 + KEY_SIZE + len(LEAF_MIDDLE) + VALUE_SIZE


def verify_presence(key: bytes, value: bytes, proof: bytes, root: bytes) -> None:
    """Check that the map with `root` has `key` with `value`.

    Raises:
        ProofError: it has not, or the proof is not the one.
    """
    _check_sizes(key, value)
    _climb(key, hash_map_leaf(key, value), _read_path(proof, 0), proof, root)


def verify_absence(key: bytes, proof: bytes, root: bytes) -> None:
    """Check that the map with `root` does not have `key`.

    Raises:
        ProofError: it has, or the proof is not the one.
    """
    if not proof:
        if root != EMPTY_MAP:
            raise _error("shows nothing, and the map is not empty", proof, root)
        return
    if len(proof) < _LEAF_SIZE:
        raise _error("ends inside its leaf", proof, root)
    # (1) The leaf where the walk ends, which is another key's.
    size, end = len(LEAF_PREFIX) - 1, len(LEAF_PREFIX) - 1 + KEY_SIZE
    other, value = proof[size:end], proof[end + len(LEAF_MIDDLE) : _LEAF_SIZE]
    if proof[:size] != LEAF_PREFIX[1:] or proof[end : end + len(LEAF_MIDDLE)] != LEAF_MIDDLE:
        raise _error("does not begin with a leaf", proof, root)
    _check_sizes(key, value)
    if other == key:
        raise _error("shows the key itself", proof, root)
    # (2) The walk for the key goes the same way at every node, so the key would stand there if anywhere.
    path = _read_path(proof, _LEAF_SIZE)
    differing = int.from_bytes(key) ^ int.from_bytes(other)
    if any(differing >> (KEY_BITS - 1 - bit) & 1 for bit, _ in path):
        raise _error("ends where the walk for the key does not", proof, root)
    # (3) That leaf is in the map.
    _climb(other, hash_map_leaf(other, value), path, proof, root)


def _read_path(proof: bytes, position: int) -> list[tuple[int, bytes]]:
    path: list[tuple[int, bytes]] = []
    last = KEY_BITS
    while position < len(proof):
        bit = proof[position]
        position += 1
        if bit >= 0x80:
            # Bits end at 255: a second byte is 1, and nothing else is minimal.
            if proof[position : position + 1] != b"\x01":
                raise _error("has a bit that is none, or not in its shortest form", proof)
            position += 1
        if bit >= last:
            raise _error("has bits that do not fall", proof)
        last = bit
        sibling = proof[position : position + HASH_SIZE]
        position += HASH_SIZE
        if len(sibling) != HASH_SIZE:
            raise _error("ends inside a hash", proof)
        path.append((bit, sibling))
    return path


def _climb(key: bytes, computed: bytes, path: list[tuple[int, bytes]], proof: bytes, root: bytes) -> None:
    number = int.from_bytes(key)
    for bit, sibling in path:
        if number >> (KEY_BITS - 1 - bit) & 1:
            computed = hash_inner(bit, sibling, computed)
        else:
            computed = hash_inner(bit, computed, sibling)
    if computed != root:
        raise _error("does not lead to the root of the map", proof, root)


def _check_sizes(key: bytes, value: bytes) -> None:
    if len(key) != KEY_SIZE or len(value) != VALUE_SIZE:
        raise ProofError(
            f"the map has keys of {KEY_SIZE} bytes and values of {VALUE_SIZE}", check="map-proof"
        )


def _error(what: str, proof: bytes, root: bytes = b"") -> ProofError:
    return ProofError(f"the map proof {what}", check="map-proof", evidence={"proof": proof, "map_root": root})
