# SPDX-License-Identifier: Apache-2.0
"""Who is whom, in the state: profiles, what could make two of them one, and the components that hang together so.

Every function runs inside a transaction of its caller.

Invariants:

* profiles that could come into one group are in one component, which is named by the least number in it;
* components are the same however the entries of a log come in parts.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from keystead.monitor.facts import SubscriberRecord
from keystead.monitor.profiles import join_keys, profile_of
from keystead.monitor.rows import select_in, touch

__all__ = ["ProfileRows", "add_alias"]

_MAX_REMEMBERED = 50_000


_Key = bytes | tuple[int, int]
"""What may make one of two profiles: the hash of a join key, or the log and index of an alias that names both."""


@dataclass(frozen=True, slots=True)
class _New:
    """A profile that the state does not have."""

    digest: bytes
    text: str
    record: SubscriberRecord
    keys: tuple[bytes, ...]


class ProfileRows:
    """Finds the profiles of records, and writes those that are new; remembers them, because they repeat.

    Args:
        db: the state.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._known: dict[SubscriberRecord, int] = {}

    def forget(self) -> None:
        """Drop what is remembered, after a transaction that did not commit."""
        self._known.clear()

    def numbers(self, records: Sequence[SubscriberRecord]) -> list[int]:
        """The number of each record's profile."""
        known = self._known
        missing = dict.fromkeys(record for record in records if record not in known)
        if missing:
            if len(known) + len(missing) > _MAX_REMEMBERED:
                known.clear()
                missing = dict.fromkeys(records)
            self._find(missing)
        return [known[record] for record in records]

    def _find(self, records: Iterable[SubscriberRecord]) -> None:
        texts = {record: record.to_text() for record in records}
        digests = {record: sha256(text.encode()).digest() for record, text in texts.items()}
        stored = dict(
            select_in(self._db, "SELECT digest, id FROM profile WHERE digest IN (…)", digests.values())
        )
        new: list[_New] = []
        for record, digest in digests.items():
            number = stored.get(digest)
            if number is None:
                keys = join_keys(profile_of(0, record, frozenset()))
                hashed = tuple(sha256(key.encode()).digest() for key in keys)
                new.append(_New(digest, texts[record], record, hashed))
            else:
                self._known[record] = number
        if new:
            self._add(new)

    def _add(self, new: Sequence[_New]) -> None:
        db = self._db
        (first,) = db.execute("SELECT coalesce(max(id), 0) + 1 FROM profile").fetchone()
        aliases = _aliases(db, {one.record.subscriber_id for one in new})
        holders = _holders(db, {key for one in new for key in one.keys}, aliases)
        components = _Components()
        joined: set[int] = set()
        for number, one in enumerate(new, first):
            keys: tuple[_Key, ...] = (*one.keys, *aliases.get(one.record.subscriber_id, ()))
            others = {holders[key] for key in keys if key in holders}
            joined |= others
            components.join({number, *others})
            for key in keys:
                holders.setdefault(key, number)
            self._known[one.record] = number
        db.executemany(
            "INSERT INTO profile VALUES (?, ?, ?, ?, ?)",
            [
                (number, one.digest, one.text, one.record.subscriber_id, components.of(number))
                for number, one in enumerate(new, first)
            ],
        )
        db.executemany(
            "INSERT INTO profile_key VALUES (?, ?)",
            [(key, number) for number, one in enumerate(new, first) for key in one.keys],
        )
        _write_joins(db, components, {one for one in joined if one < first})
        touch(db, "component", {*joined, *map(components.of, joined)})


def add_alias(
    db: sqlite3.Connection,
    log: int,
    index: int,
    time_ms: int,
    keyid: bytes,
    party: str,
    issuers: bytes,
    subscribers: Sequence[bytes],
) -> None:
    """Write that subscribers are one, says a party that speaks for issuing keys (32 bytes each)."""
    db.execute("INSERT INTO alias VALUES (?, ?, ?, ?, ?, ?)", (log, index, time_ms, keyid, party, issuers))
    db.executemany(
        "INSERT INTO alias_member VALUES (?, ?, ?)", [(subscriber, log, index) for subscriber in subscribers]
    )
    query = "SELECT DISTINCT component FROM profile WHERE subscriber_id IN (…)"
    joined = {component for (component,) in select_in(db, query, subscribers)}
    components = _Components()
    components.join(joined)
    _write_joins(db, components, joined)
    touch(db, "component", joined)


def _aliases(db: sqlite3.Connection, subscribers: Iterable[bytes]) -> dict[bytes, list[tuple[int, int]]]:
    """The aliases that name each of some subscribers, as far as any do."""
    found: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
    query = "SELECT subscriber_id, log, idx FROM alias_member WHERE subscriber_id IN (…)"
    if db.execute("SELECT 1 FROM alias_member LIMIT 1").fetchone():
        for subscriber, log, index in select_in(db, query, subscribers):
            found[subscriber].append((log, index))
    return found


def _holders(
    db: sqlite3.Connection, keys: Iterable[bytes], aliases: Mapping[bytes, Iterable[tuple[int, int]]]
) -> dict[_Key, int]:
    """The component of each of some keys and aliases, as far as profiles have them: all those are in one."""
    query = (
        "SELECT profile_key.key, component FROM profile_key JOIN profile ON profile.id = profile_key.profile "
        "WHERE profile_key.key IN (…)"
    )
    found: dict[_Key, int] = dict(select_in(db, query, keys))
    query = "SELECT component FROM alias_member JOIN profile USING (subscriber_id) WHERE log = ? AND idx = ? LIMIT 1"
    for alias in {alias for listed in aliases.values() for alias in listed}:
        row = db.execute(query, alias).fetchone()
        if row is not None:
            found[alias] = row[0]
    return found


def _write_joins(db: sqlite3.Connection, components: "_Components", joined: Iterable[int]) -> None:
    """Rename components that became parts of others."""
    for one in sorted(joined):
        if components.of(one) != one:
            db.execute("UPDATE profile SET component = ? WHERE component = ?", (components.of(one), one))


class _Components:
    """Disjoint sets of numbers, each called by its least."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def of(self, number: int) -> int:
        """What the set of a number is called."""
        above = self._above
        while (parent := above.get(number, number)) != number:
            above[number] = above.get(parent, parent)
            number = parent
        return number

    def join(self, numbers: Iterable[int]) -> None:
        """Make one set of those of some numbers."""
        roots = {self.of(number) for number in numbers}
        least = min(roots, default=0)
        self._above.update(dict.fromkeys(roots - {least}, least))
