# SPDX-License-Identifier: Apache-2.0
"""The growing tree: its tiles, its proofs, and what it refuses to believe of a store."""

from random import Random

import pytest
from pymerkle import InmemoryTree

from keystead.errors import ProofError, StoreError
from keystead.tlog.merkle import EMPTY_ROOT, hash_leaf, root_of, verify_consistency, verify_inclusion
from keystead.tlog.tiles import edge_tiles, tile_path
from keystead_server.log.tree import Tree
from keystead_server.storage.memory import MemoryBlobStore
from support.trees import mth, path, random_hashes, subproof, tiles_of

GROWTHS = [1, 1, 2, 3, 249, 1, 255, 256, 257, 511, 1, 1000, 62_000]
"""Sizes run over the edges of tiles at two levels, and end above one tile of level 1."""


def new_tree(blobs: MemoryBlobStore, max_tiles: int = 1024) -> Tree:
    """A tree without leaves."""
    return Tree.load(blobs, "issuance/", 0, EMPTY_ROOT, max_tiles=max_tiles)


def grown(
    leaves: list[bytes], seed: int = 1, *, blobs: MemoryBlobStore | None = None
) -> tuple[MemoryBlobStore, Tree]:
    """A store and a tree over `leaves`, grown in steps of many sizes."""
    blobs = MemoryBlobStore() if blobs is None else blobs
    tree = new_tree(blobs)
    random = Random(seed)
    while tree.size < len(leaves):
        count = random.choice((1, 2, 100, 255, 256, 700))
        growth = tree.grow(leaves[tree.size : tree.size + count])
        blobs.put(growth.objects)
        tree.accept(growth)
    return blobs, tree


def test_a_new_tree_is_empty() -> None:
    """It has the root of RFC 6962, and reads nothing from its store."""
    tree = new_tree(MemoryBlobStore())

    assert (tree.size, tree.root, tree.tail_hashes) == (0, EMPTY_ROOT, ())


def test_growing_writes_the_tiles_of_the_definition() -> None:
    """After every growth the store holds each tile of the tree, and the growth wrote those that are new."""
    blobs = MemoryBlobStore()
    tree = new_tree(blobs)
    leaves: list[bytes] = []
    for number, count in enumerate(GROWTHS[:-1]):
        leaves += random_hashes(count, number)
        growth = tree.grow(leaves[tree.size :])
        before = {"issuance/" + tile_path(*tile) for tile in tiles_of(leaves[: tree.size])}
        after = {"issuance/" + tile_path(*tile): data for tile, data in tiles_of(leaves).items()}

        assert growth.objects == {name: data for name, data in after.items() if name not in before}
        assert (growth.old_size, growth.size, growth.root) == (tree.size, len(leaves), mth(leaves))

        blobs.put(growth.objects)
        tree.accept(growth)
        assert (tree.size, tree.root) == (len(leaves), mth(leaves))


def test_roots_agree_with_an_independent_implementation() -> None:
    """pymerkle computes the same root after every growth."""
    oracle = InmemoryTree(algorithm="sha256")
    tree = new_tree(MemoryBlobStore())
    random = Random(6)
    for count in (1, 2, 3, 250, 1, 300):
        entries = [random.randbytes(20) for _ in range(count)]
        for entry in entries:
            oracle.append_entry(entry)
        tree.accept(tree.grow([hash_leaf(entry) for entry in entries]))
        assert tree.root == oracle.get_root()


def test_a_tree_above_one_tile_of_level_one_is_right() -> None:
    """More than 65,536 leaves, in one growth, loaded again, with proofs over three levels."""
    leaves = random_hashes(66_000, 7)
    blobs = MemoryBlobStore()
    tree = new_tree(blobs)
    growth = tree.grow(leaves)
    blobs.put(growth.objects)
    root = root_of(leaves)
    assert growth.root == root

    loaded = Tree.load(blobs, "issuance/", 66_000, root)

    assert [(level, width) for level, _, width in edge_tiles(66_000)] == [(0, 208), (1, 1), (2, 1)]
    for index in (0, 1, 255, 256, 65_535, 65_536, 65_792, 65_999):
        verify_inclusion(leaves[index], index, 66_000, loaded.inclusion_proof(index), root)
    verify_consistency(40_000, root_of(leaves[:40_000]), 66_000, root, loaded.consistency_proof(40_000))


