# SPDX-License-Identifier: Apache-2.0
"""Who used a device after whom, and when that holds (`specs/monitor.md`, section 5.4).

A certificate that stands on the device, the *later* one, follows a subscriber of whom a certificate had ceased to stand
on it when the later one began to, who was not back by then, and was not back since. It matters for whom that is so, and
until when; which of two certificates is meant decides little. So subscribers are kept with the times in which they are
away, and a later certificate asks those who are away when it begins, who stays away longest first: nearly always the
first answer is enough, however many there are.

Who is whom changes when aliases are logged: the time between two such moments is a *stage* of its own.
"""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from keystead.monitor.crowd import Kind, kind_of
from keystead.monitor.grouping import Groups
from keystead.monitor.handovers import Handovers
from keystead.monitor.model import (
    ALWAYS,
    NEVER,
    Assurance,
    CertificateFacts,
    LoggedTransfer,
    Span,
)
from keystead.monitor.past_use import Past, Use, uses_of
from keystead.monitor.profiles import Comparison, Sameness
from keystead.monitor.spans import union
from keystead.monitor.standing import Standing
from keystead.monitor.subscribers import Subscribers

__all__ = ["Reuse", "Succession"]


@dataclass(frozen=True, slots=True)
class Reuse:
    """What holds at one moment.

    Attributes:
        later: the certificates that follow somebody's, the oldest first.
        earlier: those that they follow.
        assurance: of the surest pair: that of the worse of the two.
        comparison: why the subscribers of that pair are not the same.
    """

    later: tuple[CertificateFacts, ...]
    earlier: tuple[CertificateFacts, ...]
    assurance: Assurance
    comparison: Comparison


class _Later(NamedTuple):
    """A stretch of a certificate's time in which it follows somebody, at least at its beginning.

    Attributes:
        since: when the certificate began to stand on the device.
        until: until when it follows any.
        standing: the stretch.
    """

    since: int
    until: int
    standing: Standing


class _Stage:
    """A time in which who is whom does not change."""

    def __init__(
        self,
        groups: Groups,
        uses: Iterable[Use],
        standings: Iterable[tuple[int, Standing]],
        transfers: Sequence[LoggedTransfer],
    ) -> None:
        self.groups = groups
        self._handovers = Handovers(transfers, groups)
        by_group: dict[int, list[Use]] = defaultdict(list)
        for use in uses:
            by_group[groups.of(use.certificate.subscriber)].append(use)
        self.pasts = {group: Past(listed) for group, listed in by_group.items()}
        self.later = sorted(
            self._sweep(sorted(standings, key=lambda one: one[0])), key=lambda one: one.standing.span.start
        )

    def begun_in(self, stretch: Span) -> list[_Later]:
        """The later certificates that follow somebody from a moment in a stretch on."""
        first, behind = (
            bisect_left(self.later, edge, key=lambda one: one.standing.span.start)
            for edge in (stretch.start, stretch.end)
        )
        return self.later[first:behind]

    def own(self, standing: Standing) -> int:
        """Whose a certificate is."""
        return self.groups.of(standing.certificate.subscriber)

    def _sweep(self, standings: Iterable[tuple[int, Standing]]) -> Iterator[_Later]:
        # Who goes away of which kind, by when; and of each kind who is away, by when they are back.
        going = sorted(
            (away.start, away.back, group, kind)
            for group, past in self.pasts.items()
            for (kind, assurance), gone in past.gone.items()
            if assurance is Assurance.DECLARED
            for away in past.away
            if gone[0][0] <= away.start
        )
        absent: dict[Kind, list[tuple[int, int]]] = defaultdict(list)
        next_ = 0
        for since, standing in standings:
            while next_ < len(going) and going[next_][0] <= since:
                _, back, group, kind = going[next_]
                insort(absent[kind], (back, group))
                next_ += 1
            own_kind = kind_of(standing.cell)
            until = max(
                (
                    self._until(since, standing, kind, listed)
                    for kind, listed in absent.items()
                    if kind.meets(own_kind)
                ),
                default=ALWAYS,
            )
            if until > standing.span.start:
                yield _Later(since, until, standing)

    def _until(self, since: int, standing: Standing, kind: Kind, absent: list[tuple[int, int]]) -> int:
        """Until when a certificate follows any who are away and have left a certificate of a kind."""
        del absent[: bisect_right(absent, since, key=lambda one: one[0])]  # who is back
        found, own = ALWAYS, self.own(standing)
        for back, group in reversed(absent):
            if min(standing.span.end, back) <= found:
                break  # nor does anybody else stay away longer
            if group != own and self.pasts[group].had_gone(kind, since, standing.certificate.key):
                found = max(found, min(standing.span.end, back, self._handovers.at(group, own)))
        return found

    def follows(self, later: _Later, group: int, moment: int, sure: Assurance = Assurance.DECLARED) -> bool:
        """Whether a later certificate, which is there at a moment, follows a subscriber then."""
        past, standing, own = self.pasts[group], later.standing, self.own(later.standing)
        return (
            group != own
            and past.back_after(later.since) > moment
            and any(
                past.had_gone(kind, later.since, standing.certificate.key, sure)
                for kind, assurance in past.gone
                if assurance is sure and kind.meets(kind_of(standing.cell))
            )
            and self._handovers.at(group, own) > moment
        )

    def followed(self, later: Sequence[_Later], moment: int) -> dict[int, int]:
        """Whom certificates follow at a moment, and when the last of those certificates began."""
        by_kind = _by_kind(later)
        found: dict[int, int] = {}
        for group, past in self.pasts.items():
            for listed in by_kind.values():
                for one in reversed(listed):
                    if past.back_after(one.since) <= moment or one.since < past.ends[0]:
                        break  # nor does it for those that began before
                    if self.follows(one, group, moment):
                        found[group] = max(found.get(group, ALWAYS), one.since)
                        break
        return found

    def ever_followed(self, later: Sequence[_Later]) -> dict[int, int]:
        """The same for certificates at their own beginnings."""
        by_kind = _by_kind(later)
        found: dict[int, int] = {}
        for group, past in self.pasts.items():
            for listed in by_kind.values():
                last = self._last_follower(group, past, listed)
                if last is not None:
                    found[group] = max(found.get(group, ALWAYS), last)
        return found

    def _last_follower(self, group: int, past: Past, listed: Sequence[_Later]) -> int | None:
        recent = bisect_right(past.away, listed[-1].since, key=lambda away: away.start)
        for away in reversed(past.away[:recent]):
            if away.back <= listed[0].since:
                break
            first = bisect_left(listed, away.start, key=lambda one: one.since)
            behind = bisect_left(listed, away.back, key=lambda one: one.since)
            for one in reversed(listed[first:behind]):
                if self.follows(one, group, one.standing.span.start):
                    return one.since
        return None

    def left(self, followed: dict[int, int]) -> Iterator[CertificateFacts]:
        """The certificates of subscribers that had ceased by the moment given for each."""
        for group, moment in followed.items():
            past = self.pasts[group]
            ceased = past.uses[: bisect_right(past.ends, moment)]
            yield from (use.certificate for use in ceased if use.happened)

    def surest(
        self, later: Sequence[_Later], followed: Iterable[int], moment: int
    ) -> tuple[Assurance, Comparison]:
        """Of all that holds at a moment the pair that is surest, of those the first that surely are two."""
        # The newest certificate first, and whoever used the device first.
        newest = sorted(later, key=lambda one: one.standing.certificate.age, reverse=True)
        oldest = sorted(followed, key=lambda group: self.pasts[group].age)
        for sure in sorted(Assurance, reverse=True):
            perhaps: Comparison | None = None
            able = [group for group in oldest if any(one is sure for _, one in self.pasts[group].gone)]
            for one in newest:
                for group in able if one.standing.cell.assurance >= sure else ():
                    if self.follows(one, group, moment, sure):
                        comparison = self.groups.compare(group, self.own(one.standing))
                        if comparison.sameness is Sameness.DIFFERENT:
                            return sure, comparison
                        perhaps = perhaps or comparison
            if perhaps is not None:
                return sure, perhaps
        raise AssertionError("nobody follows anybody then")


