# SPDX-License-Identifier: Apache-2.0
"""Questions to a monitor's state that need no log: a finding by its id, a subscriber by id or name.

Reads only, also while a monitor runs on the state; what it says is as of the last judging.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from keystead.devices.anchors import AnchorSet
from keystead.errors import UsageError
from keystead.monitor.acknowledgements import AcknowledgementFile, told
from keystead.monitor.back_fill import unread_parts
from keystead.monitor.chronicle import Event, chronicle
from keystead.monitor.facts import SubscriberRecord
from keystead.monitor.findings import Finding, in_order
from keystead.monitor.judging import judge_undecodable, kept_findings
from keystead.monitor.kept_terms import stored_terms
from keystead.monitor.knowledge import Knowledge
from keystead.monitor.misbehaviour import recorded_misbehaviour
from keystead.monitor.model import CertificateFacts
from keystead.monitor.names import are_similar
from keystead.monitor.profiles import Comparison, Join, Profile
from keystead.monitor.replay import load_knowledge
from keystead.monitor.rules import log_misbehaviour
from keystead.monitor.store import Store
from keystead.monitor.views import load_certificates

__all__ = [
    "SubscriberGroup",
    "SubscriberStory",
    "names_with",
    "read_chronicle",
    "read_finding",
    "read_findings",
    "read_subscriber",
]

_MOST_GROUPS = 20
_LEAST_PART = 3


@dataclass(frozen=True, slots=True)
class SubscriberGroup:
    """A subscriber, and why the certificates of it are taken for one's.

    Attributes:
        profiles: what its certificates say, all that differ.
        certificates: the oldest first.
        joins: by what they were joined.
    """

    profiles: tuple[Profile, ...]
    certificates: tuple[CertificateFacts, ...]
    joins: tuple[Join, ...]


@dataclass(frozen=True, slots=True)
class SubscriberStory:
    """All subscribers that somebody may mean.

    Attributes:
        groups: those that match, the one with the oldest certificate first.
        comparisons: how each two of them stand to each other, by their places in `groups`.
    """

    groups: tuple[SubscriberGroup, ...]
    comparisons: tuple[tuple[int, int, Comparison], ...]


def read_findings(folder: Path, anchors: AnchorSet, now_ms: int) -> list[Finding]:
    """All findings of a state, as of its last judging, with acknowledgements as of now.

    Raises:
        StoreError: there is no such state.
    """
    with Store.reading(folder) as db:
        knowledge = load_knowledge(db, anchors, terms=stored_terms(db))
        found = kept_findings(db)
        found += judge_undecodable(db, knowledge, now_ms)
        found += log_misbehaviour.judge(recorded_misbehaviour(db))
        unread = unread_parts(db)
    found = [finding.beside(unread) for finding in found]
    return in_order(told(found, AcknowledgementFile(folder).read(), now_ms))


def read_finding(folder: Path, anchors: AnchorSet, now_ms: int, name: str) -> Finding | None:
    """The finding whose id is `name`, or begins with it in at least eight digits.

    Raises:
        UsageError: several do.
    """
    if len(name) < 8 or set(name) - set("0123456789abcdef"):
        return None
    listed = [found for found in read_findings(folder, anchors, now_ms) if found.id.hex().startswith(name)]
    if len(listed) > 1:
        raise UsageError(f"{name} begins the ids of {len(listed)} findings: give more of it")
    return listed[0] if listed else None


def read_chronicle(folder: Path, anchors: AnchorSet, finding: Finding) -> tuple[Event, ...]:
    """What happened to make a finding of a state, the earliest first."""
    with Store.reading(folder) as db:
        return chronicle(db, load_knowledge(db, anchors, terms=stored_terms(db)), finding)


def read_subscriber(folder: Path, anchors: AnchorSet, now_ms: int, wanted: bytes | str) -> SubscriberStory:
    """The subscribers with an id, or with a name that is similar to one.

    Raises:
        UsageError: too many match.
    """
    with Store.reading(folder) as db:
        profiles = _matching(db, wanted)
        query = "SELECT id FROM certificate WHERE profile IN (SELECT id FROM profile WHERE component = ?)"
        components = sorted({component for _, component in profiles})
        numbers = [number for one in components for (number,) in db.execute(query, (one,))]
        knowledge = load_knowledge(db, anchors, terms=stored_terms(db))
        return _story(db, knowledge, numbers, {number for number, _ in profiles}, now_ms)


def names_with(folder: Path, part: str) -> list[str]:
    """The names of subscribers in which a text occurs, in any case; safe to print."""
    if len(part) < _LEAST_PART:
        return []
    with Store.reading(folder) as db:
        records = db.execute("SELECT record FROM profile")
        labels = {SubscriberRecord.from_text(record).label for (record,) in records}
    return sorted(label for label in labels if part.casefold() in label.casefold())


def _matching(db: sqlite3.Connection, wanted: bytes | str) -> list[tuple[int, int]]:
    """Numbers of profiles, and their components."""
    if isinstance(wanted, bytes):
        query = "SELECT id, component FROM profile WHERE subscriber_id = ?"
        return list(db.execute(query, (wanted,)))
    return [
        (number, component)
        for number, component, record in db.execute("SELECT id, component, record FROM profile")
        if are_similar(SubscriberRecord.from_text(record).label, wanted)
    ]


def _story(
    db: sqlite3.Connection,
    knowledge: Knowledge,
    certificates: Iterable[int],
    wanted: set[int],
    now_ms: int,
) -> SubscriberStory:
    views = load_certificates(db, knowledge, certificates)
    groups = views.subscribers.at(now_ms)
    listed = sorted({groups.of(number) for number in wanted if number in groups.profiles})
    if len(listed) > _MOST_GROUPS:
        raise UsageError(f"{len(listed)} subscribers are called so: give the id of one, from a finding")
    found = {
        group: SubscriberGroup(
            tuple(groups.members(group)),
            tuple(
                sorted(
                    (one for one in views.certificates.values() if groups.of(one.subscriber) == group),
                    key=lambda one: one.age,
                )
            ),
            tuple(groups.explain(group)),
        )
        for group in listed
    }
    listed.sort(key=lambda group: found[group].certificates[0].age)
    return SubscriberStory(
        tuple(found[group] for group in listed),
        tuple(
            (first, second, groups.compare(listed[first], listed[second]))
            for first, second in combinations(range(len(listed)), 2)
        ),
    )
