# SPDX-License-Identifier: Apache-2.0
"""How the pages of a history join (`specs/device-index.md`, sections 4 and 7).

Each page is proven on its own: its position in the history, and that the history is whole. So pages join if each is
where it was asked for, and goes on where the one before ended.

Pure: what to ask for next, and whether the answer is that.
"""

from dataclasses import dataclass

from keystead.errors import ProofError, UsageError
from keystead.index.history import Page
from keystead.index.kinds import Subject

__all__ = ["History", "Wanted", "check_newest", "check_page", "first_position", "request_path"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page to ask for.

    Attributes:
        first: position of its first entry.
        limit: entries at most.
    """

    first: int
    limit: int


@dataclass(frozen=True, slots=True)
class History:
    """A history, or the newest part of it, under one head.

    Attributes:
        subject: what it is about.
        count: entries in the whole of it; 0 is proven absence.
        first: position of the first entry that is here.
        entries: indices in the log, ascending: all from `first` on.
    """

    subject: Subject
    count: int
    first: int
    entries: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether all of it is here."""
        return len(self.entries) == self.count


def request_path(prefix: str, subject: Subject, wanted: Wanted | None, limit: int, head: int | None) -> str:
    """The path of a question below the log's base.

    Args:
        prefix: where the index answers; empty where that is the base itself.
        subject: what is asked about.
        wanted: a page; None for the newest.
        limit: entries of the newest page.
        head: leaf index of the head to answer under; None for the newest.
    """
    asked = {"limit": limit} if wanted is None else {"from": wanted.first, "limit": wanted.limit}
    if head is not None:
        asked["head"] = head
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    path = f"{subject.kind.text}/{subject.value.hex()}?{query}"
    return f"{prefix}/{path}" if prefix else path


def check_newest(page: Page, limit: int) -> None:
    """Check that a page is the newest one: it ends where the history ends.

    Raises:
        ProofError: `other-page`.
    """
    start, stop = page.bounds
    if stop != page.count or stop - start > limit or (limit and page.count and start == stop):
        raise ProofError(
            f"the newest page was asked for, and entries {start} to {stop} of {page.count} came",
            check="other-page",
        )


def check_page(page: Page, wanted: Wanted, count: int) -> int:
    """Check that a page is the one that was asked for; the position behind its last entry.

    Args:
        page: a verified one.
        wanted: what was asked for.
        count: entries of the whole history, by the pages before.

    Raises:
        ProofError: `other-page`: it begins elsewhere, is of another number of entries, or has none where there are
            some.
    """
    start, stop = page.bounds
    if page.count != count:
        raise ProofError(f"one head has a history of {count} and of {page.count} entries", check="other-page")
    if page.first != wanted.first or stop - start > wanted.limit or (start == stop < count and wanted.limit):
        raise ProofError(
            f"{wanted.limit} entries from {wanted.first} on were asked for, and {stop - start} from {page.first} "
            "on came",
            check="other-page",
        )
    return stop


def first_position(count: int, newest: int | None) -> int:
    """Where the newest entries of a history begin.

    Args:
        count: entries in the history.
        newest: how many are wanted; None for all.
    """
    if newest is not None and newest < 0:
        raise UsageError("a number of entries is not negative")
    return 0 if newest is None else max(0, count - newest)
