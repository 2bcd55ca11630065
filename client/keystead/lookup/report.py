# SPDX-License-Identifier: Apache-2.0
"""The answer to a question, from one log and from several.

Pure: what was gathered and judged comes in, what is shown goes out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from keystead.audit.problem import Problem
from keystead.encoding.rfc3339 import format_time
from keystead.lookup.questions import Question, QuestionKind
from keystead.lookup.shown import ShownCertificate, ShownStatement, ShownUnreadable
from keystead.monitor.model import DeviceFacts

__all__ = ["LogReport", "LookupReport", "ProvenAt"]


@dataclass(frozen=True, slots=True)
class ProvenAt:
    """Under which head, and how much that leaves out.

    Attributes:
        origin: of the issuance log.
        statements_origin: of the statement log.
        head: leaf index of the head.
        time_ms: when it was logged.
        asked_ms: the reader's clock.
        issuance_size, statements_size: how many entries of both logs it covers.
        tree_size: entries of the issuance log, by its newest checkpoint.
        undecodable: entries of the log of which something cannot be read: they may be about anything.
    """

    origin: str
    statements_origin: str
    head: int
    time_ms: int
    asked_ms: int
    issuance_size: int
    statements_size: int
    tree_size: int
    undecodable: int

    @property
    def lag(self) -> int:
        """Issuance entries that the head does not cover."""
        return self.tree_size - self.issuance_size

    @property
    def age_s(self) -> int:
        """Seconds since the head was logged; 0 where the log's clock runs ahead."""
        return max(0, self.asked_ms - self.time_ms) // 1000

    @property
    def text(self) -> str:
        """For people."""
        behind = "every entry" if self.lag == 0 else f"all but the newest {self.lag:,} entries"
        return (
            f"{self.origin}: the index head at {self.head}, {self.age_s} seconds old, over the first "
            f"{self.issuance_size:,} entries ({behind}) and {self.statements_size:,} statements"
        )

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "origin": self.origin,
            "statements_origin": self.statements_origin,
            "head": self.head,
            "time": format_time(self.time_ms // 1000),
            "age": self.age_s,
            "lag": self.lag,
            "issuance_size": self.issuance_size,
            "statements_size": self.statements_size,
            "tree_size": self.tree_size,
            "undecodable": self.undecodable,
        }


@dataclass(frozen=True, slots=True)
class LogReport:
    """What one log has.

    Attributes:
        proven_at: under which head.
        count: entries of its issuance history.
        whole: all of both histories is here.
        device: what is known of the device that was asked about.
        certificates: the first logged first.
        unreadable: entries that cannot be read.
        statements: of the statement history, in its order.
        problems: what the log did that it must not.
    """

    proven_at: ProvenAt
    count: int
    whole: bool
    device: DeviceFacts | None
    certificates: tuple[ShownCertificate, ...]
    unreadable: tuple[ShownUnreadable, ...]
    statements: tuple[ShownStatement, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class LookupReport:
    """What all logs have.

    Attributes:
        question: what was asked.
        logs: those whose answers are good.
        problems: what is wrong, in these and with the others.
    """

    question: Question
    logs: tuple[LogReport, ...]
    problems: tuple[Problem, ...]

    @property
    def good(self) -> bool:
        """Whether every log answered, and nothing is wrong."""
        return not self.problems

    @property
    def absent(self) -> bool:
        """Whether it is proven that no log has anything."""
        return self.good and not any(
            log.count or log.certificates or log.unreadable or log.statements for log in self.logs
        )

    @property
    def device(self) -> DeviceFacts | None:
        """What is known of the device that was asked about, where one was: with its value, if a log knows it."""
        known = [log.device for log in self.logs if log.device is not None]
        return min(known, key=lambda device: device.value is None, default=None)

    @property
    def certificates(self) -> list[tuple[LogReport, ShownCertificate]]:
        """All certificates in the order in which they were logged, each with its log."""
        found = [(log, certificate) for log in self.logs for certificate in log.certificates]
        return sorted(found, key=lambda one: one[1].facts.age)

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it; `count` is null where no log's answer is good."""
        entries = [entry for _, one in self.certificates for entry in one.entries_json()]
        entries += [entry.to_json() for log in self.logs for entry in log.unreadable]
        value: dict[str, Any] = {"kind": self.question.kind.value, "value": self.question.value.hex()}
        if self.question.kind is QuestionKind.DEVICE:
            value["device"] = _device_json(self.device)
        return value | {
            "count": sum(log.count for log in self.logs) if self.logs else None,
            "absent": self.absent,
            "whole": self.good and all(log.whole for log in self.logs),
            "entries": sorted(entries, key=lambda one: (one["time"], one["origin"], one["index"])),
            "statements": [one.to_json() for one in self._statements()],
            "proven_at": [log.proven_at.to_json() for log in self.logs],
            "problems": [problem.to_json() for problem in self.problems],
        }

    def _statements(self) -> Iterable[ShownStatement]:
        found = (one for log in self.logs for one in log.statements)
        return sorted(found, key=lambda one: (one.time_ms, one.name))


def _device_json(device: DeviceFacts | None) -> dict[str, Any] | None:
    if device is None:
        return None
    return {
        "scheme": device.scheme,
        "value": device.value,
        "class": "cloud" if device.cloud else device.class_,
    }
