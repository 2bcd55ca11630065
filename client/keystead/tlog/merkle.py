# SPDX-License-Identifier: Apache-2.0
"""The Merkle tree of RFC 6962 section 2.1, which RFC 9162 section 2.1 keeps: roots, proofs, verification.

A *perfect subtree* `(level, index)` spans the leaves `[index << level, (index + 1) << level)`. Proofs and
roots are made from a `NodeReader`, which answers with the hashes of perfect subtrees and hides where they are
kept (tiles, memory, a test's list). A `CompactRange` is the least that must be kept to append.

Invariants:

* every hash is the 32 bytes of a SHA-256 value; leaves and inner nodes are hashed under different prefixes;
* a verifier accepts exactly the one proof of the RFC: no hash is missing, left over or of another length;
* verifiers raise `ProofError` whatever numbers and bytes they are given, and return nothing.

>>> leaves = [hash_leaf(text) for text in (b"a", b"b", b"c")]
>>> verify_inclusion(leaves[2], 2, 3, [hash_children(leaves[0], leaves[1])], root_of(leaves))
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from keystead.errors import ParseError, ProofError

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE",
    "CompactRange",
    "NodeReader",
    "hash_children",
    "hash_leaf",
    "make_consistency_proof",
    "make_inclusion_proof",
    "root_of",
    "subtree_root",
    "tree_root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_SIZE = 32
"""Bytes in a SHA-256 value."""

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""

NodeReader = Callable[[int, int], bytes]
"""`(level, index)` to the hash of that perfect subtree; it is asked only for subtrees inside the tree."""


def hash_leaf(data: bytes) -> bytes:
    """The hash of a leaf whose entry is `data`."""
    return sha256(b"\x00" + data).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree over `leaf_hashes`, in memory."""
    if not leaf_hashes:
        return EMPTY_ROOT
    # Pairing level by level, an odd last node moving up unhashed, gives the tree that the RFC defines by
    # splitting at the largest power of two.
    row = list(leaf_hashes)
    while len(row) > 1:
        paired = [
            sha256(b"\x01" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)
        ]
        if len(row) % 2:
            paired.append(row[-1])
        row = paired
    return row[0]


def subtree_root(start: int, end: int, node: NodeReader) -> bytes:
    """The root of the tree over the leaves `[start, end)`, which need not be perfect.

    Args:
        start: a multiple of the smallest power of two that is not below `end - start`.
        end: greater than `start`.
        node: where the hashes of perfect subtrees come from.
    """
    level = (end - start).bit_length() - 1
    root = node(level, start >> level)
    start += 1 << level
    if start == end:
        return root
    # What is left splits into perfect subtrees, the largest first; they nest to the right.
    lefts = [root]
    while start < end:
        level = (end - start).bit_length() - 1
        lefts.append(node(level, start >> level))
        start += 1 << level
    root = lefts.pop()
    while lefts:
        root = hash_children(lefts.pop(), root)
    return root


def tree_root(size: int, node: NodeReader) -> bytes:
    """The root of the tree over the first `size` leaves."""
    return subtree_root(0, size, node) if size else EMPTY_ROOT


def make_inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, its sibling first (RFC 9162, 2.1.3.1).

    Raises:
        ProofError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} is not in a tree of {size} leaves", check="leaf-in-tree")
    path: list[bytes] = []
    # Row by row upwards: `at` is the leaf's ancestor, `last` the last node of the row, which alone may be
    # incomplete. A node without a sibling moves up as it is.
    level, at, last = 0, index, size - 1
    while last:
        sibling = at ^ 1
        if sibling < last:
            path.append(node(level, sibling))
        elif sibling == last:
            path.append(subtree_root(sibling << level, size, node))
        at >>= 1
        last >>= 1
        level += 1
    return path


