# SPDX-License-Identifier: Apache-2.0
"""Which policy was in force when."""

import pytest

from keystead.errors import UsageError
from keystead.statements.policy import Policy
from keystead.statements.policy_history import PolicyHistory
from support.statements import digest

FIRST, SECOND, THIRD = (Policy(roots=(digest(name),)) for name in ("first", "second", "third"))


def history() -> PolicyHistory:
    """The first at 1000 ms, then two in one batch at 2000 ms."""
    made = PolicyHistory()
    made.add(0, 1000, FIRST)
    made.add(5, 2000, SECOND)
    made.add(6, 2000, THIRD)
    return made


@pytest.mark.parametrize(
    ("time_ms", "index"), [(0, None), (1000, None), (1001, 0), (2000, 0), (2001, 6), (9999, 6)]
)
def test_in_force_is_the_last_with_an_earlier_time(time_ms: int, index: int | None) -> None:
    """A policy does not judge the batch that it came with; of one batch the last one counts."""
    found = history().in_force_for(time_ms)
    assert (None if found is None else found.index) == index


@pytest.mark.parametrize(("time_ms", "index"), [(999, None), (1000, 0), (1999, 0), (2000, 6), (None, 6)])
def test_known_is_what_was_logged_by_then(time_ms: int | None, index: int | None) -> None:
    """Somebody who looks from a moment knows what was logged at it."""
    found = history().known_at(time_ms)
    assert (None if found is None else found.index) == index


def test_nothing_is_in_force_in_an_empty_history() -> None:
    """Entry 0 is verified under the trust file."""
    empty = PolicyHistory()
    assert len(empty) == 0
    assert empty.in_force_for(10**15) is None
    assert empty.known_at(None) is None
    assert empty.distrusted_from_ms(digest("bad")) is None


def test_distrust_is_as_the_last_known_policy_says() -> None:
    """It begins with the policy that says so, reaches back to its date, and ends with a policy that does not."""
    made = PolicyHistory()
    made.add(0, 1000, FIRST)
    made.add(1, 2000, Policy(distrusted={digest("bad"): 1}))
    made.add(2, 3000, FIRST)
    found = [made.distrusted_from_ms(digest("bad"), known) for known in (1999, 2000, 2999, 3000, None)]
    assert found == [None, 1000, 1000, None, None]


@pytest.mark.parametrize(("index", "time_ms"), [(6, 3000), (5, 3000), (7, 1999)])
def test_policies_come_in_the_order_of_the_log(index: int, time_ms: int) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(UsageError):
        history().add(index, time_ms, FIRST)