class Succession:
    """All reuse of one device.

    Args:
        standings: how certificates stand on it; those of one certificate follow each other.
        subscribers: who is whom.
        transfers: of the device.

    Attributes:
        stretches: when the fact holds: disjoint, ascending.
    """

    def __init__(
        self, standings: Sequence[Standing], subscribers: Subscribers, transfers: Sequence[LoggedTransfer]
    ) -> None:
        self._standings = standings
        self._transfers = transfers
        uses = list(uses_of(standings))
        began = {use.certificate.certificate_id: use.span.start for use in uses}
        moments = (ALWAYS, *subscribers.moments, NEVER)
        # Standings are cut where aliases were logged.
        in_stage: dict[int, list[tuple[int, Standing]]] = defaultdict(list)
        for standing in standings:
            place = bisect_right(moments, standing.span.start) - 1
            in_stage[place].append((began[standing.certificate.certificate_id], standing))
        self._stages = [
            _Stage(subscribers.at(start), uses, in_stage[place], transfers)
            for place, (start, _) in enumerate(pairwise(moments))
        ]
        self.stretches = union(
            Span(one.standing.span.start, one.until) for stage in self._stages for one in stage.later
        )

    def at(self, moment: int) -> Reuse:
        """What holds at a moment in a stretch."""
        for stage in self._stages:
            later = [
                one
                for one in stage.later
                if one.standing.span.start <= moment < min(one.until, one.standing.span.end)
            ]
            if later:
                followed = stage.followed(later, moment)
                assurance, comparison = stage.surest(later, followed, moment)
                return Reuse(
                    tuple(one.standing.certificate for one in later),
                    tuple(stage.left(followed)),
                    assurance,
                    comparison,
                )
        raise AssertionError("nothing holds then")

    def stretched(self) -> Iterator[tuple[Span, list[CertificateFacts]]]:
        """Each stretch, and the certificates that made it, later and earlier ones."""
        for stretch in self.stretches:
            found: list[CertificateFacts] = []
            for stage in self._stages:
                later = stage.begun_in(stretch)
                found += (one.standing.certificate for one in later)
                found += stage.left(stage.ever_followed(later))
            yield stretch, found

    def edges(self) -> Iterator[int]:
        """Moments at which what holds may change; none where nothing ever holds."""
        if self.stretches:
            yield from (transfer.at_ms for transfer in self._transfers)
            for standing in self._standings:
                yield from (standing.span.start, standing.span.end)


def _by_kind(later: Iterable[_Later]) -> dict[Kind, list[_Later]]:
    """By kind of standing, who began first first."""
    found: dict[Kind, list[_Later]] = defaultdict(list)
    for one in sorted(later, key=lambda one: one.since):
        found[kind_of(one.standing.cell)].append(one)
    return found
