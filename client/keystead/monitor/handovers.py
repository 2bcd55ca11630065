# SPDX-License-Identifier: Apache-2.0
"""When transfers that were logged lead from one subscriber of a device to another (`specs/monitor.md`, 5.4).

A transfer leads between all who have one of the two subscriber ids, and between those ids where nobody has them;
transfers in a chain lead, too.

Joined sets are kept as trees in which a link was made no earlier than those below it, so the moment from which on two
members are joined is found on their way up to each other.
"""

from collections import defaultdict
from collections.abc import Iterable

from keystead.monitor.grouping import Groups
from keystead.monitor.model import NEVER, LoggedTransfer

__all__ = ["Handovers"]

_Holder = int | bytes
"""A group of subscribers, or a subscriber id that none of them has."""


class Handovers:
    """Who handed a device to whom.

    Args:
        transfers: of the device, in any order.
        groups: who is whom.
    """

    def __init__(self, transfers: Iterable[LoggedTransfer], groups: Groups) -> None:
        self._above: dict[_Holder, _Holder] = {}
        self._joined_ms: dict[_Holder, int] = {}
        self._sizes: dict[_Holder, int] = {}
        ordered = sorted(transfers, key=lambda transfer: (transfer.at_ms, transfer.statement))
        holders = _holders(groups) if ordered else {}
        for transfer in ordered:
            named = {
                holder
                for identifier in transfer.subscribers
                for holder in holders.get(identifier, {identifier})
            }
            first, *others = named
            for other in others:
                self._join(first, other, transfer.at_ms)

    def at(self, first: int, second: int) -> int:
        """From when on they lead from one group to another; `NEVER` where they do not."""
        one: _Holder = first
        other: _Holder = second
        joined_ms = NEVER
        while one != other:
            if self._joined_ms.get(one, NEVER) > self._joined_ms.get(other, NEVER):
                one, other = other, one
            joined_ms = self._joined_ms.get(one, NEVER)
            if joined_ms == NEVER:
                return NEVER
            one = self._above[one]
        return joined_ms

    def _root(self, holder: _Holder) -> _Holder:
        while holder in self._above:
            holder = self._above[holder]
        return holder

    def _join(self, first: _Holder, second: _Holder, at_ms: int) -> None:
        small, large = sorted(
            (self._root(first), self._root(second)), key=lambda root: self._sizes.get(root, 1)
        )
        if small != large:
            self._above[small] = large
            self._joined_ms[small] = at_ms
            self._sizes[large] = self._sizes.get(large, 1) + self._sizes.get(small, 1)


def _holders(groups: Groups) -> dict[bytes, set[_Holder]]:
    """The groups that have a subscriber id."""
    found: dict[bytes, set[_Holder]] = defaultdict(set)
    for number, profile in groups.profiles.items():
        found[profile.subscriber_id].add(groups.of(number))
    return found
