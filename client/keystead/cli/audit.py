# SPDX-License-Identifier: Apache-2.0
"""`keystead audit`: everything again from raw bytes, trusting nothing but the log's keys."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import click

from keystead.audit.report import AuditReport
from keystead.audit.run import AuditOptions, audit_log
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import find_logs, under_policy
from keystead.cli.options import anchors_option, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.terminal import print_note
from keystead.client.anchors_file import own_anchors
from keystead.client.fetcher import Fetcher, FolderFetcher
from keystead.client.http import HTTPFetcher
from keystead.client.trust import Trust, parse_trust
from keystead.client.workers import available_cores
from keystead.errors import ParseError, UsageError

__all__ = ["command"]


@click.command()
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Audit a folder that has the layout of the log's URLs, such as its data folder or a mirror.",
)
@click.option(
    "--from",
    "state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="STATE",
    help="Continue from where the audit came that left this file, and keep it up to date; it is made if it is "
    "not there. It stays as it was where something is missing or altered.",
)
@click.option(
    "--hashes-only",
    is_flag=True,
    help="Check that entries and tiles hash to the signed roots, and nothing of what entries say.",
)
@click.option(
    "--heads-every",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="K",
    help="Compare the map of the device index at every K-th head, and at the last one; 0: at none.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that check entries; by default as many as there are cores.",
)
@anchors_option
@log_options
@json_option
def command(
    folder: Path | None,
    state: Path | None,
    hashes_only: bool,
    heads_every: int,
    jobs: int | None,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Check everything in a log again, from raw bytes, and name each place that is wrong.

    Both logs are read whole: every entry, every hash tile, signatures, chains of certificates, policies, the right
    of each statement's signer, and all evidence. The device index is rebuilt, and every head of it compared. Exit
    code 1: something is wrong.
    """
    options = AuditOptions(
        anchors=own_anchors(anchors_file),
        state=state,
        folder=folder,
        jobs=available_cores() if jobs is None else jobs,
        hashes_only=hashes_only,
        heads_every=heads_every,
    )
    return asyncio.run(_run(Output(as_json), options, logs))


async def _open(stack: AsyncExitStack, folder: Path | None, logs: GivenLogs) -> list[tuple[Trust, Fetcher]]:
    """The keys of each log, and where it is read from."""
    if folder is not None:
        return [(under_policy(_trust_of(folder, logs), logs.witness_policy), FolderFetcher(folder))]
    return [
        (log.trust, await stack.enter_async_context(HTTPFetcher(log.url))) for log in await find_logs(logs)
    ]


def _trust_of(folder: Path, logs: GivenLogs) -> Trust:
    if logs.urls:
        raise UsageError("give --log or --folder, not both")
    if len(logs.trust_files) > 1:
        raise UsageError("a folder holds one log: give one --trust")
    place = logs.trust_files[0] if logs.trust_files else folder / "trust.json"
    if not place.exists():
        raise UsageError(f"{folder} has no trust.json: give one with --trust")
    if not logs.trust_files:
        print_note(
            f"The keys are those that {place} states: compare them with the operator's, or give --trust."
        )
    try:
        return parse_trust(place.read_bytes())
    except ParseError as error:
        raise ParseError(f"{place}: {error}") from error


async def _run(output: Output, options: AuditOptions, given: GivenLogs) -> int:
    async with AsyncExitStack() as stack:
        logs = await _open(stack, options.folder, given)
        if options.state is not None and len(logs) > 1:
            raise UsageError("--from is the state of one log: audit the logs one by one")
        good = True
        for trust, fetcher in logs:
            with output.progress(f"auditing {trust.name}") as progress:
                report = await audit_log(fetcher, trust, options, progress)
            _show(output, report, options)
            good = good and report.ok
    return FINE if good else BAD_ANSWER


def _show(output: Output, report: AuditReport, options: AuditOptions) -> None:
    output.document(report.to_json())
    output.heading(
        f"{report.name}: {'nothing is wrong' if report.ok else _count(len(report.problems), 'problem')}"
    )
    before = report.continued_from
    output.pairs(
        ("issuance entries", _size(report.issuance_size, before["issuance"])),
        ("statements", _size(report.statements_size, before["statements"])),
    )
    if report.hashes_only:
        output.text("Entries were hashed, and not read.")
    else:
        output.text(
            f"{_count(report.evidence_checked, 'piece')} of evidence verified again; "
            f"{report.evidence_under_own_anchors} under your own anchors, the rest under those of the log's policy."
        )
        every = "" if report.heads_every <= 1 else f": one of {report.heads_every}, and the last"
        output.text(
            f"{_count(report.heads_checked, 'head')} of the device index compared with what both logs lead to{every}."
        )
    if report.waiting:
        output.text(
            f"{_count(report.waiting, 'newest entry', 'newest entries')} wait for the next audit: statements "
            "about them were not published yet."
        )
    if report.unjudged:
        output.text(
            f"{_count(report.unjudged, 'entry or statement', 'entries and statements')} could not be judged, "
            "because of what is missing or altered."
        )
    if report.problems:
        output.table(
            ["code", "log", "place", "what is wrong"],
            [
                [
                    problem.code,
                    problem.log,
                    problem.path or ("" if problem.index is None else str(problem.index)),
                    problem.sentence,
                ]
                for problem in report.problems
            ],
        )
    if options.state is not None:
        output.text(
            f"{options.state} has the state now; the next audit can continue from it."
            if report.kept
            else f"{options.state} stays as it was: what is missing or altered must be read again."
        )


def _size(size: int, before: int) -> str:
    return f"{size}, {before} of them checked by an earlier audit" if before else str(size)


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
