# SPDX-License-Identifier: Apache-2.0
"""`keystead monitor`: follow logs and judge: which devices need a look, and why."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from keystead.cli.exit_codes import BAD_ANSWER, FINE, exit_code
from keystead.cli.finding_output import changed, show_finding, show_summary
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import find_logs
from keystead.cli.monitor_inputs import read_revocation_lists, read_watch_list
from keystead.cli.options import TIME, anchors_option, existing_file, existing_path, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.terminal import print_error, print_note
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.client.workers import available_cores
from keystead.devices.anchors import AnchorSet
from keystead.errors import KeysteadError, UsageError
from keystead.monitor.back_fill import Start
from keystead.monitor.findings import Finding, State
from keystead.monitor.knowledge import Terms
from keystead.monitor.list_revocations import GivenList
from keystead.monitor.revocation_list import RevocationList
from keystead.monitor.run import FollowedLog, MonitoredLog, Report, monitor_once
from keystead.monitor.store import DATABASE
from keystead.monitor.watch import WatchList

__all__ = ["command"]

_INDEX_S = 3600.0
# Between two looks at the indexes.

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
@click.option("--all", "show_all", is_flag=True, help="Print settled and acknowledged findings, too.")
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="Without --once: the pause between two rounds.",
)
@click.option(
    "--from-entry",
    type=click.IntRange(min=0),
    metavar="N",
    help="Do not read issuance entries before N (of a new log), or read back to N what was left out; 0: everything.",
)
@click.option("--since", type=TIME, help="As --from-entry, with what was logged from that time on.")
@click.option(
    "--crl",
    "lists",
    type=existing_path,
    multiple=True,
    metavar="FILE|DIR",
    help="Revocation lists, DER or PEM: believed if a CA in the logs signed them, from their publication on.",
)
@click.option(
    "--watch",
    "watch_file",
    type=existing_file,
    metavar="FILE.toml",
    help="Tell only what concerns these: [watch] with the arrays cas, subscribers, devices, services.",
)
@click.option(
    "--distrust-party",
    "refused",
    multiple=True,
    metavar="NAME",
    help="Do not accept what this party or operator states as a resolution; repeat for several.",
)
@click.option(
    "--check-index",
    is_flag=True,
    help="Also compute each log's device index, and compare every head; without --once, at most once an hour.",
)
@click.option("--clouds-too", is_flag=True, help="Hold devices of cloud providers to the same rules.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that read statements and verify evidence; by default as many as there are cores.",
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
    from_entry: int | None,
    since: int | None,
    lists: tuple[Path, ...],
    watch_file: Path | None,
    refused: tuple[str, ...],
    check_index: bool,
    clouds_too: bool,
    jobs: int | None,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Follow logs, verify everything again, and say which devices need a look, and why.

    The monitor believes nobody but the logs' keys and its own vendor anchors. Without --log, what the state
    knows already is judged. Without --once it goes on until it is stopped, and prints what changes.
    """
    if (at is not None or known_at is not None) and not once:
        raise UsageError("--at and --known-at judge one moment: give --once with them")
    if from_entry is not None and since is not None:
        raise UsageError("--from-entry and --since both say where to begin: give one of them")
    task = _Task(
        state,
        own_anchors(anchors_file),
        Terms(frozenset(refused), clouds_too),
        None if watch_file is None else read_watch_list(watch_file),
        lists,
        _start(from_entry, since),
        available_cores() if jobs is None else jobs,
        check_index,
    )
    monitor = _Monitor(Output(as_json), task, show_all)
    return asyncio.run(monitor.run(logs, once=once, at=_moment(at), known_at=_moment(known_at), every=every))


@dataclass(frozen=True, slots=True)
class _Task:
    """What to judge, and how."""

    state: Path
    anchors: AnchorSet
    terms: Terms
    watch: WatchList | None
    lists: tuple[Path, ...]
    start: Start | None
    jobs: int
    check_index: bool


