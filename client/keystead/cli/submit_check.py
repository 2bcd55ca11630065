# SPDX-License-Identifier: Apache-2.0
"""`keystead submit --check`: what is asked once a certificate is logged, and the statement of a CA that holds back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from keystead.certificate.precertificate import is_precertificate
from keystead.certificate.x509 import parse_certificate
from keystead.check.answer import CheckAnswer
from keystead.check.decision import Verdict
from keystead.check.question import Question
from keystead.check.submitting import Covered, decline
from keystead.cli.check_logs import Desk
from keystead.cli.exit_codes import BAD_ANSWER, FINE, exit_code
from keystead.cli.given_logs import GivenLogs
from keystead.cli.inputs import read_statement_key
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import existing_file
from keystead.cli.output import Progress
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain, LoggedStatement, submit_statement
from keystead.devices.anchors import AnchorSet
from keystead.errors import KeysteadError, RefusedError, UsageError
from keystead.lookup.log_index import Limits
from keystead.statements.payloads import sign_statement
from keystead.statements.statement_key import SigningKey

__all__ = ["CheckedChain", "Checking", "check_options", "read_checking"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Unwatched:
    """Nobody is told: a bar of its own would overwrite that of the submissions."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""

    def aim(self, total: int) -> None:
        """Say nothing."""