def test_growing_changes_nothing_until_it_is_accepted() -> None:
    """A batch that fails leaves the tree, and another batch can be tried."""
    leaves = random_hashes(700, 8)
    _, tree = grown(leaves[:300])
    first = tree.grow(leaves[300:600])
    assert (tree.size, tree.root) == (300, mth(leaves[:300]))
    second = tree.grow(leaves[300:700])
    proof = tree.inclusion_proof(299)

    tree.accept(second)

    assert tree.root == mth(leaves)
    verify_inclusion(leaves[299], 299, 300, proof, mth(leaves[:300]))
    with pytest.raises(StoreError, match="700 leaves, not 300"):
        tree.accept(first)
    assert tree.root == mth(leaves)


def test_growing_by_nothing_is_growing_by_nothing() -> None:
    """An idle log signs its tree anew without writing a tile."""
    leaves = random_hashes(300, 9)
    _, tree = grown(leaves)
    growth = tree.grow([])

    assert growth.objects == {}
    assert (growth.size, growth.root) == (300, tree.root)
    tree.accept(growth)
    assert tree.root == mth(leaves)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 700])
def test_inclusion_proofs_are_those_of_the_rfc(size: int) -> None:
    """Of every leaf, under the tree's own size."""
    leaves = random_hashes(size, size)
    _, tree = grown(leaves)
    indices = range(size) if size < 300 else Random(size).sample(range(size), 60)

    for index in indices:
        assert tree.inclusion_proof(index) == path(index, leaves)


def test_proofs_under_earlier_sizes_are_those_of_the_rfc() -> None:
    """A reader may hold an older checkpoint."""
    leaves = random_hashes(800, 10)
    _, tree = grown(leaves)
    random = Random(11)
    for _ in range(60):
        size = random.randint(1, 800)
        index = random.randrange(size)
        assert tree.inclusion_proof(index, size) == path(index, leaves[:size])
        old = random.randint(1, size)
        assert tree.consistency_proof(old, size) == subproof(old, leaves[:size])
        assert tree.consistency_proof(old) == subproof(old, leaves)


@pytest.mark.parametrize(
    ("index", "size"), [(300, None), (-1, None), (0, 0), (5, 5), (0, 301), (300, 301), (0, -1)]
)
def test_no_proof_is_made_of_what_is_not_in_the_tree(index: int, size: int | None) -> None:
    """Neither of a leaf, nor under a size that the tree does not have yet."""
    _, tree = grown(random_hashes(300, 12))

    with pytest.raises(ProofError):
        tree.inclusion_proof(index, size)


@pytest.mark.parametrize(
    ("old", "new"), [(301, None), (-1, None), (5, 4), (3, 301), (300, 301), (301, 301), (0, 301)]
)
def test_no_consistency_proof_is_made_beyond_the_tree(old: int, new: int | None) -> None:
    """Nor backwards."""
    _, tree = grown(random_hashes(300, 13))

    with pytest.raises(ProofError):
        tree.consistency_proof(old, new)


@pytest.mark.parametrize(("level", "index"), [(0, 300), (8, 1), (9, 0), (0, -1), (-1, 0), (70, 0)])
def test_only_complete_subtrees_have_a_node(level: int, index: int) -> None:
    """As a `NodeReader` must."""
    _, tree = grown(random_hashes(300, 14))

    with pytest.raises(ProofError):
        tree.node(level, index)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 600])
