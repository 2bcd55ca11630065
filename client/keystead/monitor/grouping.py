# SPDX-License-Identifier: Apache-2.0
"""Profiles grouped into subscribers, as known at one moment (`specs/monitor.md`, section 3.2 and 3.3).

Groups are made in this order:

1. equal strong identifiers make one (registration number with jurisdiction, organization identifier, LEI; a
   durable identity under one issuing organization), and so does an alias by a CA that certified all that it names;
2. equal names (`names.same_name`) make one where one issuing organization vetted both, in one country, and in one
   place where both state it, unless that puts two members with contradicting strong identifiers into one group.

Two groups are different where they contradict each other in a kind of strong identifier, or have no similar names;
they are unknown to each other where they have, where a subject cannot be read, or where a CA that did not certify both
says that they are one.

Invariants:

* the groups depend on the set of profiles alone, not on their order, and a set of profiles that is closed under
  `join_keys` and aliases is grouped as if it were all there are;
* every join has an explanation.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from keystead.certificate.name import printable
from keystead.certificate.strong_identifiers import StrongIdentifiers
from keystead.monitor.names import are_similar, same_place
from keystead.monitor.profiles import Alias, Comparison, Join, Profile, Sameness, name_keys, strong_keys

__all__ = ["Groups"]


class Groups:
    """The groups of a set of profiles.

    Args:
        profiles: in any order; numbers are unique.
        aliases: those that are known.
    """

    def __init__(self, profiles: Iterable[Profile], aliases: Iterable[Alias] = ()) -> None:
        ordered = sorted(profiles, key=lambda profile: profile.number)
        self.profiles: Mapping[int, Profile] = {profile.number: profile for profile in ordered}
        joining, self._doubtful = _weigh(aliases, ordered)
        strong_joins = [*_joins(ordered, strong_keys), *joining]
        strong = _Partition(self.profiles)
        for join in strong_joins:
            strong.join(join.members)
        name_joins = _sound_joins(_in_one_place(_joins(ordered, name_keys), self.profiles), strong, ordered)
        partition = strong.copy()
        for join in name_joins:
            partition.join(join.members)
        self._group = {number: partition.root(number) for number in self.profiles}
        self._explained: dict[int, list[Join]] = defaultdict(list)
        for join in (*strong_joins, *name_joins):
            self._explained[self._group[join.members[0]]].append(join)
        self._members: dict[int, list[Profile]] = defaultdict(list)
        for profile in ordered:
            self._members[self._group[profile.number]].append(profile)

    def of(self, profile: int) -> int:
        """The group of a profile: the least number of a profile in it."""
        return self._group[profile]

    def members(self, group: int) -> Sequence[Profile]:
        """The profiles of a group, by number."""
        return self._members[group]

    def ids(self, group: int) -> frozenset[bytes]:
        """The subscriber ids in a group."""
        return frozenset(profile.subscriber_id for profile in self._members[group])

    def explain(self, group: int) -> list[Join]:
        """By what the profiles of a group were joined."""
        return self._explained.get(group, [])

    def compare(self, first: int, second: int) -> Comparison:
        """How two groups stand to each other."""
        if first == second:
            return Comparison(Sameness.SAME, "they are one group")
        ours, theirs = self._members[first], self._members[second]
        # (1) Contradicting strong identifiers, whatever the names.
        kinds = {kind for one in ours for other in theirs for kind in one.strong.contradicts(other.strong)}
        if kinds:
            return Comparison(
                Sameness.DIFFERENT, f"their identifiers contradict each other ({', '.join(sorted(kinds))})"
            )
        # (2) A subject that cannot be read may be anybody's.
        if not all(profile.decodable and profile.name for profile in (*ours, *theirs)):
            return Comparison(Sameness.UNKNOWN, "a subject cannot be read")
        # (3) A name in common that did not join them.
        called = _called_alike(_names(ours), _names(theirs))
        if called:
            return Comparison(Sameness.UNKNOWN, f"{called}, and nothing more says that they are one")
        # (4) The word of a CA that did not certify both.
        for alias in self._doubtful:
            if not alias.subscribers.isdisjoint(self.ids(first)) and not alias.subscribers.isdisjoint(
                self.ids(second)
            ):
                return Comparison(
                    Sameness.UNKNOWN, f"{alias.by}, which did not certify both, says that they are one"
                )
        return Comparison(Sameness.DIFFERENT, "they have no identifier in common and no similar names")


class _Partition:
    """Disjoint sets of profile numbers; the root of a set is its least number."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._parent = {number: number for number in numbers}

    def copy(self) -> "_Partition":
        other = _Partition(())
        other._parent = dict(self._parent)
        return other

    def root(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(self, numbers: Iterable[int]) -> None:
        roots = {self.root(number) for number in numbers}
        least = min(roots)
        for root in roots:
            self._parent[root] = least


def _weigh(aliases: Iterable[Alias], profiles: Sequence[Profile]) -> tuple[list[Join], list[Alias]]:
    """The aliases that make one, as joins, and all of them, which at least make others unknown."""
    ordered = sorted(aliases, key=lambda alias: (alias.at_ms, alias.statement))
    joins = []
    for alias in ordered:
        vetted = alias.vetted(profiles)
        if {profile.subscriber_id for profile in vetted} == alias.subscribers:
            members = tuple(profile.number for profile in vetted)
            joins.append(Join("alias", f"stated by {alias.by}", members, alias.statement))
    return joins, ordered


def _joins(profiles: Iterable[Profile], keys: Callable[[Profile], Iterable[tuple[str, str]]]) -> list[Join]:
    """A join for each key that at least two profiles have."""
    by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    for profile in profiles:
        for key in keys(profile):
            by_key[key].append(profile.number)
    return [
        Join(kind, printable(value), tuple(members))
        for (kind, value), members in sorted(by_key.items())
        if len(members) > 1
    ]


def _in_one_place(joins: Iterable[Join], profiles: Mapping[int, Profile]) -> list[Join]:
    """Name joins whose members are in one place, as far as they state it.

    Where a name is vetted in two places, those who state none may be in either: only equal places join then.
    """
    found: list[Join] = []
    for join in joins:
        places = [_place(profiles[number]) for number in join.members]
        if all(len({place[part] for place in places} - {""}) <= 1 for part in (0, 1)):
            found.append(join)
            continue
        by_place: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, place in zip(join.members, places, strict=True):
            by_place[place].append(number)
        found += [
            Join(
                join.kind,
                f"{join.value}, in {' / '.join(filter(None, place)) or 'no stated place'}",
                tuple(members),
            )
            for place, members in sorted(by_place.items())
            if len(members) > 1
        ]
    return found


def _sound_joins(joins: Sequence[Join], strong: _Partition, profiles: Iterable[Profile]) -> list[Join]:
    """The name joins that put no two members with contradicting strong identifiers into one group."""
    identified: dict[int, list[Profile]] = defaultdict(list)
    for profile in profiles:
        if profile.strong != StrongIdentifiers():
            identified[strong.root(profile.number)].append(profile)

    def contradictory(joined: Iterable[Join]) -> bool:
        roots = {strong.root(number) for join in joined for number in join.members}
        return any(
            one.strong.contradicts(other.strong)
            for first, second in combinations(sorted(roots), 2)
            for one in identified.get(first, ())
            for other in identified.get(second, ())
        )

    # A join that contradicts itself alone says nothing: the name is ambiguous.
    candidates = [join for join in joins if not contradictory([join])]
    # Nor do those that contradict each other only together: which of them errs cannot be known.
    partition = strong.copy()
    for join in candidates:
        partition.join(join.members)
    components: dict[int, list[Join]] = defaultdict(list)
    for join in candidates:
        components[partition.root(join.members[0])].append(join)
    unsound = {root for root, component in components.items() if contradictory(component)}
    return [join for join in candidates if partition.root(join.members[0]) not in unsound]


def _place(profile: Profile) -> tuple[str, str]:
    state, locality = profile.place
    return same_place(state), same_place(locality)


def _called_alike(ours: set[str], theirs: set[str]) -> str:
    """In words, that two subscribers have a name in common or similar ones; empty where they have not."""
    common = ours & theirs
    if common:
        return f"both are called {printable(min(common))}"
    alike = [(one, other) for one in sorted(ours) for other in sorted(theirs) if are_similar(one, other)]
    if alike:
        return f"{printable(alike[0][0])} and {printable(alike[0][1])} may be one name"
    return ""


def _names(profiles: Iterable[Profile]) -> set[str]:
    return {profile.name[1] for profile in profiles if profile.name}
