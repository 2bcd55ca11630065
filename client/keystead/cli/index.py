# SPDX-License-Identifier: Apache-2.0
"""`keystead index`: the device index of a public log, built and served on this machine."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import click

from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import json_option, log_options
from keystead.cli.output import Output, Progress
from keystead.cli.terminal import print_note
from keystead.client.http import HTTPFetcher
from keystead.errors import (
    FetchError,
    KeysteadError,
    LogMisbehaviourError,
    ParseError,
    UsageError,
    VerificationError,
)
from keystead_server.mirror.run import IndexMirror, Round

__all__ = ["command"]

_AGAIN_S = 5.0
# After a round that failed.


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where the copy of the log and the index lie; made where it is absent. It can be thrown away.",
)
@click.option(
    "--listen",
    default="127.0.0.1:8471",
    show_default=True,
    metavar="HOST:PORT",
    help="Where answers are given.",
)
@click.option("--url", help="How clients reach it, behind TLS for example; where it listens by default.")
@click.option("--once", is_flag=True, help="Copy and index what there is, compare, and end.")
@click.option(
    "--period",
    type=click.FloatRange(0.05, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Between two looks at the log.",
)
@log_options
@json_option
def command(
    data: Path,
    listen: str,
    url: str | None,
    once: bool,
    period: float,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Build the device index of a public log from what it serves to anybody, and answer with it.

    Both logs are copied into DIR, each file checked up to a signed root; the index is computed from them and compared
    with every head that the log commits to from then on. Answers at /index/v1 are under the log's own heads, so whoever
    asks here trusts the log's keys, and not this machine. Exit code 1: a head is wrong, or the log contradicts itself.
    """
    return asyncio.run(_run(Output(as_json), data, logs, listen, url, None if once else period))


async def _run(
    output: Output, data: Path, logs: GivenLogs, listen: str, url: str | None, period: float | None
) -> int:
    addresses = await find_logs(logs)
    if len(addresses) != 1:
        raise UsageError("an index is of one log: give one --log")
    (address,) = addresses
    work = asyncio.ensure_future(_work(output, data, address, listen, url, period))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        print_note("stopped: the next start goes on from here")
        return FINE


async def _work(
    output: Output, data: Path, address: LogAddress, listen: str, url: str | None, period: float | None
) -> int:
    async with (
        HTTPFetcher(address.url) as fetcher,
        IndexMirror(data, fetcher, address.trust) as mirror,
    ):
        with output.progress(f"copying {address.trust.name}") as bar:
            mirror.progress = _steps(bar)
            await mirror.copy()
        with output.progress(f"indexing {address.trust.name}") as bar:
            mirror.progress = _steps(bar)
            done = await mirror.follow()
        _tell_wrong(output, done)
        if period is None:
            _show(output, address, done, data)
            return BAD_ANSWER if done.wrong else FINE
        mirror.progress = lambda _done, _total: None
        await mirror.serve(listen, url)
        _announce(output, address, mirror, done)
        while True:
            await asyncio.sleep(period)
            try:
                await mirror.copy()
                _tell_wrong(output, await mirror.follow())
            except LogMisbehaviourError as error:
                # A smaller tree may be a stale cache's.
                if error.check != "rollback":
                    raise
                await _complain(error)
            except (FetchError, ParseError, VerificationError) as error:
                await _complain(error)


async def _complain(error: KeysteadError) -> None:
    print_note(f"{error}; trying again")
    await asyncio.sleep(_AGAIN_S)


def _steps(bar: Progress) -> Callable[[int, int], None]:
    """Tells a bar how far it is."""
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        bar.aim(total)
        bar.advance(done - told)
        told = done

    return tell


def _members(address: LogAddress, done: Round) -> dict[str, object]:
    return {
        "log": address.trust.name,
        "issuance_size": done.issuance_size,
        "statements_size": done.statements_size,
        "heads_checked": done.heads,
        "wrong_heads": sorted(done.wrong),
        "head": done.head,
    }


def _show(output: Output, address: LogAddress, done: Round, data: Path) -> None:
    output.document({"ok": not done.wrong, **_members(address, done)})
    output.pairs(
        ("log", address.trust.name),
        ("issuance entries", str(done.issuance_size)),
        ("statements", str(done.statements_size)),
        ("heads compared", f"{done.heads}, {len(done.wrong)} of them wrong"),
        ("copy and index", str(data)),
    )
    if done.head is None:
        output.text("The log has no head of an index: it keeps none, or none yet.")


def _announce(output: Output, address: LogAddress, mirror: IndexMirror, done: Round) -> None:
    output.document(
        {"ready": True, "url": mirror.url, "index": f"{mirror.url}/index/v1", **_members(address, done)}
    )
    output.pairs(
        ("log", address.trust.name),
        ("index", f"{mirror.url}/index/v1, under the log's own heads"),
        ("copy", f"{mirror.url}, {done.issuance_size} entries and {done.statements_size} statements"),
        ("heads compared", f"{done.heads}, {len(done.wrong)} of them wrong"),
    )
    output.text("Ready. Ctrl-C or SIGTERM stops it.")


def _tell_wrong(output: Output, done: Round) -> None:
    for leaf, why in sorted(done.wrong.items()):
        sentence = f"the head of the index at statement {leaf} is wrong: {why}"
        output.document({"wrong_head": leaf, "sentence": sentence})
        output.text(sentence)
