# SPDX-License-Identifier: Apache-2.0
"""RFC 6962 hashing, proofs and compact ranges: published vectors, the RFC's own recursion, and lies."""

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keystead.errors import ParseError, ProofError
from keystead.tlog.merkle import (
    EMPTY_ROOT,
    CompactRange,
    hash_children,
    hash_leaf,
    make_consistency_proof,
    make_inclusion_proof,
    root_of,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from support.trees import mth, node_reader, path, random_hashes, subproof

CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_HASHES = [hash_leaf(leaf) for leaf in CT_LEAVES]
CT_ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]


def _base64(*texts: str) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


@pytest.mark.parametrize("size", range(1, 9))
def test_reference_roots(size: int) -> None:
    """The eight trees that CT's reference implementation publishes get its roots, three ways."""
    leaves = CT_HASHES[:size]
    growing = CompactRange()
    growing.extend(leaves)
    assert root_of(leaves) == tree_root(size, node_reader(leaves)) == growing.root() == CT_ROOTS[size - 1]


def test_published_hashes() -> None:
    """Leaf and node hashes that other implementations publish come out the same."""
    assert hash_leaf(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert hash_children(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )
    assert [hash_leaf(b"hello world")] == _base64("TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=")


def test_empty_tree() -> None:
    """The empty tree has the hash of nothing as its root, however it is asked for."""
    assert base64.b64encode(EMPTY_ROOT) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert root_of([]) == CompactRange().root() == tree_root(0, node_reader([])) == EMPTY_ROOT


def test_published_proofs() -> None:
    """The proofs that CT's reference implementation publishes are made, and verify."""
    inclusion = _base64(
        "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
        "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
    )
    assert make_inclusion_proof(0, 8, node_reader(CT_HASHES)) == inclusion
    verify_inclusion(CT_HASHES[0], 0, 8, inclusion, CT_ROOTS[7])
    consistency = _base64(
        "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=", "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms="
    )
    assert make_consistency_proof(2, 5, node_reader(CT_HASHES)) == consistency
    verify_consistency(2, CT_ROOTS[1], 5, CT_ROOTS[4], consistency)


def _is_refused(verify: Callable[..., None], *arguments: Any) -> bool:
    try:
        verify(*arguments)
    except ProofError:
        return True
    return False


def _vectors(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(str(file), json.loads(file.read_bytes())) for file in sorted(folder.rglob("*.json"))]


@pytest.mark.samples
def test_published_inclusion_vectors(samples: Path) -> None:
    """Good and bad inclusion proofs of transparency-dev are judged as their authors say."""
    verdicts = set()
    for name, vector in _vectors(samples / "vectors/merkle/inclusion"):
        arguments = (
            base64.b64decode(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            _base64(*(vector["proof"] or ())),
            base64.b64decode(vector["root"]),
        )
        verdicts.add(vector["wantErr"])
        assert _is_refused(verify_inclusion, *arguments) == vector["wantErr"], name
    assert verdicts == {True, False}


@pytest.mark.samples
def test_published_consistency_vectors(samples: Path) -> None:
    """Good and bad consistency proofs of transparency-dev are judged as their authors say.

    From size 0 to size 0 conventions differ: here two empty trees are consistent if both roots are the empty
    tree's, and with an empty proof only.
    """
    verdicts = set()
    for name, vector in _vectors(samples / "vectors/merkle/consistency"):
        arguments = (
            vector["size1"],
            base64.b64decode(vector["root1"]),
            vector["size2"],
            base64.b64decode(vector["root2"]),
            _base64(*(vector["proof"] or ())),
        )
        if vector["size1"] == vector["size2"] == 0 and arguments[1] == arguments[3] == EMPTY_ROOT:
            verify_consistency(*arguments)
            continue
        verdicts.add(vector["wantErr"])
        assert _is_refused(verify_consistency, *arguments) == vector["wantErr"], name
    assert verdicts == {True, False}


def test_every_small_tree_agrees_with_the_recursion_of_the_rfc() -> None:
    """Up to 40 leaves, every root and proof is what the RFC's recursive definitions give, and verifies."""
    leaves = random_hashes(40, seed=1)
    node = node_reader(leaves)
    for size in range(1, 41):
        root = mth(leaves[:size])
        assert root_of(leaves[:size]) == tree_root(size, node) == root
        for index in range(size):
            proof = make_inclusion_proof(index, size, node)
            assert proof == path(index, leaves[:size])
            verify_inclusion(leaves[index], index, size, proof, root)
        for old in range(1, size + 1):
            proof = make_consistency_proof(old, size, node)
            assert proof == subproof(old, leaves[:size])
            verify_consistency(old, mth(leaves[:old]), size, root, proof)


@pytest.mark.parametrize("size", [1023, 1024, 1025, 3000])
def test_large_trees_agree_with_the_recursion_of_the_rfc(size: int) -> None:
    """Around and between powers of two, proofs are what the RFC's recursive definitions give."""
    leaves = random_hashes(size, seed=size)
    node = node_reader(leaves)
    source = random.Random(size)
    for index in [0, size - 1, *source.sample(range(size), 5)]:
        assert make_inclusion_proof(index, size, node) == path(index, leaves)
    for old in [1, size - 1, size, *source.sample(range(1, size), 5)]:
        assert make_consistency_proof(old, size, node) == subproof(old, leaves)


def test_any_change_to_an_inclusion_proof_is_caught() -> None:
    """A flipped bit, a hash too many or too few, another leaf, index or root: each is refused."""
    leaves = random_hashes(23, seed=2)
    node = node_reader(leaves)
    for size in (1, 2, 3, 8, 13, 16, 23):
        root = mth(leaves[:size])
        for index in range(size):
            proof = make_inclusion_proof(index, size, node)
            lies = [
                (leaves[index], other, size, proof, root) for other in range(-1, size + 1) if other != index
            ]
            lies.append((hash_leaf(leaves[index]), index, size, proof, root))
            lies.append((leaves[index], index, size, proof, hash_leaf(root)))
            lies.append((leaves[index], index, size, [*proof, root], root))
            lies.append((leaves[index], index, size, [leaves[index], *proof], root))
            lies.append((leaves[index], index, 0, proof, root))
            lies.append((leaves[index][:31], index, size, proof, root))
            for at in range(len(proof)):
                flipped = bytes((proof[at][0] ^ 1,)) + proof[at][1:]
                lies.append((leaves[index], index, size, [*proof[:at], flipped, *proof[at + 1 :]], root))
                lies.append((leaves[index], index, size, [*proof[:at], *proof[at + 1 :]], root))
                lies.append((leaves[index], index, size, [*proof[:at], b"", *proof[at + 1 :]], root))
            for lie in lies:
                with pytest.raises(ProofError):
                    verify_inclusion(*lie)


def test_any_change_to_a_consistency_proof_is_caught() -> None:
    """A flipped bit, a hash too many or too few, other roots or sizes out of order: each is refused."""
    leaves = random_hashes(23, seed=3)
    node = node_reader(leaves)
    for new in (2, 3, 8, 13, 16, 23):
        new_root = mth(leaves[:new])
        for old in range(1, new):
            old_root = mth(leaves[:old])
            proof = make_consistency_proof(old, new, node)
            lies = [
                (old, hash_leaf(old_root), new, new_root, proof),
                (old, old_root, new, hash_leaf(new_root), proof),
                (old, new_root, new, old_root, proof),
                (new, new_root, old, old_root, proof),
                (-1, old_root, new, new_root, proof),
                (old, old_root, new, new_root, []),
                (old, old_root, new, new_root, [*proof, new_root]),
                (old, old_root, new, new_root, [old_root, *proof]),
                (old, old_root[:31], new, new_root, proof),
            ]
            for at in range(len(proof)):
                flipped = bytes((proof[at][0] ^ 1,)) + proof[at][1:]
                lies.append((old, old_root, new, new_root, [*proof[:at], flipped, *proof[at + 1 :]]))
                lies.append((old, old_root, new, new_root, [*proof[:at], *proof[at + 1 :]]))
            for lie in lies:
                with pytest.raises(ProofError):
                    verify_consistency(*lie)


def test_proofs_of_a_taller_tree_are_refused() -> None:
    """A proof that goes on to the root of a larger tree does not pass for one of the size that is claimed."""
    leaves = random_hashes(8, seed=7)
    node = node_reader(leaves)
    larger = make_inclusion_proof(3, 4, node)
    with pytest.raises(ProofError, match="a hash too many"):
        verify_inclusion(leaves[3], 1, 2, larger, mth(leaves[:4]))
    with pytest.raises(ProofError, match="too short"):
        verify_inclusion(leaves[3], 3, 8, larger, mth(leaves[:4]))
    proof = make_consistency_proof(3, 4, node)
    above = [*proof, mth(leaves[4:])]
    with pytest.raises(ProofError, match="a hash too many"):
        verify_consistency(3, mth(leaves[:3]), 4, mth(leaves), above)
    with pytest.raises(ProofError, match="too short"):
        verify_consistency(3, mth(leaves[:3]), 8, mth(leaves[:4]), proof)


def test_trees_of_one_size_are_consistent_only_if_equal() -> None:
    """Equal sizes need equal roots and an empty proof; a fork at one size is refused and both roots kept."""
    one, other = random_hashes(2, seed=4)
    verify_consistency(7, one, 7, one, [])
    with pytest.raises(ProofError, match="two roots of one size") as caught:
        verify_consistency(7, one, 7, other, [])
    assert caught.value.check == "consistency"
    assert caught.value.evidence == {"old_root": one, "new_root": other, "proof": b""}
    with pytest.raises(ProofError):
        verify_consistency(7, one, 7, one, [other])


def test_the_empty_tree_is_a_prefix_of_every_tree() -> None:
    """From size 0 there is nothing to prove, but its root must be the empty tree's and the proof empty."""
    (root,) = random_hashes(1, seed=5)
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    verify_consistency(0, EMPTY_ROOT, 9, root, [])
    for lie in (
        (0, root, 9, root, []),
        (0, EMPTY_ROOT, 9, root, [root]),
        (0, root, 0, root, []),
        (0, EMPTY_ROOT, 0, root, []),
    ):
        with pytest.raises(ProofError):
            verify_consistency(*lie)


def test_no_proof_is_made_of_what_is_not_in_the_tree() -> None:
    """A leaf beyond the tree, or a tree that shrinks, has no proof."""
    node = node_reader(CT_HASHES)
    for index, size in ((8, 8), (-1, 8), (0, 0)):
        with pytest.raises(ProofError):
            make_inclusion_proof(index, size, node)
    for old, new in ((9, 8), (-1, 8)):
        with pytest.raises(ProofError):
            make_consistency_proof(old, new, node)
    assert make_consistency_proof(0, 8, node) == make_consistency_proof(8, 8, node) == []


def test_compact_range_at_every_size() -> None:
    """Appending gives every root on the way, and a range taken up from its hashes goes on the same."""
    leaves = random_hashes(300, seed=6)
    growing, half = CompactRange(), CompactRange()
    half.extend(leaves[:150])
    for size, leaf in enumerate(leaves, start=1):
        growing.append(leaf)
        resumed = CompactRange(growing.size, growing.hashes)
        assert growing.size == size
        assert growing.root() == resumed.root() == root_of(leaves[:size])
    resumed = CompactRange(150, half.hashes)
    resumed.extend(leaves[150:])
    assert resumed.hashes == growing.hashes


def test_compact_range_copies_are_independent() -> None:
    """What a copy appends does not reach the original."""
    original = CompactRange()
    original.extend(CT_HASHES[:5])
    copy = original.copy()
    copy.append(CT_HASHES[5])
    assert (original.size, original.root()) == (5, CT_ROOTS[4])
    assert (copy.size, copy.root()) == (6, CT_ROOTS[5])


@pytest.mark.parametrize(
    ("size", "hashes"),
    [(0, [EMPTY_ROOT]), (3, [EMPTY_ROOT]), (-1, [EMPTY_ROOT]), (1, [b"short"]), (2, [])],
)
def test_compact_range_refuses_what_is_no_right_edge(size: int, hashes: list[bytes]) -> None:
    """There must be one hash of 32 bytes for each bit in the size."""
    with pytest.raises(ParseError):
        CompactRange(size, hashes)
