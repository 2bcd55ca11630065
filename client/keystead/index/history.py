# SPDX-License-Identifier: Apache-2.0
"""The history of one key: its entries, their RFC 6962 tree, and pages of it (`specs/device-index.md`, section 4).

    leaf    SHA-256(0x00 || uint64 entry index)
    value   uint64 number of entries || root of the tree          what the map holds under the key

A page shows some consecutive entries. Around it stand the maximal complete subtrees to its left and to its right, so
root and number can be computed from it, and with them the map's value.

Invariants:

* entry indices ascend strictly; a history only grows, and its first entries never change;
* the subtrees left of a page are those of a tree that ends there: whoever kept that tree's compact range sees that
  the page goes on from it, and what is new since.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from keystead.encoding.tls import uint64
from keystead.errors import ProofError
from keystead.tlog.merkle import HASH_SIZE, CompactRange, NodeReader, hash_children, root_of

__all__ = [
    "Page",
    "continue_history",
    "cover",
    "encode_value",
    "hash_history_leaf",
    "make_page",
    "page_value",
]

_MAXIMUM = 2**63 - 1


def hash_history_leaf(entry: int) -> bytes:
    """The leaf of an entry, by its index in its log."""
    return sha256(b"\x00" + entry.to_bytes(8)).digest()


def encode_value(count: int, root: bytes) -> bytes:
    """What the map holds for a history of `count` entries: 40 bytes."""
    return uint64(count) + root


def cover(start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The maximal complete subtrees over the leaves `[start, stop)`, left to right, as (level, index)."""
    while start < stop:
        level = (stop - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive entries of a history.

    Attributes:
        count: entries in the whole history.
        first: position of the first entry shown; with no entries, any position.
        entries: indices in the log, ascending.
        left: hashes of the subtrees that `cover` names for what is before; `right` for what is after.
    """

    count: int
    first: int
    entries: tuple[int, ...]
    left: tuple[bytes, ...]
    right: tuple[bytes, ...]

    @property
    def bounds(self) -> tuple[int, int]:
        """The positions of the page inside the history: past the end it is empty, there."""
        start = min(self.first, self.count)
        return start, start + len(self.entries)


def make_page(count: int, first: int, entries: Sequence[int], node: NodeReader) -> Page:
    """The page of `entries`, which stand from position `first` on.

    Args:
        count: entries in the whole history.
        first: position of the first one; past the end the page is empty.
        entries: what stands there.
        node: the hashes of complete subtrees of the history's tree.
    """
    start = min(first, count)
    return Page(
        count,
        first,
        tuple(entries),
        tuple(node(*place) for place in cover(0, start)),
        tuple(node(*place) for place in cover(start + len(entries), count)),
    )


def page_value(page: Page) -> bytes:
    """The map's value that a page leads to: 40 bytes.

    Raises:
        ProofError: the entries do not ascend or are more than there are, or a hash is missing or left over.
    """
    start, stop = page.bounds
    if page.count < 1 or page.first < 0 or stop > page.count:
        raise _error("does not lie inside its history")
    before = -1
    for entry in page.entries:
        if not before < entry <= _MAXIMUM:
            raise _error("has entries that do not ascend")
        before = entry
    lefts, rights = list(cover(0, start)), list(cover(stop, page.count))
    if (len(lefts), len(rights)) != (len(page.left), len(page.right)) or any(
        len(value) != HASH_SIZE for value in (*page.left, *page.right)
    ):
        raise _error("has not the hashes that belong beside it")
    # The page is complete subtrees as well; row by row they cost least.
    leaves = [sha256(b"\x00" + entry.to_bytes(8)).digest() for entry in page.entries]
    shown = [
        (level, root_of(leaves[(index << level) - start : ((index + 1) << level) - start]))
        for level, index in cover(start, stop)
    ]
    hashes, size = list(page.left), start
    for level, value in (*shown, *zip((level for level, _ in rights), page.right, strict=True)):
        # As in binary addition: a subtree completes those that end where it begins.
        node, carry = value, size >> level
        while carry & 1:
            node = hash_children(hashes.pop(), node)
            carry >>= 1
        hashes.append(node)
        size += 1 << level
    return encode_value(page.count, CompactRange(size, hashes).root())


def continue_history(known: CompactRange, page: Page) -> None:
    """Check that a page goes on from what was known of its history, and add its entries to that.

    Args:
        known: of the history's first entries; has those of the page, too, afterwards.
        page: one whose `page_value` was found in the map.

    Raises:
        ProofError: the page begins elsewhere, or what is before it is not what was known: the history was changed.
    """
    start, _ = page.bounds
    if start != known.size:
        raise ProofError(
            f"the page begins at position {start}, and {known.size} entries are known", check="history-page"
        )
    if page.left != known.hashes:
        raise ProofError(
            f"the first {start} entries of the history are not those that were seen before",
            check="history-changed",
            evidence={"known": b"".join(known.hashes), "left": b"".join(page.left)},
        )
    known.extend(map(hash_history_leaf, page.entries))


def _error(what: str) -> ProofError:
    return ProofError(f"the page of the history {what}", check="history-page")