def test_a_loaded_tree_goes_on_as_the_one_that_wrote_it(size: int) -> None:
    """Same tail, same growth, same proofs."""
    leaves = random_hashes(size + 300, size)
    blobs, tree = grown(leaves[:size])

    loaded = Tree.load(blobs, "issuance/", size, tree.root)

    assert loaded.tail_hashes == tree.tail_hashes == tuple(leaves[size // 256 * 256 : size])
    assert loaded.grow(leaves[size:]).objects == tree.grow(leaves[size:]).objects
    assert loaded.inclusion_proof(0) == tree.inclusion_proof(0)


@pytest.mark.parametrize("size", [1, 256, 300, 600])
def test_loading_refuses_an_edge_that_is_missing_cut_or_altered(size: int) -> None:
    """Each tile at the end of each level is looked at, full or partial."""
    leaves = random_hashes(size, 15)
    blobs, tree = grown(leaves)
    for level, index, width in edge_tiles(size):
        name = "issuance/" + tile_path(level, index, width)
        good = blobs.objects[name]
        for bad in (
            None,
            b"",
            good[:-32],
            good + bytes(32),
            bytes((good[0] ^ 1,)) + good[1:],
            good[:-1] + b"\x00",
        ):
            if bad is None:
                del blobs.objects[name]
            else:
                blobs.objects[name] = bad
            with pytest.raises(StoreError, match="restore"):
                Tree.load(blobs, "issuance/", size, tree.root)
        blobs.objects[name] = good
    with pytest.raises(StoreError, match="do not lead to the signed root"):
        Tree.load(blobs, "issuance/", size, hash_leaf(b"another root"))
    assert Tree.load(blobs, "issuance/", size, tree.root).root == tree.root


def test_no_proof_is_made_from_an_altered_or_missing_tile() -> None:
    """A full tile is checked against the tile above it, whichever of its hashes was altered."""
    leaves = random_hashes(1000, 16)
    blobs, tree = grown(leaves)
    for position in (0, 5000, 8191):
        altered = bytearray(blobs.objects["issuance/tile/0/001"])
        altered[position] ^= 0x80
        store = MemoryBlobStore({**blobs.objects, "issuance/tile/0/001": bytes(altered)})
        loaded = Tree.load(store, "issuance/", 1000, tree.root)
        with pytest.raises(StoreError, match="001 was altered"):
            loaded.inclusion_proof(300)
        verify_inclusion(leaves[0], 0, 1000, loaded.inclusion_proof(0), tree.root)
    store = MemoryBlobStore(dict(blobs.objects))
    del store.objects["issuance/tile/0/001"]
    with pytest.raises(StoreError, match="001 is missing"):
        Tree.load(store, "issuance/", 1000, tree.root).inclusion_proof(300)


def test_proofs_of_the_newest_batch_read_nothing_from_the_store() -> None:
    """They are what every submitter waits for."""
    leaves = random_hashes(2000, 17)
    blobs, tree = grown(leaves)
    reads: list[str] = []
    blobs.fault = lambda operation, name: reads.append(name)

    for index in range(1300, 2000):
        tree.inclusion_proof(index)

    assert reads == []


def test_only_so_many_tiles_stay_in_memory() -> None:
    """The ones used last, each read from the store once while it stays."""
    leaves = random_hashes(256 * 12, 18)
    blobs, whole = grown(leaves)
    tree = Tree.load(blobs, "issuance/", len(leaves), whole.root, max_tiles=3)
    reads: list[str] = []
    blobs.fault = lambda operation, name: reads.append(name)
    for _ in range(3):
        for index in range(11):
            proof = tree.inclusion_proof(256 * index)
            verify_inclusion(leaves[256 * index], 256 * index, len(leaves), proof, whole.root)

    assert len(tree._cache) == 3
    assert len(reads) > 11
    reads.clear()
    for _ in range(5):
        tree.inclusion_proof(256 * 10 + 7)
    assert reads == []


def test_two_trees_of_one_store_keep_apart() -> None:
    """By their prefixes."""
    blobs = MemoryBlobStore()
    issuance = Tree.load(blobs, "issuance/", 0, EMPTY_ROOT)
    statements = Tree.load(blobs, "statements/", 0, EMPTY_ROOT)
    blobs.put(issuance.grow(random_hashes(3, 19)).objects)
    blobs.put(statements.grow(random_hashes(3, 20)).objects)

    assert sorted(blobs.objects) == ["issuance/tile/0/000.p/3", "statements/tile/0/000.p/3"]