class _Monitor:
    """One monitor on the command line."""

    def __init__(self, output: Output, task: _Task, show_all: bool) -> None:
        self._output = output
        self._task = task
        self._show_all = show_all
        self._index_checked = -_INDEX_S

    async def run(
        self, logs: GivenLogs, *, once: bool, at: int | None, known_at: int | None, every: int
    ) -> int:
        """Follow once or until stopped; the exit code."""
        state = self._task.state
        known = not logs.named and (state / DATABASE).exists()  # what the state has is enough to judge
        addresses = [] if known else await find_logs(logs, state)
        async with AsyncExitStack() as stack:
            followed = [
                MonitoredLog(log.trust, await stack.enter_async_context(HTTPFetcher(log.url)))
                for log in addresses
            ]
            if not once:
                await self._follow(followed, every)
                return FINE
            report = await self._round(followed, read_revocation_lists(self._task.lists), at, known_at)
        _note_unused(report.lists)
        shown = [finding for finding in report.findings if self._show_all or finding.state is State.OPEN]
        for finding in shown:
            show_finding(self._output, finding)
        self._show_end(report)
        return max(BAD_ANSWER if report.open else FINE, _complain(report.logs))

    async def _round(
        self,
        logs: Sequence[MonitoredLog],
        lists: Mapping[str, RevocationList],
        at: int | None = None,
        known_at: int | None = None,
    ) -> Report:
        task, now = self._task, time.monotonic()
        # The map over millions of keys is put together anew each time.
        check_index = task.check_index and now - self._index_checked >= _INDEX_S
        if check_index:
            self._index_checked = now
        with self._output.progress("following") as progress:
            return await monitor_once(
                task.state,
                logs,
                task.anchors,
                now_ms=time.time_ns() // 1_000_000,
                at_ms=at,
                known_at_ms=known_at,
                progress=progress,
                lists=lists,
                terms=task.terms,
                watch=task.watch,
                start=task.start,
                jobs=task.jobs,
                check_index=check_index,
            )

    async def _follow(self, logs: Sequence[MonitoredLog], every: int) -> None:
        """Rounds until SIGTERM or SIGINT; each prints the findings that are new or different."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        known: dict[bytes, Finding] = {}
        unused: set[str] = set()
        while not stop.is_set():
            report = await self._round(logs, self._lists_now())
            _complain(report.logs)
            _note_unused([given for given in report.lists if given.name not in unused])
            unused.update(given.name for given in report.lists if not given.used)
            unused.difference_update(given.name for given in report.lists if given.used)
            for finding in self._news(known, report.findings):
                show_finding(self._output, finding)
            known = {finding.id: finding for finding in report.findings}
            if sum(log.issuance_new + log.statements_new for log in report.logs):
                self._show_end(report)
            try:
                await asyncio.wait_for(stop.wait(), every)
            except TimeoutError:
                continue

    def _show_end(self, report: Report) -> None:
        """How far the logs were read; a program that gets no finding must be told, too, what was not."""
        show_summary(self._output, report)
        if self._output.as_json:
            for part in report.unread:
                print_note(part.sentence)

    def _lists_now(self) -> Mapping[str, RevocationList]:
        """The lists as they are in this round: their folder is kept up by somebody else, who may be at it."""
        try:
            return read_revocation_lists(self._task.lists)
        except (KeysteadError, OSError) as error:
            print_error(f"the revocation lists are not looked at in this round: {error}")
            return {}

    def _news(self, known: Mapping[bytes, Finding], findings: Sequence[Finding]) -> list[Finding]:
        return [
            finding
            for finding in findings
            if changed(known.get(finding.id), finding)
            and (self._show_all or finding.state is State.OPEN or finding.id in known)
        ]


def _start(from_entry: int | None, since: int | None) -> Start | None:
    if since is not None:
        return Start(since_ms=since * 1000)
    return None if from_entry is None else Start(from_entry)


def _moment(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000 + _WHOLE_SECOND


def _note_unused(lists: Sequence[GivenList]) -> None:
    for given in lists:
        if not given.used:
            print_note(f"{given.name} is not used: no CA in the logs signed it.")


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
