# SPDX-License-Identifier: Apache-2.0
"""A tree checked whole: entries against hash tiles of every level, and both against the signed root.

Two things are known of each tile: the hashes computed from the entries below it, and the bytes that the log serves.
Which of them is right, the root decides (C2SP tlog-tiles; the steps are cited below):

(1) the tiles at the right edge together hash to the root; where what is computed and what is served differ, each
    combination is tried, so that a wrong tile and a wrong entry in different places are both found;
(2) from there down, the hash of each full tile is known from the tile above it; of what is computed and what is
    served, the one with that hash is the tree's;
(3) what differs from the tree's is wrong: a tile by its path, an entry by its index.

Pure. The caller reads files, and says itself what it could not get: None stands for that here.

Invariants:

* where every entry is right, every wrong tile is named and nothing else; likewise entries where tiles are right;
* where neither leads to the tree, both are named; where nothing is known of what is right, because what is above is
  missing or wrong, what does not agree is named;
* memory: the hashes of level 8 and above, and the bundles that differ from their tile.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Literal

from keystead.audit.edge import EMPTY_EDGE, Edge, edge_root, level_count
from keystead.audit.problem import Problem
from keystead.tlog.merkle import HASH_SIZE, root_of
from keystead.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, bundle_path, tile_path, tile_width, tiles_between

__all__ = ["TreeCheck", "split_tile"]

_Place = tuple[int, int]  # level, index
_Tiles = Mapping[_Place, bytes | None]


def split_tile(tile: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]


class TreeCheck:
    """The check of one tree. Add the upper tiles, then the bundles in order, then `finish`.

    Args:
        origin: of the log, for problems.
        prefix: where it lies: `issuance` or `statements`.
        kind: of its bundles.
        size: leaves in the tree.
        root: as signed.
        start: the edge of the tree that was checked before, which this one extends.
    """

    def __init__(
        self,
        origin: str,
        prefix: str,
        kind: Literal["entries", "data"],
        size: int,
        root: bytes,
        start: Edge = EMPTY_EDGE,
    ) -> None:
        self.size = size
        self.root = root
        self.start = start
        self.rewritten = False
        self._origin = origin
        self._prefix = prefix
        self._kind: Literal["entries", "data"] = kind
        self._tiles = tiles_between(start.size, size)
        self._served: dict[_Place, bytes | None] = {}
        # By level, the hashes that are computed, from the first one of the tile that was partial before. Of level 0
        # only the last bundle is held.
        self._first = [
            (start.size >> TILE_HEIGHT * level) // TILE_WIDTH * TILE_WIDTH
            for level in range(level_count(size))
        ]
        self._rows: list[list[bytes | None]] = [
            list(split_tile(start.tile(level))) for level in range(level_count(size))
        ]
        self._differing: dict[int, tuple[Sequence[bytes] | None, Sequence[bytes] | None]] = {}
        self._boundary: tuple[Sequence[bytes] | None, Sequence[bytes] | None] = (None, None)
        self._trusted: _Tiles | None = None

    @property
    def upper_tiles(self) -> list[tuple[int, int, int]]:
        """(level, index, width) of each tile to read first: all above level 0, and the partial one of level 0."""
        return [tile for tile in self._tiles if tile[0] or tile[2] < TILE_WIDTH]

    @property
    def bundles(self) -> list[tuple[int, int]]:
        """(index, width) of each bundle to read, in order."""
        return [(index, width) for level, index, width in self._tiles if not level]

    def add_tile(self, level: int, index: int, hashes: bytes | None) -> None:
        """A tile of `upper_tiles`, cut to its width; None if there is none to be had."""
        self._served[level, index] = hashes

    def add_bundle(
        self, index: int, computed: Sequence[bytes] | None, served: Sequence[bytes] | None
    ) -> frozenset[int]:
        """A bundle, in the order of `bundles`.

        Args:
            index: of the bundle.
            computed: the hashes of its entries; None if it cannot be read.
            served: the hash tile of level 0 beside it; None if there is none to be had.

        Returns:
            The places in the bundle whose entries are shown not to be the tree's: what they say counts for nothing.
        """
        width = tile_width(0, index, self.size)
        known = computed if computed is not None else served
        alike = computed is not None and computed == served
        if not alike:
            self._differing[index] = (computed, served)
        if index == self.start.size // TILE_WIDTH:
            self._boundary = (computed, served)
        root = None
        if width < TILE_WIDTH:
            self._rows[0] = [None] * width if known is None else list(known)
        else:
            self._rows[0] = []
            root = None if known is None else root_of(known)
            self._rows[1].append(root)
        if self._trusted is None:
            self._trusted = self._descend(computed=False)
        if computed is None:
            return frozenset(range(width))
        if alike and width == TILE_WIDTH:
            expected = _node(self._trusted, 1, index)
            return frozenset() if expected in {None, root} else frozenset(range(width))
        right = self._right(self._trusted, index, width, computed, served)
        if right is None and _node(self._trusted, 1, index) is not None and width == TILE_WIDTH:
            return frozenset(range(width))
        if right is None:
            # Nothing says that they are wrong, or `finish` will: a wrong tile must not hide what entries say.
            return frozenset()
        return frozenset(at for at in range(width) if computed[at] != right[at])

    def finish(self) -> tuple[list[Problem], Edge | None]:
        """What is wrong with the tree, and its edge; None for the edge where the tree is not reached whole."""
        for level in range(2, len(self._rows)):
            below, row = self._rows[level - 1], self._rows[level]
            for at in range(0, len(below) - TILE_WIDTH + 1, TILE_WIDTH):
                hashes = [one for one in below[at : at + TILE_WIDTH] if one is not None]
                row.append(root_of(hashes) if len(hashes) == TILE_WIDTH else None)
        tree = self._descend(computed=True)
        edge = [tree[place] if width else b"" for place, width in self._edge_places()]
        problems = [*self._tile_problems(tree), *self._bundle_problems(tree)]
        # What is missing is named by the caller; the root is only wrong where something was there to reach it with.
        if None in edge and all(self._choices(computed=True).values()):
            sentence = f"neither entries nor tiles lead to the root that is signed for {self.size} entries"
            problems.append(self._problem("root-mismatch", sentence, path="checkpoint"))
        self.rewritten = self._contradicts_start(tree)
        if self.rewritten or None in edge:
            return problems, None
        return problems, Edge(self.size, tuple(tile or b"" for tile in edge))

    def _contradicts_start(self, tree: _Tiles) -> bool:
        """Whether the tree has other entries where the one that was checked before ended."""
        before = split_tile(self.start.tile(0))
        if not before or self.size <= self.start.size:
            return False
        index = self.start.size // TILE_WIDTH
        right = self._right(tree, index, tile_width(0, index, self.size), *self._boundary)
        return right is not None and list(right[: len(before)]) != before

    # (1), (2): which hashes are the tree's.

    def _descend(self, *, computed: bool) -> _Tiles:
        """The tiles of the tree from level 1 up, and its edge, as the root shows them; None where it does not.

        Args:
            computed: consider what entries hash to; otherwise what is served alone.
        """
        tree = dict(self._edge(computed=computed))
        # From the top: the tile above is known when a tile's turn comes.
        for level, index, width in reversed(self._tiles):
            if not level or width < TILE_WIDTH:
                continue
            expected = _node(tree, level + 1, index)
            candidates = (
                self._computed(level, index, width) if computed else None,
                self._served.get((level, index)),
            )
            tree[level, index] = next(
                (
                    tile
                    for tile in candidates
                    if tile is not None and expected is not None and root_of(split_tile(tile)) == expected
                ),
                None,
            )
        return tree

    def _edge(self, *, computed: bool) -> _Tiles:
        """The partial tile of each level, if some choice among them leads to the root; else None for all."""
        choices = self._choices(computed=computed)
        for chosen in product(*choices.values()):
            tiles = dict(zip(choices, chosen, strict=True))
            if edge_root(self.size, {level: tile for (level, _), tile in tiles.items()}) == self.root:
                return tiles
        return dict.fromkeys(choices)

    def _choices(self, *, computed: bool) -> dict[_Place, list[bytes]]:
        """What each partial tile can be: what is computed, what is served. There are at most eight levels."""
        choices = {}
        for (level, index), width in self._edge_places():
            if not width:
                continue
            served = self._served.get((level, index))
            if self.size >> TILE_HEIGHT * level == self.start.size >> TILE_HEIGHT * level:
                served = self.start.tile(level)  # it did not grow, and was checked before
            found = (self._computed(level, index, width) if computed else None, served)
            choices[level, index] = list(dict.fromkeys(tile for tile in found if tile is not None))
        return choices

    def _edge_places(self) -> Iterator[tuple[_Place, int]]:
        """Where each level ends, and how many hashes its last tile has there; 0 where that is full."""
        for level in range(len(self._rows)):
            index, width = divmod(self.size >> TILE_HEIGHT * level, TILE_WIDTH)
            yield (level, index), width

    def _computed(self, level: int, index: int, width: int) -> bytes | None:
        start = index * TILE_WIDTH - self._first[level] if level else 0
        hashes = [one for one in self._rows[level][start : start + width] if one is not None]
        return b"".join(hashes) if len(hashes) == width else None

    # (3): what differs from them.

    def _tile_problems(self, tree: _Tiles) -> Iterator[Problem]:
        for level, index, width in self.upper_tiles:
            served, right = self._served.get((level, index)), tree.get((level, index))
            if not level or served is None or served == right:
                continue  # level 0 is compared beside its bundle
            path = tile_path(level, index, width)
            if right is not None:
                yield self._problem("tile-altered", f"{path} does not hold the tree's hashes", path=path)
            elif served != self._computed(level, index, width):
                sentence = f"{path} does not hash to the tree, nor do the entries under it"
                yield self._problem("tile-altered", sentence, path=path)

    def _bundle_problems(self, tree: _Tiles) -> Iterator[Problem]:
        for index, width in self.bundles:
            if index in self._differing:
                yield from self._compare(tree, index, width, *self._differing[index])
            elif width == TILE_WIDTH:
                expected = _node(tree, 1, index)
                if expected not in {None, self._rows[1][index - self._first[1]]}:
                    yield from self._wrong(index, width, bundle=True, tile=True)
            # Where the last, partial bundle and its tile are alike, the root was reached with them or not at all.

    def _right(
        self,
        tree: _Tiles,
        index: int,
        width: int,
        computed: Sequence[bytes] | None,
        served: Sequence[bytes] | None,
    ) -> Sequence[bytes] | None:
        """The leaf hashes of a bundle as the tree has them; None where neither reading is shown to be right."""
        if width < TILE_WIDTH:
            edge = tree.get((0, index))
            return None if edge is None else split_tile(edge)
        expected = _node(tree, 1, index)
        found = (one for one in (computed, served) if one is not None)
        return next((one for one in found if root_of(one) == expected), None)

    def _compare(
        self,
        tree: _Tiles,
        index: int,
        width: int,
        computed: Sequence[bytes] | None,
        served: Sequence[bytes] | None,
    ) -> Iterator[Problem]:
        """Name what is wrong with a bundle and its tile, where they differ or one is missing."""
        right = self._right(tree, index, width, computed, served)
        if right is None:
            both = computed is not None and served is not None
            if both or _node(tree, 1, index) is not None:
                yield from self._wrong(index, width, bundle=computed is not None, tile=served is not None)
            return
        if served is not None and list(served) != list(right):
            path = tile_path(0, index, width)
            yield self._problem("tile-altered", f"{path} does not hold the tree's hashes", path=path)
        path = bundle_path(self._kind, index, width)
        for at, (one, other) in enumerate(zip(computed or right, right, strict=True)):
            if one != other:
                entry = index * TILE_WIDTH + at
                sentence = f"entry {entry}, as {path} has it, is not the one in the tree"
                yield self._problem("entry-altered", sentence, path=path, index=entry)

    def _wrong(self, index: int, width: int, *, bundle: bool, tile: bool) -> Iterator[Problem]:
        for code, path, is_there in (
            ("bundle-altered", bundle_path(self._kind, index, width), bundle),
            ("tile-altered", tile_path(0, index, width), tile),
        ):
            if is_there:
                sentence = (
                    f"{path} is not shown to be the tree's by the tiles above, nor by what lies beside it"
                )
                yield self._problem(code, sentence, path=path)

    def _problem(self, code: str, sentence: str, *, path: str, index: int | None = None) -> Problem:
        return Problem(code, self._origin, sentence, index, f"{self._prefix}/{path}")


def _node(tree: _Tiles, level: int, index: int) -> bytes | None:
    """The hash at a place of a level, where its tile is known."""
    tile = tree.get((level, index // TILE_WIDTH))
    at = index % TILE_WIDTH * HASH_SIZE
    return None if tile is None else tile[at : at + HASH_SIZE]