def check_options(function: _Function) -> _Function:
    """`--check` and what goes with it."""
    options = (
        click.option("--check", is_flag=True, help="Ask who is on the devices, as soon as the index tells."),
        click.option(
            "--not-issued",
            is_flag=True,
            help="Where the answer is shared, log that the precertificate's certificate is never issued; needs --sign.",
        ),
        click.option(
            "--sign",
            "key_file",
            type=existing_file,
            metavar="KEY.pem",
            help="Your CA's statement key, as for `keystead statement`.",
        ),
        click.option(
            "--wait",
            "patience_s",
            type=click.IntRange(min=0),
            default=60,
            show_default=True,
            metavar="SECONDS",
            help="How long to wait for the index to cover what was logged.",
        ),
        click.option(
            "--also-check",
            "other_urls",
            multiple=True,
            metavar="URL",
            help="Look the devices up in this log, too, in which the certificate is not logged; repeat for several.",
        ),
        click.option(
            "--also-trust",
            "other_trusts",
            multiple=True,
            type=existing_file,
            metavar="trust.json",
            help="The trust.json of each of these logs, in the same order; else what is pinned.",
        ),
        click.option(
            "--record",
            "record_file",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Keep everything that the answer was made from, as `keystead check --record`; for one chain.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class CheckedChain:
    """The answer about a chain that was logged.

    Attributes:
        answer: what all logs say.
        declined: what became of the statement that it is not issued, by the origin of the issuance log.
        unreachable: why a log could not be asked.
        unkept: why no record could be written.
    """

    answer: CheckAnswer
    declined: Mapping[str, LoggedStatement | KeysteadError] = field(default_factory=dict)
    unreachable: tuple[KeysteadError, ...] = ()
    unkept: KeysteadError | None = None

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all logs; None where one that did not answer might have a worse one."""
        verdict = self.answer.verdict
        return None if self.unreachable and verdict is not Verdict.SHARED else verdict

    @property
    def word(self) -> str:
        """The verdict, for a table."""
        return "unknown" if self.verdict is None else self.verdict.value

    @property
    def remarks(self) -> list[str]:
        """What was declined, in sentences."""
        return [
            f"Logged at {origin}, statement {result.leaf_index}: the certificate is not issued."
            for origin, result in self.declined.items()
            if isinstance(result, LoggedStatement)
        ]

    @property
    def complaints(self) -> list[str]:
        """What went wrong, in sentences."""
        said = [f"{problem.log}: {problem.sentence}" for problem in self.answer.problems]
        said += [str(error) for error in self._failed]
        for origin, result in self.declined.items():
            if isinstance(result, KeysteadError):
                code = f" ({result.code})" if isinstance(result, RefusedError) else ""
                said.append(f"that it is not issued could not be logged at {origin}: {result}{code}")
        return said

    @property
    def exit_code(self) -> int:
        """Fine if a CA may go ahead."""
        failed = [result for result in self.declined.values() if isinstance(result, KeysteadError)]
        codes = [FINE if self.answer.good else BAD_ANSWER]
        return max(codes + [exit_code(error) for error in (*failed, *self._failed)])

    @property
    def _failed(self) -> list[KeysteadError]:
        return [*self.unreachable, *([] if self.unkept is None else [self.unkept])]

    def to_json(self, origin: str) -> dict[str, Any]:
        """What is said beside the submission to one log.

        Args:
            origin: of that issuance log.
        """
        declined = self.declined.get(origin)
        said: dict[str, Any] | None = None
        if isinstance(declined, LoggedStatement):
            said = {"leaf_index": declined.leaf_index, "timestamp": declined.entry.timestamp}
        elif isinstance(declined, KeysteadError):
            said = {"error": str(declined)}
        answer = self.answer.to_json()
        verdict = None if self.verdict is None else self.verdict.value
        return {
            "verdict": verdict,
            "reasons": answer["reasons"],
            "check": {**answer, "verdict": verdict},
            "declined": said,
        }


@dataclass(slots=True)
class Checking:
    """What is to be asked about every chain.

    Attributes:
        anchors: the asker's own vendor anchors.
        limits: how far an index may lie behind.
        patience_s: how long to wait for an index.
        key: signs that a certificate is not issued; None where nothing is to be declined.
        record_file: where the answer is kept.
        also: logs to look up beside those that are submitted to.
    """

    anchors: AnchorSet
    limits: Limits
    patience_s: int
    key: SigningKey | None
    record_file: Path | None
    also: GivenLogs
    others: list[LogAddress] = field(default_factory=list)

    async def prepare(self, logs: Sequence[LogAddress], witness_policy: Path | None) -> None:
        """Find the logs of `--also-check`, before anything is logged.

        Args:
            logs: those that are submitted to.
            witness_policy: whose quorum to ask for.

        Raises:
            UsageError: a log has no index that could be asked.
            FetchError, ParseError, StoreError: as `find_logs`.
        """
        if self.also.named:
            self.others = await find_logs(replace(self.also, witness_policy=witness_policy))
        for log in (*logs, *self.others):
            if log.trust.index_url is None:
                raise UsageError(
                    f"the trust.json of {log.trust.name} names no index, so --check cannot be answered"
                )

    async def check(
        self,
        chain: Sequence[bytes],
        logged: Sequence[tuple[LogAddress, LoggedChain]],
        progress: Progress,
        refused: Sequence[LogAddress] = (),
    ) -> CheckedChain | None:
        """Ask about a chain, at every log; None where no log has it.

        Args:
            chain: the chain.
            logged: the logs that have it, and what they answered.
            progress: is told how far it is.
            refused: the logs that did not take it: others may be on its devices there.
        """
        if not logged:
            return None
        question = Question(certificate=chain[0], issuer=chain[1], submitted=True)
        desk = Desk(self.anchors, self.limits, keep=self.record_file is not None, patience_s=self.patience_s)
        unreachable: list[KeysteadError] = []

        async def ask(log: LogAddress, asked: Question, covered: Covered | None = None) -> None:
            try:
                await desk.ask(log, asked, _Unwatched(), covered)
            except KeysteadError as error:
                unreachable.append(error)

        for log, result in logged:
            await ask(log, question, Covered(result.entry.leaf_index, result.statement_index))
            progress.advance()
        origins = {log.trust.issuance.key.origin for log, _ in logged}
        for log in (*refused, *self.others):
            if log.trust.issuance.key.origin not in origins:
                await ask(log, question)
            progress.advance()
        for log, further in desk.untold(question):
            await ask(log, further)
        unkept: KeysteadError | None = None
        if self.record_file is not None:
            try:
                desk.write_record(self.record_file, question, whole=not unreachable)
            except KeysteadError as error:
                unkept = error  # the certificate is logged, and what is known of it is shown
        declined = {}
        if self.key is not None and desk.answer.verdict is Verdict.SHARED:
            for log, result in logged:
                declined[log.trust.issuance.key.origin] = await self._decline(self.key, log, result)
        return CheckedChain(desk.answer, declined, tuple(unreachable), unkept)

    async def _decline(
        self, key: SigningKey, log: LogAddress, result: LoggedChain
    ) -> LoggedStatement | KeysteadError:
        statement = decline(
            log.trust.statements.key.origin, result.certificate_id, result.entry.leaf_index, int(time.time())
        )
        try:
            async with HTTPFetcher(log.url) as fetcher:
                return await submit_statement(fetcher, log.trust, sign_statement(key, statement))
        except KeysteadError as error:
            return error


def read_checking(
    options: Mapping[str, Any], limits: Limits, anchors: AnchorSet, chains: Sequence[Sequence[bytes]]
) -> Checking | None:
    """What the options of `check_options` ask for; None without `--check`.

    Raises:
        UsageError: they do not go together, or not with the chains.
        ParseError: the key cannot be read.
    """
    if not options["check"]:
        if any(
            options[name] for name in ("not_issued", "key_file", "other_urls", "other_trusts", "record_file")
        ):
            raise UsageError("--not-issued, --sign, --also-check, --also-trust and --record go with --check")
        return None
    if options["not_issued"] is not (options["key_file"] is not None):
        raise UsageError("--not-issued and --sign KEY.pem go together: the statement is your CA's")
    if options["not_issued"]:
        for chain in chains:
            if not is_precertificate(parse_certificate(chain[0])):
                raise UsageError("--not-issued is for precertificates: a certificate is issued already")
    if options["record_file"] is not None and len(chains) > 1:
        raise UsageError("--record keeps the check of one chain: submit them one by one")
    return Checking(
        anchors,
        limits,
        options["patience_s"],
        read_statement_key(options["key_file"]) if options["not_issued"] else None,
        options["record_file"],
        GivenLogs(options["other_urls"], options["other_trusts"]),
    )
