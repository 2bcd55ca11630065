# SPDX-License-Identifier: Apache-2.0
"""`keystead lookup`: everything about a device, key, subscriber, service or certificate, proven complete."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import click

from keystead.certificate.x509 import Certificate
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.lookup_output import show_report
from keystead.cli.lookup_value import read_value
from keystead.cli.options import anchors_option, existing_file, freshness_options, json_option, log_options
from keystead.cli.output import Output
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher, Patience
from keystead.devices.anchors import AnchorSet
from keystead.errors import UsageError
from keystead.lookup.by_content import find_certificate
from keystead.lookup.log_index import Limits, LogIndex
from keystead.lookup.look_up import look_up
from keystead.lookup.questions import Question, QuestionKind

__all__ = ["command", "open_index"]

_LIMIT = 10_000
"""Entries of a history that are read where nobody says otherwise: each is kept in memory until it is shown."""

_PATIENCE = replace(Patience(), busy_s=15.0)
"""A person waits; an index that is being built is not there for minutes."""


@click.command()
@click.argument("kind", type=click.Choice([kind.value for kind in QuestionKind]))
@click.argument("value")
@click.option(
    "--issuer",
    "issuer_file",
    type=existing_file,
    metavar="FILE",
    help="The certificate that issued the one in VALUE. Without it, it is the second in the file, or the log is asked.",
)
@click.option(
    "--limit",
    "newest",
    type=click.IntRange(min=1),
    default=_LIMIT,
    show_default=True,
    metavar="N",
    help="Read and show at most the N newest entries of a history; the count is that of the whole history.",
)
@freshness_options
@anchors_option
@log_options
@json_option
def command(
    kind: str,
    value: str,
    issuer_file: Path | None,
    newest: int,
    limits: Limits,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Show everything about a device, key, subscriber, service or certificate, proven complete.

    VALUE is an id in hex; the file of a certificate, which names its key, subscriber, devices and service, or of a
    request, which names its key; or for a device scheme:value, as yubico-piv-serial:28557046. Each answer is verified
    before it is shown: that nothing is left out, that each entry is in its log, and evidence under your own anchors.
    That there is nothing is proven, too.
    Exit code 1: an answer is not good, or the index is too old or too far behind to say.
    """
    asked = read_value(QuestionKind(kind), value, issuer_file)
    anchors = own_anchors(anchors_file)
    return asyncio.run(_lookup(Output(as_json), asked, newest, limits, anchors, logs))


async def _lookup(
    output: Output,
    asked: list[Question] | Certificate,
    newest: int,
    limits: Limits,
    anchors: AnchorSet,
    logs: GivenLogs,
) -> int:
    async with AsyncExitStack() as stack:
        addresses = await find_logs(logs)
        indexes = [await open_index(stack, address, limits) for address in addresses]
        questions = asked if isinstance(asked, list) else [await _find(asked, indexes)]
        good = True
        for question in questions:
            with output.progress("reading entries") as progress:
                report = await look_up(question, indexes, anchors, newest=newest, progress=progress)
            output.document(report.to_json())
            show_report(output, report)
            good = good and report.good
    return FINE if good else BAD_ANSWER


async def open_index(stack: AsyncExitStack, address: LogAddress, limits: Limits) -> LogIndex:
    """The index of a log, as long as `stack` is open.

    Raises:
        UsageError: the log states that it has none.
    """
    trust, place = address.trust, address.trust.index_url
    if place is None:
        raise UsageError(f"the trust.json of {trust.name} names no index: the log has none")
    fetcher = await stack.enter_async_context(HTTPFetcher(address.url, patience=_PATIENCE))
    below = place.removeprefix(f"{trust.base_url}/")
    if below != place:
        return LogIndex(trust, fetcher, limits, prefix=below)
    # An index may be served from elsewhere, the log from where --log says.
    answers = await stack.enter_async_context(HTTPFetcher(place, patience=_PATIENCE))
    return LogIndex(trust, fetcher, limits, prefix="", answers=answers)


async def _find(certificate: Certificate, logs: Sequence[LogIndex]) -> Question:
    """The question about a certificate whose issuer is not at hand."""
    for index in logs:
        found = await find_certificate(index, certificate)
        if found is not None:
            return Question(QuestionKind.CERTIFICATE, found)
    raise UsageError(
        "no log that was asked has the certificate; for a proof of that, give the certificate that issued it, with "
        "--issuer or behind it in the file: its id is made with the issuing key"
    )
