# SPDX-License-Identifier: Apache-2.0
"""Asking the logs of a command line a CA's question, one after the other, and keeping a record."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from keystead.audit.problem import Problem
from keystead.check.answer import CheckAnswer, LogAnswer, ask_log
from keystead.check.question import Question
from keystead.check.record import CheckRecord, LogRecord
from keystead.check.recording import record_log
from keystead.check.submitting import Covered, wait_for_head
from keystead.check.whole_log import LiveLog
from keystead.cli.logs import LogAddress
from keystead.cli.lookup import open_index
from keystead.cli.output import Progress
from keystead.cli.terminal import print_note
from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.errors import ParseError, StoreError, VerificationError
from keystead.lookup.gathered import POLICIES
from keystead.lookup.log_index import Limits

__all__ = ["Desk"]


@dataclass(slots=True)
class Desk:
    """Where questions are asked.

    Attributes:
        anchors: the asker's own vendor anchors.
        limits: how far an index may lie behind.
        keep: make records.
        patience_s: how long to wait for an index to cover what was submitted.
        answers, problems, records: of the logs that were asked.
        addresses: of these logs, by the origins of their issuance logs.
        parted: logs know different devices of the certificate: a record holds one question, and several were asked.
    """

    anchors: AnchorSet
    limits: Limits
    keep: bool = False
    patience_s: float = 60.0
    answers: list[LogAnswer] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    records: list[LogRecord] = field(default_factory=list)
    addresses: dict[str, LogAddress] = field(default_factory=dict)
    parted: bool = False

    @property
    def answer(self) -> CheckAnswer:
        """What all of them said."""
        return CheckAnswer(tuple(self.answers), tuple(self.problems))

    async def ask(
        self, address: LogAddress, question: Question, progress: Progress, covered: Covered | None = None
    ) -> None:
        """Ask one log; what is not good about its answer becomes a problem.

        Args:
            address: which log.
            question: what is asked.
            progress: is told how far it is.
            covered: what was submitted there, for which the index is waited for.

        Raises:
            UsageError: the question contradicts itself, or the log has no index.
            FetchError: the log cannot be reached.
        """
        origin = address.trust.issuance.key.origin
        self.addresses[origin] = address
        async with AsyncExitStack() as stack:
            index = await open_index(stack, address, self.limits)
            try:
                if covered is None:
                    snapshot = await index.open(POLICIES)
                else:
                    snapshot = await wait_for_head(
                        index, covered, patience_s=self.patience_s, waiting=progress
                    )
                log = await LiveLog.read(snapshot)
                answer, found = await ask_log(log, question, self.anchors, progress)
                if self.keep:
                    digest = sha256(address.trust.raw).digest()
                    self.records.append(await record_log(log, found, answer, digest))
            except VerificationError as error:
                check = error.check or "verification"
                self.problems.append(Problem(check, origin, str(error), evidence=error.evidence))
            except ParseError as error:
                self.problems.append(Problem("malformed", origin, str(error)))
            else:
                self.answers.append(answer)

    def untold(self, question: Question) -> list[tuple[LogAddress, Question]]:
        """What must be asked still: on which devices a certificate is may be known to one log alone.

        Evidence and bindings are recorded where they were submitted. Another log does not know that they put the
        certificate on a device, but who else is there.

        Args:
            question: what all logs were asked.
        """
        if not question.certificate:
            return []
        known: dict[bytes, str] = {}
        clouds: set[bytes] = set()
        for answer in self.answers:
            known.update((device.device_id, device.scheme) for device in answer.decision.devices)
            for detail in answer.decision.details:
                if detail.code == "provider-operated" and detail.device is not None:
                    clouds.add(detail.device)
        further = [
            (self.addresses[answer.origin], question.about_device(device_id, known[device_id]))
            for answer in self.answers
            for device_id in sorted(
                known.keys() - clouds - {device.device_id for device in answer.decision.devices}
            )
        ]
        self.parted = bool(further)
        return further

    def write_record(self, path: Path, question: Question, *, whole: bool = True) -> None:
        """Keep a check in a file, which is replaced if it is there.

        A record that lacks a log would say more than is known: then none is kept, and the user is told.

        Args:
            path: of the file.
            question: what was asked.
            whole: every log was asked.

        Raises:
            StoreError: the file cannot be written.
        """
        if self.problems or not whole:
            print_note(f"no record is kept in {path}: not every log gave a good answer")
            return
        if self.parted:
            print_note(
                f"no record is kept in {path}: not every log knows all devices of the certificate, and a record holds "
                "one question; ask about each device with --device"
            )
            return
        added = sorted(
            anchor.key_hash for anchor in self.anchors if BUILTIN_ANCHORS.by_key_hash(anchor.key_hash) is None
        )
        try:
            path.write_bytes(CheckRecord(question, tuple(added), tuple(self.records)).encode())
        except OSError as error:
            raise StoreError(f"no record could be kept in {path}: {error.strerror or error}") from error
