# SPDX-License-Identifier: Apache-2.0
"""pymerkle, an independent implementation of the same tree, as the oracle for random trees, roots and proofs.

Its conventions: it counts leaves from one; an inclusion path begins with the leaf's own hash; a consistency
path goes down to a single leaf of the new part, where RFC 9162 stops at a subtree, and holds the old tree's
hashes even where the old root says it all. `_rfc_consistency_proof` folds that back.
"""

import random

import pytest
from pymerkle import ConsistencyProof, InmemoryTree, verify_consistency, verify_inclusion

from keystead.tlog.merkle import (
    CompactRange,
    hash_leaf,
    make_consistency_proof,
    make_inclusion_proof,
    root_of,
    tree_root,
)
from keystead.tlog.merkle import verify_consistency as our_verify_consistency
from keystead.tlog.merkle import verify_inclusion as our_verify_inclusion
from keystead.tlog.tiles import TileNodes
from support.trees import node_reader, tiles_of


def _random_tree(size: int, seed: int) -> tuple[list[bytes], InmemoryTree]:
    source = random.Random(seed)
    entries = [source.randbytes(source.randrange(60)) for _ in range(size)]
    oracle = InmemoryTree(algorithm="sha256")
    for entry in entries:
        oracle.append_entry(entry)
    return [hash_leaf(entry) for entry in entries], oracle


def _rfc_consistency_proof(proof: ConsistencyProof, old: int) -> list[bytes]:
    """The oracle's proof from `old` to a larger size, as RFC 9162 section 2.1.4.1 has it."""
    # The hashes before the first one of the old tree are the pieces of one subtree of the new part.
    first_old = proof.subset.index(1)
    new_part = proof.path[0]
    for right in proof.path[1:first_old]:
        new_part = proof.hasher.hash_pair(new_part, right)
    rest = proof.path[first_old + 1 :]
    if old & (old - 1) == 0:
        return [new_part, *rest]
    return [proof.path[first_old], new_part, *rest]


@pytest.mark.parametrize("seed", range(4))
def test_small_trees(seed: int) -> None:
    """Every root, every audit path and every consistency proof of a random tree is the oracle's."""
    leaves, oracle = _random_tree(33, seed)
    node = node_reader(leaves)
    growing = CompactRange()
    for size in range(1, 34):
        growing.append(leaves[size - 1])
        root = oracle.get_root(size)
        assert root_of(leaves[:size]) == tree_root(size, node) == growing.root() == root
        for index in range(size):
            path = oracle.prove_inclusion(index + 1, size).path
            assert path[0] == leaves[index]
            assert make_inclusion_proof(index, size, node) == path[1:]
            our_verify_inclusion(leaves[index], index, size, path[1:], root)
        for old in range(1, size):
            theirs = oracle.prove_consistency(old, size)
            ours = make_consistency_proof(old, size, node)
            assert ours == _rfc_consistency_proof(theirs, old)
            our_verify_consistency(old, oracle.get_root(old), size, root, ours)


@pytest.mark.parametrize("size", [255, 256, 257, 1000, 5000])
def test_large_trees_from_tiles(size: int) -> None:
    """Proofs made from tiles are the oracle's, and the oracle's proofs verify against our roots."""
    leaves, oracle = _random_tree(size, seed=size)
    stored = tiles_of(leaves)
    nodes = TileNodes(size, lambda *tile: stored[tile])
    root = tree_root(size, nodes)
    assert root == oracle.get_root(size)
    source = random.Random(size)
    for index in {0, size - 1, *(source.randrange(size) for _ in range(20))}:
        theirs = oracle.prove_inclusion(index + 1, size)
        assert make_inclusion_proof(index, size, nodes) == theirs.path[1:]
        verify_inclusion(leaves[index], root, theirs)
    for old in {1, size - 1, *(source.randrange(1, size) for _ in range(20))}:
        theirs = oracle.prove_consistency(old, size)
        ours = make_consistency_proof(old, size, nodes)
        assert ours == _rfc_consistency_proof(theirs, old)
        verify_consistency(root_of(leaves[:old]), root, theirs)
        our_verify_consistency(old, root_of(leaves[:old]), size, root, ours)
