# SPDX-License-Identifier: Apache-2.0
"""The certificates that stand on a device at one moment, and which of them expose it (`specs/monitor.md`, 5.2).

Two certificates expose a device if their subscribers and their keys differ, they are not both covered, and no domain
speaks for both. Whom a certificate could expose it with depends on whether it is covered and on its domains, its
*kind*; of each kind there is only to count which subscribers have which keys. So a certificate that comes or goes costs
as many steps as there are kinds, which are few, however many certificates there are.

Invariant: answers depend on the certificates that are there, not on those that came and went.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from keystead.monitor.standing import Cell, Standing

__all__ = ["Crowd", "Kind", "exposing", "kind_of"]


def exposing(first: Cell, second: Cell) -> bool:
    """Whether certificates of two cells expose the device, if their keys differ."""
    # Groups are made of what is the same: two groups are different, or it is unknown.
    return first.group != second.group and kind_of(first).meets(kind_of(second))


class Kind(NamedTuple):
    """What decides with which others a certificate could expose the device."""

    covered: bool
    domains: frozenset[bytes]

    def meets(self, other: "Kind") -> bool:
        """Whether certificates of both could."""
        return not (self.covered and other.covered) and self.domains.isdisjoint(other.domains)


def kind_of(cell: Cell) -> Kind:
    """Of certificates that stand so."""
    return Kind(cell.covered, cell.domains)


class _Members:
    """The certificates of one kind: how many of each subscriber with each key."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[int, bytes]] = Counter()
        self.keys: dict[int, set[bytes]] = defaultdict(set)
        self.groups: dict[bytes, set[int]] = defaultdict(set)

    def others(self, group: int, key: bytes) -> int:
        """How many pairs there are of another subscriber with another key."""
        both = (group, key) in self.pairs
        return len(self.pairs) - len(self.keys.get(group, ())) - len(self.groups.get(key, ())) + both


class Crowd:
    """The certificates on a device at one moment.

    Args:
        standings: how they stand on it.
    """

    def __init__(self, standings: Iterable[Standing] = ()) -> None:
        self._kinds: dict[Kind, _Members] = {}
        self._exposing = 0
        self._unseen: dict[Kind, set[int]] = defaultdict(set)
        for standing in standings:
            self.add(standing)

    def add(self, standing: Standing) -> None:
        """A certificate more."""
        kind, pair = kind_of(standing.cell), (standing.cell.group, standing.certificate.key)
        members = self._kinds.setdefault(kind, _Members())
        if pair not in members.pairs:
            self._exposing += sum(one.others(*pair) for one in self._met_by(kind))
            if not members.keys[pair[0]]:
                self._unseen[kind].add(pair[0])
            members.keys[pair[0]].add(pair[1])
            members.groups[pair[1]].add(pair[0])
        members.pairs[pair] += 1

    def remove(self, standing: Standing) -> None:
        """A certificate less, which is there."""
        kind, pair = kind_of(standing.cell), (standing.cell.group, standing.certificate.key)
        members = self._kinds[kind]
        members.pairs[pair] -= 1
        if members.pairs[pair]:
            return
        del members.pairs[pair]
        members.groups[pair[1]].discard(pair[0])
        members.keys[pair[0]].discard(pair[1])
        if not members.groups[pair[1]]:
            del members.groups[pair[1]]
        if not members.keys[pair[0]]:
            del members.keys[pair[0]]
            self._unseen[kind].discard(pair[0])
        if not members.pairs:
            del self._kinds[kind]
        self._exposing -= sum(one.others(*pair) for one in self._met_by(kind))

    @property
    def exposed(self) -> bool:
        """Whether any two certificates expose the device."""
        return self._exposing > 0

    def exposes(self, standing: Standing) -> bool:
        """Whether a certificate that is there exposes the device with any other."""
        pair = (standing.cell.group, standing.certificate.key)
        return any(one.others(*pair) > 0 for one in self._met_by(kind_of(standing.cell)))

    def exposing_pair(self, first: int, second: int) -> bool:
        """Whether certificates of two different subscribers expose the device with each other."""
        return any(
            _differ(members.keys[first], other.keys[second])
            for kind, members in self._kinds.items()
            if first in members.keys
            for other in self._met_by(kind)
            if second in other.keys
        )

    def look_anew(self) -> None:
        """Forget which subscribers `newly_exposed` named."""
        self._unseen = defaultdict(set, {kind: set(one.keys) for kind, one in self._kinds.items()})

    def newly_exposed(self) -> Iterator[int]:
        """The subscribers that expose the device now and were not named since `look_anew`."""
        for kind, unseen in self._unseen.items():
            for other in self._met_by(kind) if unseen else ():
                found = {group for group in unseen if self._meets(kind, group, other)}
                unseen.difference_update(found)
                yield from found

    def _meets(self, kind: Kind, group: int, other: _Members) -> bool:
        keys = self._kinds[kind].keys[group]
        if len(keys) > 1:
            return len(other.keys) > (
                group in other.keys
            )  # another subscriber's key differs from one of them
        return other.others(group, next(iter(keys))) > 0

    def _met_by(self, kind: Kind) -> Iterator[_Members]:
        return (members for other, members in self._kinds.items() if kind.meets(other))


def _differ(keys: set[bytes], other_keys: set[bytes]) -> bool:
    """Whether one of `keys` is another than one of `other_keys`; neither is empty."""
    return len(keys) > 1 or len(other_keys) > 1 or keys != other_keys