def make_consistency_proof(old: int, new: int, node: NodeReader) -> list[bytes]:
    """The proof that the tree of `old` leaves is a prefix of that of `new` (RFC 9162 section 2.1.4.1).

    From the empty tree, and from a tree to itself, there is nothing to show: the proof is empty.

    Raises:
        ProofError: `old` is greater than `new`, or negative.
    """
    if not 0 <= old <= new:
        raise ProofError(f"no tree of {old} leaves is a prefix of one of {new}", check="sizes-in-order")
    path: list[bytes] = []
    if old in {0, new}:
        return path
    start, end = 0, new
    # SUBPROOF(m, D[start:end], b): `old` is m counted from leaf 0, and b is true while `start` is 0.
    while end != old:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if old <= split:
            path.append(subtree_root(split, end, node))
            end = split
        else:
            path.append(subtree_root(start, split, node))
            start = split
    if start:
        path.append(subtree_root(start, end, node))
    path.reverse()
    return path


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf_hash` is leaf `index` of the tree with `size` leaves and `root`.

    The steps are numbered as in RFC 9162 section 2.1.3.2.

    Raises:
        ProofError: it is not, or the proof is not the audit path.
    """
    _check_lengths((leaf_hash, root, *proof))
    # 1. The leaf must be in the tree.
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} is not in a tree of {size} leaves", check="leaf-in-tree")
    # 2, 3. Walk up from the leaf, beside the path of the last leaf.
    first, last, computed = index, size - 1, leaf_hash
    # 4. Each hash of the path is a sibling to the left or to the right.
    for sibling in proof:
        if last == 0:
            raise _inclusion_error("has a hash too many", leaf_hash, proof, root)
        if first & 1 or first == last:
            computed = hash_children(sibling, computed)
            while first and not first & 1:
                first >>= 1
                last >>= 1
        else:
            computed = hash_children(computed, sibling)
        first >>= 1
        last >>= 1
    # 5. The walk ends at the root.
    if last:
        raise _inclusion_error("is too short", leaf_hash, proof, root)
    if computed != root:
        raise _inclusion_error("does not lead to the root", leaf_hash, proof, root)


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree (`old_size`, `old_root`) is a prefix of (`new_size`, `new_root`).

    The steps are numbered as in RFC 9162 section 2.1.4.2, which leaves two cases to the caller: trees of
    equal size must have equal roots, and the empty tree, whose root is fixed, is a prefix of every tree.

    Raises:
        ProofError: it is not, or the proof is not the consistency proof.
    """
    _check_lengths((old_root, new_root, *proof))
    if not 0 <= old_size <= new_size:
        raise ProofError(
            f"a tree of {new_size} leaves does not extend one of {old_size}", check="sizes-in-order"
        )
    if (old_size == 0 and old_root != EMPTY_ROOT) or (new_size == 0 and new_root != EMPTY_ROOT):
        raise _consistency_error("starts from an empty tree that has another root", old_root, new_root, proof)
    if old_size in {0, new_size}:
        if proof:
            raise _consistency_error("has hashes where none are needed", old_root, new_root, proof)
        if old_size == new_size and old_root != new_root:
            raise _consistency_error("joins two roots of one size", old_root, new_root, proof)
        return
    # 1, 2. An old tree that is perfect is itself the first node of the path.
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise _consistency_error("is empty", old_root, new_root, proof)
    # 3, 4. Start at the largest perfect subtree that ends where the old tree ends.
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first >>= 1
        last >>= 1
    # 5, 6. Compute both roots on the way up.
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _consistency_error("has a hash too many", old_root, new_root, proof)
        if first & 1 or first == last:
            old_computed = hash_children(sibling, old_computed)
            new_computed = hash_children(sibling, new_computed)
            while first and not first & 1:
                first >>= 1
                last >>= 1
        else:
            new_computed = hash_children(new_computed, sibling)
        first >>= 1
        last >>= 1
    # 7. Both must be what was claimed.
    if last:
        raise _consistency_error("is too short", old_root, new_root, proof)
    if old_computed != old_root:
        raise _consistency_error("does not lead to the old root", old_root, new_root, proof)
    if new_computed != new_root:
        raise _consistency_error("does not lead to the new root", old_root, new_root, proof)


def _check_lengths(hashes: Iterable[bytes]) -> None:
    if any(len(value) != HASH_SIZE for value in hashes):
        raise ProofError(f"a hash in the proof is not {HASH_SIZE} bytes long", check="hash-length")


def _inclusion_error(what: str, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> ProofError:
    evidence = {"leaf_hash": leaf_hash, "proof": b"".join(proof), "root": root}
    return ProofError(f"the inclusion proof {what}", check="inclusion", evidence=evidence)


def _consistency_error(what: str, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> ProofError:
    evidence = {"old_root": old_root, "new_root": new_root, "proof": b"".join(proof)}
    return ProofError(f"the consistency proof {what}", check="consistency", evidence=evidence)


class CompactRange:
    """The right edge of a tree: the roots of its maximal perfect subtrees, the largest first.

    There is one for each bit set in `size`. It is all that is needed to append leaves and to know the root.
    """

    __slots__ = ("_hashes", "_size")

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        """Take up a tree of `size` leaves from the roots of its perfect subtrees.

        Raises:
            ParseError: there are not as many hashes as bits in `size`, or one is not 32 bytes long.
        """
        if size < 0 or size.bit_count() != len(hashes) or any(len(value) != HASH_SIZE for value in hashes):
            raise ParseError(f"these are not the perfect subtrees of a tree of {size} leaves")
        self._size = size
        self._hashes = list(hashes)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The roots of the perfect subtrees, left to right."""
        return tuple(self._hashes)

    def append(self, leaf_hash: bytes) -> None:
        """Add one leaf, given by its hash."""
        self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves, given by their hashes, in order."""
        hashes = self._hashes
        size = self._size
        for leaf_hash in leaf_hashes:
            # As in binary addition, each trailing one of `size` is a subtree that the new leaf completes.
            node = leaf_hash
            carry = size
            while carry & 1:
                node = sha256(b"\x01" + hashes.pop() + node).digest()
                carry >>= 1
            hashes.append(node)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """The root of the tree."""
        if not self._hashes:
            return EMPTY_ROOT
        *lefts, root = self._hashes
        for left in reversed(lefts):
            root = hash_children(left, root)
        return root

    def copy(self) -> "CompactRange":
        """An independent range over the same leaves."""
        return CompactRange(self._size, self._hashes)
