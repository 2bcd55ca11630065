# SPDX-License-Identifier: Apache-2.0
"""What is asked for, and whether the answer is that."""

import pytest

from keystead.errors import ProofError, UsageError
from keystead.index.history import Page
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.paging import Wanted, check_newest, check_page, first_position, request_path

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, b"\x01" * 32)
POLICIES = Subject(IndexKind.POLICIES, b"")


def _page(count: int, first: int, length: int) -> Page:
    return Page(count, first, tuple(range(first, first + length)), (), ())


@pytest.mark.parametrize(
    ("subject", "wanted", "head", "path"),
    [
        (DEVICE, None, None, f"index/v1/device-certificates/{'01' * 32}?limit=7"),
        (DEVICE, None, 5, f"index/v1/device-certificates/{'01' * 32}?limit=7&head=5"),
        (DEVICE, Wanted(3, 4), 5, f"index/v1/device-certificates/{'01' * 32}?from=3&limit=4&head=5"),
        (POLICIES, Wanted(0, 4), None, "index/v1/policies/?from=0&limit=4"),
    ],
)
def test_a_question_is_a_path(subject: Subject, wanted: Wanted | None, head: int | None, path: str) -> None:
    """Kind, value, page and head are in it; the empty value ends in a slash."""
    assert request_path("index/v1", subject, wanted, 7, head) == path


@pytest.mark.parametrize("page", [_page(0, 0, 0), _page(3, 0, 3), _page(9, 2, 7)])
def test_the_newest_page_ends_with_the_history(page: Page) -> None:
    """It may be the whole history, or its end."""
    check_newest(page, 7)


@pytest.mark.parametrize("page", [_page(9, 0, 7), _page(9, 9, 0), _page(8, 0, 8)])
def test_a_newest_page_that_is_not(page: Page) -> None:
    """An older page, none, and one that is longer than was asked for."""
    with pytest.raises(ProofError) as refused:
        check_newest(page, 7)
    assert refused.value.check == "other-page"


def test_a_count_alone() -> None:
    """A page of no entries is asked for by whoever wants the number only."""
    check_newest(_page(9, 9, 0), 0)
    assert check_page(_page(9, 4, 0), Wanted(4, 0), 9) == 4


def test_pages_go_on_where_the_last_one_ended() -> None:
    """Also where a log sends fewer entries than were asked for."""
    assert check_page(_page(9, 0, 4), Wanted(0, 5), 9) == 4
    assert check_page(_page(9, 4, 5), Wanted(4, 5), 9) == 9
    assert check_page(_page(9, 9, 0), Wanted(9, 5), 9) == 9


@pytest.mark.parametrize("page", [_page(9, 1, 4), _page(9, 0, 6), _page(9, 0, 0), _page(8, 0, 4)])
def test_another_page_than_was_asked_for(page: Page) -> None:
    """One from elsewhere, a longer one, an empty one that would never end, one of another history."""
    with pytest.raises(ProofError) as refused:
        check_page(page, Wanted(0, 5), 9)
    assert refused.value.check == "other-page"


def test_where_the_newest_entries_begin() -> None:
    """All, the last few, more than there are."""
    assert [first_position(9, newest) for newest in (None, 3, 0, 20)] == [0, 6, 9, 0]
    with pytest.raises(UsageError):
        first_position(9, -1)
