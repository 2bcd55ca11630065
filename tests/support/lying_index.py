# SPDX-License-Identifier: Apache-2.0
"""A log that lies about its device index, and those who rely on it: what each of them finds.

>>> lying = LyingIndex()            two subscribers on one device, and an honest head
>>> lying.hide(); lying.head()      from now on, the index does not know the device's newest certificate
>>> await lying.audit()
{'index-head-wrong'}
"""

from pathlib import Path

from keystead.check.answer import ask_log
from keystead.check.decision import Verdict
from keystead.check.whole_log import LiveLog
from keystead.errors import VerificationError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import LogIndex
from keystead.lookup.look_up import look_up
from keystead.lookup.questions import Question, QuestionKind
from keystead.monitor.follow import MonitoredLog
from keystead.monitor.run import Report, monitor_once
from keystead_server.mirror.run import IndexMirror
from support.audited_history import AuditedHistory
from support.check_material import Asked
from support.history import yubikey
from support.indexed_log import IndexedLog, MemoryHead

__all__ = ["DEVICE", "LyingIndex"]

DEVICE = Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(1))


class LyingIndex:
    """One device, on which subscribers have certificates, each of another CA, and the index that says so or not.

    Args:
        subscribers: their names.

    Attributes:
        history: of the log.
        index: over it; whoever asks, asks this.
    """

    def __init__(self, subscribers: tuple[str, ...] = ("Alpha AB", "Beta GmbH")) -> None:
        self.history = AuditedHistory()
        for name, ca in zip(subscribers, self.history.authorities, strict=False):
            self.history.certificate(name, serial=1, ca=ca, evidence=False)
        self.index = IndexedLog(self.history.log)
        self.head()

    def pass_minutes(self, minutes: float) -> None:
        """Let time pass."""
        self.history.log.advance(round(minutes * 60_000))

    def head(self, **changed: object) -> MemoryHead:
        """The log commits to what the index lists now, a minute later."""
        self.pass_minutes(1)
        self.index.follow()
        return self.index.add_head(**changed)

    def hide(self) -> None:
        """Drop the device's newest certificate from its history."""
        self.index.histories[DEVICE] = self.index.histories[DEVICE][:-1]

    def fork(self) -> "LyingIndex":
        """The same log, which goes its own way from here, for other readers."""
        other = object.__new__(LyingIndex)
        other.history = object.__new__(AuditedHistory)
        other.history.__dict__.update(self.history.__dict__)
        other.history.log = self.history.log.fork()
        histories = {subject: entries[:] for subject, entries in self.index.histories.items()}
        other.index = IndexedLog(other.history.log, histories, self.index.heads[:], [], self.index._followed)
        return other

    # Who relies on it.

    def reader(self) -> LogIndex:
        """Whoever asks."""
        trust = self.history.log.trust
        return LogIndex(trust, self.index, clock=lambda: self.history.log.now_ms)

    async def lookup(self) -> set[str] | int:
        """`lookup` about the device: the codes of what is wrong, or how many certificates are on it."""
        question = Question(QuestionKind.DEVICE, DEVICE.value)
        report = await look_up(question, [self.reader()], self.history.anchors)
        return {one.code for one in report.problems} or int(report.to_json()["count"])

    async def check(self) -> set[str] | Verdict:
        """`check` whether Alpha AB may have a certificate on it: what is wrong, or the verdict."""
        try:
            log = await LiveLog.read(await self.reader().open(POLICIES))
            answer, _ = await ask_log(
                log, Asked("Alpha AB", evidence=False).question(self.history), self.history.anchors
            )
        except VerificationError as error:
            return {error.check or ""}
        return answer.decision.verdict

    async def monitor(self, state: Path, *, check_index: bool = False) -> Report:
        """A round of `monitor`."""
        return await monitor_once(
            state,
            [MonitoredLog(self.history.log.trust, self.history.log)],
            self.history.anchors,
            now_ms=self.history.log.now_ms,
            check_index=check_index,
        )

    async def misbehaviour(self, state: Path, *, check_index: bool = False) -> set[str | None]:
        """The kinds of misbehaviour that a monitor reports."""
        report = await self.monitor(state, check_index=check_index)
        return {finding.reason for finding in report.findings if finding.rule == "log-misbehaviour"}

    async def audit(self, state: Path | None = None) -> set[str]:
        """The codes of what `audit` finds."""
        return {one.code for one in (await self.history.audit_now(state=state)).problems}

    async def copy(self, data: Path) -> dict[int, str]:
        """What `keystead index` says of heads, by their leaf indices."""
        async with IndexMirror(data, self.history.log, self.history.log.trust) as mirror:
            await mirror.copy()
            return (await mirror.follow()).wrong
