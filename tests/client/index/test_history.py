# SPDX-License-Identifier: Apache-2.0
"""Histories: pages lead to the value of the whole, and go on from what was known."""

import random
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import ProofError
from keystead.index.history import (
    Page,
    continue_history,
    cover,
    encode_value,
    hash_history_leaf,
    make_page,
    page_value,
)
from keystead.tlog.merkle import CompactRange, NodeReader, root_of

ENTRIES = [number * number for number in range(300)]
LEAVES = [hash_history_leaf(entry) for entry in ENTRIES]


def _nodes(level: int, index: int) -> bytes:
    return root_of(LEAVES[index << level : (index + 1) << level])


def _page(count: int, first: int, limit: int, nodes: NodeReader = _nodes) -> Page:
    return make_page(count, first, ENTRIES[:count][first : first + limit], nodes)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 300), st.integers(0, 320), st.integers(0, 300))
def test_every_page_leads_to_the_value_of_its_history(count: int, first: int, limit: int) -> None:
    """Wherever it begins and however long it is, past the end too."""
    page = _page(count, first, limit)
    assert page_value(page) == encode_value(count, root_of(LEAVES[:count]))


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_a_cover_is_complete_and_maximal(start: int, length: int) -> None:
    """Its subtrees stand beside each other, each complete, and no two make a greater one."""
    found = list(cover(start, start + length))
    position = start
    for level, index in found:
        assert index << level == position
        position = (index + 1) << level
    assert position == start + length
    for (level, index), (other_level, _) in pairwise(found):
        assert level != other_level or index % 2


@pytest.mark.parametrize("seed", range(20))
def test_an_altered_page_leads_elsewhere(seed: int) -> None:
    """An entry left out, changed or moved, a hash changed or left out: nothing leads to the value any more."""
    chance = random.Random(seed)
    count = chance.randrange(2, 300)
    first = chance.randrange(count)
    page = _page(count, first, chance.randrange(1, 50))
    value = page_value(page)
    entries = list(page.entries)
    wrong = [
        Page(count, first, page.entries[:-1], page.left, page.right),
        Page(count, first, (*page.entries[:-1], page.entries[-1] + 1), page.left, page.right),
        Page(count, first, (*page.entries, page.entries[-1] + 1), page.left, page.right),
        Page(count, first, tuple(reversed(entries)) if len(entries) > 1 else (), page.left, page.right),
        Page(count + 1, first, page.entries, page.left, page.right),
        Page(count - 1, first, page.entries, page.left, page.right),
        Page(count, first + 1, page.entries, page.left, page.right),
        Page(count, first, page.entries, (*page.left, bytes(32)), page.right),
        Page(count, first, page.entries, page.left, (*page.right, bytes(32))),
    ]
    for name in ("left", "right"):
        hashes = getattr(page, name)
        for number in range(len(hashes)):
            for altered in (bytes(32), hashes[number][:-1]):
                changed = {"left": page.left, "right": page.right}
                changed[name] = (*hashes[:number], altered, *hashes[number + 1 :])
                wrong.append(Page(count, first, page.entries, **changed))
    for altered_page in wrong:
        with suppress(ProofError):
            assert page_value(altered_page) != value


@pytest.mark.parametrize(
    "page",
    [
        Page(0, 0, (), (), ()),
        Page(2, 0, (5, 5), (), ()),
        Page(2, 0, (5, -1), (), ()),
        Page(1, 0, (2**63,), (), ()),
        Page(1, 0, (1, 2), (), ()),
        Page(1, -1, (1,), (), ()),
        Page(2**63 - 1, 0, (), (), ()),
    ],
)
def test_what_is_no_page(page: Page) -> None:
    """Positions that cannot be, and entries that do not ascend, are refused."""
    with pytest.raises(ProofError):
        page_value(page)


def test_going_on_from_what_was_known() -> None:
    """Page after page, a follower comes to the whole history and sees that nothing in it changed."""
    known = CompactRange()
    for count in (1, 2, 7, 64, 65, 300):
        while known.size < count:
            continue_history(known, _page(count, known.size, 40))
        assert encode_value(known.size, known.root()) == encode_value(count, root_of(LEAVES[:count]))


def test_a_history_that_changed_is_found_out() -> None:
    """A page that proves itself under a new head does not go on from a history that had another entry."""
    other = [hash_history_leaf(entry) for entry in [2, *ENTRIES[1:]]]
    known = CompactRange()
    known.extend(other[:7])
    page = _page(20, 7, 20)
    page_value(page)
    with pytest.raises(ProofError) as refused:
        continue_history(known, page)
    assert refused.value.check == "history-changed"
    assert known.size == 7


def test_a_page_must_begin_where_the_known_entries_end() -> None:
    """A gap is no continuation."""
    known = CompactRange()
    known.extend(LEAVES[:5])
    with pytest.raises(ProofError) as refused:
        continue_history(known, _page(20, 6, 5))
    assert refused.value.check == "history-page"
