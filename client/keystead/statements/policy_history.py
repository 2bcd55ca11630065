# SPDX-License-Identifier: Apache-2.0
"""Which policy was in force when (`specs/policy.md`, section 3).

In force for an entry, of either log, is the last policy that was logged at an earlier time: every entry of a
batch has one time, so a policy does not yet judge the batch that it came with. A later policy neither voids
nor admits what was logged before it, with one exception, `distrusted`: what counts there is the last policy
that is known at the moment that one looks from.

Invariant: policies are added in the order of the log.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from keystead.errors import UsageError
from keystead.statements.policy import Policy

__all__ = ["LoggedPolicy", "PolicyHistory"]


@dataclass(frozen=True, slots=True)
class LoggedPolicy:
    """A policy in its place.

    Attributes:
        index: leaf index of its `log-policy` statement.
        time_ms: when that was logged.
        policy: what it says.
    """

    index: int
    time_ms: int
    policy: Policy


class PolicyHistory:
    """The policies of one log."""

    __slots__ = ("_logged", "_times")

    def __init__(self) -> None:
        self._logged: list[LoggedPolicy] = []
        self._times: list[int] = []

    def __len__(self) -> int:
        return len(self._logged)

    def add(self, index: int, time_ms: int, policy: Policy) -> None:
        """Append the policy of the `log-policy` statement at `index`, logged at `time_ms`.

        Raises:
            UsageError: out of the order of the log.
        """
        if self._logged and (index <= self._logged[-1].index or time_ms < self._logged[-1].time_ms):
            raise UsageError("policies are added in the order in which they were logged")
        self._logged.append(LoggedPolicy(index, time_ms, policy))
        self._times.append(time_ms)

    def in_force_for(self, time_ms: int) -> LoggedPolicy | None:
        """The policy in force for entries that bear the time `time_ms`; None before the second batch."""
        position = bisect_left(self._times, time_ms)
        return self._logged[position - 1] if position else None

    def known_at(self, time_ms: int | None) -> LoggedPolicy | None:
        """The last policy logged at or before `time_ms`, or at all where that is None."""
        position = len(self._times) if time_ms is None else bisect_right(self._times, time_ms)
        return self._logged[position - 1] if position else None

    def distrusted_from_ms(self, key_hash: bytes, known_at_ms: int | None = None) -> int | None:
        """From when on what rests on a key has no weight, as known at a moment; None for a good key."""
        logged = self.known_at(known_at_ms)
        return None if logged is None else logged.policy.distrusted_from_ms(key_hash)
