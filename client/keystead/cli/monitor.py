# SPDX-License-Identifier: Apache-2.0
"""`keystead monitor`: follow logs and judge: which devices need a look, and why."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from keystead.cli.exit_codes import BAD_ANSWER, FINE, exit_code
from keystead.cli.finding_output import changed, show_finding, show_summary
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import TIME, anchors_option, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.terminal import print_error, print_note
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.devices.anchors import AnchorSet
from keystead.errors import UsageError
from keystead.monitor.findings import Finding, State
from keystead.monitor.run import FollowedLog, MonitoredLog, Report, monitor_once
from keystead.monitor.store import DATABASE

__all__ = ["command"]

_WHOLE_SECOND = 999
"""Times are shown in seconds, so a second that is asked about is meant with all that happened in it."""


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="What the monitor remembers; made if it is not there. Without it, everything is read again.",
)
@click.option(
    "--once", is_flag=True, help="Catch up, print the findings, and stop. Exit code 1: some are open."
)
@click.option("--at", type=TIME, help="With --once: judge as of that time, with all that is known now.")
@click.option(
    "--known-at", type=TIME, help="With --once: judge as of that time, and hide what was logged later."
)
@click.option("--all", "show_all", is_flag=True, help="Print settled findings, too.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Without --once: the pause between two rounds.",
)
@anchors_option
@log_options
@json_option
def command(
    state: Path,
    once: bool,
    at: int | None,
    known_at: int | None,
    show_all: bool,
    every: int,
    anchors_file: Path | None,
    log_urls: tuple[str, ...],
    trust_files: tuple[Path, ...],
    witness_policy: Path | None,
    as_json: bool,
) -> int:
    """Follow logs, verify everything again, and say which devices need a look, and why.

    The monitor believes nobody but the logs' keys and its own vendor anchors. Without --log, what the state
    knows already is judged. Without --once it goes on until it is stopped, and prints what changes.
    """
    if (at is not None or known_at is not None) and not once:
        raise UsageError("--at and --known-at judge one moment: give --once with them")
    watch = _Watch(Output(as_json), state, own_anchors(anchors_file), show_all, witness_policy)
    return asyncio.run(watch.run(log_urls, trust_files, once=once, at=at, known_at=known_at, every=every))


class _Watch:
    """One monitor on the command line."""

    def __init__(
        self, output: Output, state: Path, anchors: AnchorSet, show_all: bool, witness_policy: Path | None
    ) -> None:
        self._output = output
        self._state = state
        self._anchors = anchors
        self._show_all = show_all
        self._witness_policy = witness_policy

    async def run(
        self,
        log_urls: Sequence[str],
        trust_files: Sequence[Path],
        *,
        once: bool,
        at: int | None,
        known_at: int | None,
        every: int,
    ) -> int:
        """Follow once or until stopped; the exit code."""
        logs: list[LogAddress] = []
        if log_urls or trust_files or not (self._state / DATABASE).exists():
            logs = await find_logs(log_urls, trust_files, self._state, witness_policy=self._witness_policy)
        async with AsyncExitStack() as stack:
            followed = [
                MonitoredLog(log.trust, await stack.enter_async_context(HTTPFetcher(log.url))) for log in logs
            ]
            if not once:
                await self._follow(followed, every)
                return FINE
            report = await self._round(followed, at, known_at)
        shown = [finding for finding in report.findings if self._show_all or finding.state is State.OPEN]
        for finding in shown:
            show_finding(self._output, finding)
        show_summary(self._output, report)
        return max(BAD_ANSWER if report.open else FINE, _complain(report.logs))

    async def _round(
        self, logs: Sequence[MonitoredLog], at: int | None = None, known_at: int | None = None
    ) -> Report:
        with self._output.progress("following") as progress:
            return await monitor_once(
                self._state,
                logs,
                self._anchors,
                now_ms=time.time_ns() // 1_000_000,
                at_ms=_moment(at),
                known_at_ms=_moment(known_at),
                progress=progress,
            )

    async def _follow(self, logs: Sequence[MonitoredLog], every: int) -> None:
        """Rounds until SIGTERM or SIGINT; each prints the findings that are new or different."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        known: dict[bytes, Finding] = {}
        while not stop.is_set():
            report = await self._round(logs)
            _complain(report.logs)
            for finding in self._news(known, report.findings):
                show_finding(self._output, finding)
            known = {finding.id: finding for finding in report.findings}
            if sum(log.issuance_new + log.statements_new for log in report.logs):
                show_summary(self._output, report)
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue

    def _news(self, known: Mapping[bytes, Finding], findings: Sequence[Finding]) -> list[Finding]:
        return [
            finding
            for finding in findings
            if changed(known.get(finding.id), finding)
            and (self._show_all or finding.state is State.OPEN or finding.id in known)
        ]


def _moment(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000 + _WHOLE_SECOND


def _complain(logs: Sequence[FollowedLog]) -> int:
    """Say which logs were not followed to their end, and why; the exit code that this alone would have."""
    code = FINE
    for log in logs:
        if log.error is not None:
            print_error(f"{log.name} was not followed to its end: {log.error}")
            code = max(code, exit_code(log.error))
    if code:
        print_note("What is known so far is judged all the same.")
    return code
