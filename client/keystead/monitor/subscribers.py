# SPDX-License-Identifier: Apache-2.0
"""Who is whom, over time: the groups of subscribers, which aliases change when they are logged.

What certificates say makes groups that hold at every moment. An alias is somebody's word that acquits, so it counts
from when it was logged (`specs/monitor.md`, sections 1 and 3.2).

Invariant: the groups at a moment depend on all profiles and on the aliases that were logged by then.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property

from keystead.monitor.grouping import Groups
from keystead.monitor.profiles import Alias, Profile

__all__ = ["Subscribers"]


class Subscribers:
    """The subscribers of a set of profiles.

    Args:
        profiles: in any order; numbers are unique.
        aliases: in any order.
    """

    def __init__(self, profiles: Iterable[Profile], aliases: Iterable[Alias] = ()) -> None:
        listed = tuple(profiles)
        self.profiles: Mapping[int, Profile] = {profile.number: profile for profile in listed}
        self._aliases = sorted(aliases, key=lambda alias: (alias.at_ms, alias.statement))
        self.moments = tuple(sorted({alias.at_ms for alias in self._aliases}))
        self._groups: dict[int, Groups] = {}

    def at(self, moment: int) -> Groups:
        """The groups at a moment."""
        known = bisect_right(self.moments, moment)
        groups = self._groups.get(known)
        if groups is None:
            until = self.moments[known - 1] if known else None
            aliases = [alias for alias in self._aliases if until is not None and alias.at_ms <= until]
            groups = self._groups[known] = Groups(self.profiles.values(), aliases)
        return groups

    @cached_property
    def stages(self) -> tuple[Groups, ...]:
        """The groups before the first alias, and after each moment at which one was logged."""
        return tuple(
            self.at(moment) for moment in ((self.moments[0] - 1, *self.moments) if self.moments else (0,))
        )

    def ever_differ(self, profiles: Iterable[int]) -> bool:
        """Whether some of the profiles are in different groups at some moment."""
        numbers = set(profiles)
        return len(numbers) > 1 and any(
            len({groups.of(number) for number in numbers}) > 1 for groups in self.stages
        )

    def aliased_at(self, moment: int, profiles: Iterable[int]) -> list[Alias]:
        """The aliases that were logged at a moment and made profiles one that were not."""
        numbers = set(profiles)
        logged = [alias for alias in self._aliases if alias.at_ms == moment]
        if not logged:
            return []
        before, after = self.at(moment - 1), self.at(moment)
        joined = {
            join.statement
            for group in {after.of(number) for number in numbers}
            if len({before.of(number) for number in numbers if after.of(number) == group}) > 1
            for join in after.explain(group)
        }
        return [alias for alias in logged if alias.statement in joined]
