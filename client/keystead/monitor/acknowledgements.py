# SPDX-License-Identifier: Apache-2.0
"""What somebody knows already: acknowledgements of findings, kept in a file of their own beside the database.

One JSON document a line, so that people can read, diff and merge them, and so that they outlive a state that is built
again from the logs. Losing the file brings acknowledged findings back as open; whoever alters it can silence findings,
like whoever can write the state.

An acknowledgement stands for what was known when it was made. It lapses at its end, when the finding was settled and
comes back, becomes more serious, or concerns a subscriber that it did not concern then.

Invariants:

* of several for one finding the last made counts; a withdrawal is one that ends when it is made;
* the file is replaced whole, durably: there are the old ones or the new ones.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError, StoreError
from keystead.monitor.findings import Acknowledged, Finding, State
from keystead.monitor.severity import Severity
from keystead.statements.members import Members

__all__ = ["FILE", "Acknowledgement", "AcknowledgementFile", "acknowledge", "parse_acknowledgements", "told"]

FILE = "acknowledgements.jsonl"

_LOCK = "acknowledgements.lock"
_SEVERITIES = {severity.text: severity for severity in Severity}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That somebody knows a finding.

    Attributes:
        finding: its id.
        at: when it was made, seconds.
        until: when it ends, seconds; not after `at` where it withdraws an earlier one.
        by: who, as they call themselves.
        why: in words.
        severity: of the finding then.
        subscribers: ids of all whom it concerned then.
    """

    finding: bytes
    at: int
    until: int
    by: str
    why: str
    severity: Severity
    subscribers: frozenset[bytes]

    def encode(self) -> bytes:
        """A line, without its end."""
        return encode_json(
            {
                "finding": self.finding.hex(),
                "at": format_time(self.at),
                "until": format_time(self.until),
                "by": self.by,
                "why": self.why,
                "severity": self.severity.text,
                "subscribers": sorted(subscriber.hex() for subscriber in self.subscribers),
            }
        )

    def lapsed(self, finding: Finding, at_ms: int) -> str | None:
        """Why it does not stand for an open finding at a moment; None where it does."""
        if self.until <= self.at:
            return "it was withdrawn"
        if at_ms >= self.until * 1000:
            return "its time is over"
        # The second in which it was made is its own.
        if finding.since_ms >= (self.at + 1) * 1000:
            return "the finding was settled and came back"
        if finding.severity > self.severity:
            return f"the finding was of severity {self.severity.text} when it was made"
        if not _concerned(finding) <= self.subscribers:
            return "it concerns another subscriber, too"
        return None


def acknowledge(finding: Finding, *, at: int, until: int, by: str, why: str) -> Acknowledgement:
    """The acknowledgement of a finding as it stands now."""
    return Acknowledgement(finding.id, at, until, by, why, finding.severity, _concerned(finding))


def parse_acknowledgements(data: bytes) -> list[Acknowledgement]:
    """The acknowledgements in a file.

    Raises:
        ParseError: a line is none.
    """
    found = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            found += [_parse(line)] if line.strip() else []
        except ParseError as error:
            raise ParseError(f"line {number}: {error}") from error
    return found


def _parse(line: bytes) -> Acknowledgement:
    members = Members(decode_json(line, "the acknowledgement"), "the acknowledgement")
    read: Any = members
    acknowledgement = Acknowledgement(
        finding=read.digest("finding"),
        at=read.time("at"),
        until=read.time("until"),
        by=read.text("by"),
        why=read.long_text("why"),
        severity=read.choice("severity", _SEVERITIES),
        subscribers=frozenset(read.strings("subscribers", decode_digest)),
    )
    members.finish()
    return acknowledgement


class AcknowledgementFile:
    """The acknowledgements of one monitor.

    Args:
        folder: of the state; there is a file in it, or none yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / FILE

    def read(self) -> dict[bytes, Acknowledgement]:
        """The last acknowledgement of each finding.

        Raises:
            ParseError: the file is damaged.
            StoreError: it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error
        try:
            return _last(parse_acknowledgements(data))
        except ParseError as error:
            raise ParseError(f"{self.path}: {error}") from error

    def add(self, found: Iterable[Acknowledgement]) -> int:
        """Add acknowledgements, durably; how many of them count from now on.

        Raises:
            ParseError, StoreError: the file is damaged, or cannot be written.
        """
        with self._locked():
            before = self.read()
            after = _last([*before.values(), *found])
            self._write(after)
        return sum(before.get(finding) != one for finding, one in after.items())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / _LOCK).open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error}") from error

    def _write(self, found: Mapping[bytes, Acknowledgement]) -> None:
        lines = [
            one.encode() + b"\n" for one in sorted(found.values(), key=lambda one: (one.at, one.finding))
        ]
        beside = self.path.with_suffix(".new")
        with beside.open("wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def told(
    findings: Iterable[Finding], acknowledgements: Mapping[bytes, Acknowledgement], at_ms: int
) -> Iterator[Finding]:
    """Findings with what somebody knew of them already, as of a moment."""
    for finding in findings:
        known = acknowledgements.get(finding.id)
        yield finding if known is None or known.at * 1000 > at_ms else _told(finding, known, at_ms)


def _told(finding: Finding, known: Acknowledgement, at_ms: int) -> Finding:
    settled = finding.state is State.SETTLED
    lapsed = "the finding was settled" if settled else known.lapsed(finding, at_ms)
    beside = Acknowledged(known.by, known.at * 1000, known.until * 1000, known.why, lapsed)
    return finding.acknowledged(beside)


def _last(found: Iterable[Acknowledgement]) -> dict[bytes, Acknowledgement]:
    last: dict[bytes, Acknowledgement] = {}
    # Equal times: in an order that depends on what they say, so that merging in either order gives the same.
    for one in sorted(found, key=lambda one: (one.at, one.encode())):
        last[one.finding] = one
    return last


def _concerned(finding: Finding) -> frozenset[bytes]:
    return frozenset(identifier for subscriber in finding.subscribers for identifier in subscriber.ids)
