# SPDX-License-Identifier: Apache-2.0
"""`keystead explain`: the whole story of a finding with its proofs, or of a subscriber and why it is one."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from keystead.cli.exit_codes import FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import anchors_option, json_option, log_options, state_option
from keystead.cli.output import Output
from keystead.cli.story_output import show_story
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.client.trust import parse_trust
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError, UsageError
from keystead.monitor.findings import Finding
from keystead.monitor.found import show_time
from keystead.monitor.issuance_entries import MonitoredLog
from keystead.monitor.model import CertificateFacts
from keystead.monitor.profiles import Join
from keystead.monitor.proof_files import save_proofs
from keystead.monitor.reading import (
    SubscriberGroup,
    SubscriberStory,
    names_with,
    read_chronicle,
    read_finding,
    read_findings,
    read_subscriber,
)
from keystead.monitor.showing import listed
from keystead.monitor.store import Store

__all__ = ["command"]


@click.command()
@click.argument("what", metavar="FINDING|SUBSCRIBER")
@state_option
@click.option(
    "--proofs",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Fetch what proves the finding, verify it, and write it there: entries, tlog-proofs, evidence.",
)
@anchors_option
@log_options
@json_option
def command(
    what: str,
    state: Path,
    proofs: Path | None,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Tell the whole story of a finding, or of a subscriber.

    A finding is named by its id or the beginning of it, a subscriber by its id or its name. Nothing is fetched, but for
    --proofs; a monitor may be running on the state.
    """
    output, anchors, now_ms = Output(as_json), own_anchors(anchors_file), time.time_ns() // 1_000_000
    finding = read_finding(state, anchors, now_ms, what)
    if finding is None:
        if proofs is not None:
            raise UsageError(f"{state} has no finding {what}, and --proofs is for findings")
        story = read_subscriber(state, anchors, now_ms, _subscriber(what))
        if not story.groups:
            raise UsageError(f"{state} knows no finding and no subscriber {what!r}{_meant(state, what)}")
        _show_subscriber(output, story, read_findings(state, anchors, now_ms))
        return FINE
    show_story(output, finding, read_chronicle(state, anchors, finding))
    if proofs is not None:
        addresses = asyncio.run(_addresses(state, finding, logs))
        written = asyncio.run(_save(finding, addresses, proofs))
        output.document({"proofs": [str(path) for path in written]})
        output.text(f"{len(written)} files in {proofs}, each verified against its log's checkpoint")
    return FINE


def _meant(state: Path, what: str) -> str:
    """Who may be meant by a part of a name."""
    near = names_with(state, what)
    return f"; did you mean {listed(repr(name) for name in near)}?" if near else ""


def _subscriber(what: str) -> bytes | str:
    try:
        return decode_digest(what)
    except ParseError:
        return what


async def _addresses(state: Path, finding: Finding, logs: GivenLogs) -> list[LogAddress]:
    """The logs of the command line, or those that the monitor followed and that the finding names."""
    if logs.named:
        return await find_logs(logs, state)
    named = {name.origin for name in (*finding.entries, *finding.statements)}
    with Store.reading(state) as db:
        trusts = [parse_trust(raw) for raw in _trusts(db)]
    return [
        LogAddress(trust.base_url, trust)
        for trust in trusts
        if named & {trust.issuance.key.origin, trust.statements.key.origin}
    ]


def _trusts(db: sqlite3.Connection) -> list[bytes]:
    return [raw for (raw,) in db.execute("SELECT trust FROM log ORDER BY id")]


async def _save(finding: Finding, logs: list[LogAddress], folder: Path) -> list[Path]:
    async with AsyncExitStack() as stack:
        followed = [
            MonitoredLog(log.trust, await stack.enter_async_context(HTTPFetcher(log.url))) for log in logs
        ]
        return await save_proofs(finding, followed, folder)


def _show_subscriber(output: Output, story: SubscriberStory, findings: Sequence[Finding]) -> None:
    by_group = [_concerning(group, findings) for group in story.groups]
    output.document(_to_json(story, by_group))
    for number, (group, concerning) in enumerate(zip(story.groups, by_group, strict=True), 1):
        names = sorted({profile.label for profile in group.profiles})
        output.heading(f"Subscriber {number}: {', '.join(names)}")
        output.table(
            ["subscriber id", "called", "country", "place", "vetted by", "identifiers"],
            [
                [
                    profile.subscriber_id.hex()[:16] + "…",
                    profile.label,
                    "" if profile.name is None else profile.name[0],
                    " / ".join(filter(None, profile.place)),
                    ", ".join(sorted(profile.issuers)),
                    "; ".join(_identifiers(profile.strong)),
                ]
                for profile in group.profiles
            ],
        )
        for join in group.joins:
            output.text(f"Joined by {_joined(join)}: {len(join.members)} of these")
        if len(group.profiles) > 1 and not group.joins:
            output.text("Equal in everything that tells subscribers apart")
        if len(group.profiles) == 1:
            output.text("All its certificates say the same of it, and nothing else was joined to it")
        output.table(
            ["certificate", "CA", "serial", "valid", "entries"],
            [_row(certificate) for certificate in group.certificates],
        )
        for finding in concerning:
            output.text(f"{finding.state.value}, {finding.severity.text}: finding {finding.id.hex()[:16]}…")
            output.text(f"  {finding.summary}")
        if not concerning:
            output.text("No finding concerns it")
        output.text("")
    for first, second, comparison in story.comparisons:
        output.text(
            f"Subscribers {first + 1} and {second + 1}: {comparison.sameness.value}; {comparison.why}"
        )


def _identifiers(strong: Any) -> list[str]:
    found = [] if strong.registration is None else [f"registration {'/'.join(strong.registration)}"]
    found += [] if strong.organization is None else [f"organization {'-'.join(strong.organization)}"]
    found += [] if strong.lei is None else [f"lei {strong.lei}"]
    return found + ([] if strong.eku is None else [f"eku {strong.eku}"])


def _joined(join: Join) -> str:
    where = (
        "" if join.statement is None else f" (statement {join.statement.index} of {join.statement.origin})"
    )
    return f"{join.kind} {join.value}{where}"


def _row(certificate: CertificateFacts) -> list[str]:
    return [
        certificate.certificate_id.hex()[:16] + "…",
        certificate.issuer,
        certificate.serial,
        f"{show_time(certificate.valid.start)[:10]} to {show_time(certificate.live.end - 1000)[:10]}",
        ", ".join(f"{entry.name.origin} {entry.name.index}" for entry in certificate.entries),
    ]


def _concerning(group: SubscriberGroup, findings: Sequence[Finding]) -> list[Finding]:
    ids = {profile.subscriber_id for profile in group.profiles}
    certificates = {certificate.certificate_id for certificate in group.certificates}
    return [
        finding
        for finding in findings
        if any(not ids.isdisjoint(subscriber.ids) for subscriber in finding.subscribers)
        # An id that two subscribers share is not enough.
        and any(one.certificate_id in certificates for one in finding.certificates)
    ]


def _to_json(story: SubscriberStory, findings: Sequence[Sequence[Finding]]) -> dict[str, Any]:
    return {
        "subscribers": [
            {**_group_json(group), "findings": [finding.id.hex() for finding in concerning]}
            for group, concerning in zip(story.groups, findings, strict=True)
        ],
        "comparisons": [
            {"subscribers": [first, second], "answer": comparison.sameness.value, "why": comparison.why}
            for first, second, comparison in story.comparisons
        ],
    }


def _group_json(group: SubscriberGroup) -> dict[str, Any]:
    return {
        "names": sorted({profile.label for profile in group.profiles}),
        "ids": sorted({profile.subscriber_id.hex() for profile in group.profiles}),
        "joined_by": [
            {
                "kind": join.kind,
                "value": join.value,
                "statement": None if join.statement is None else join.statement.to_json(),
                "ids": sorted(
                    {
                        profile.subscriber_id.hex()
                        for profile in group.profiles
                        if profile.number in join.members
                    }
                ),
            }
            for join in group.joins
        ],
        "certificates": [
            {
                "certificate_id": certificate.certificate_id.hex(),
                "issuer": certificate.issuer,
                "serial": certificate.serial,
                "not_before": show_time(certificate.valid.start),
                "not_after": show_time(certificate.valid.end - 1000),
                "entries": [entry.name.to_json() for entry in certificate.entries],
            }
            for certificate in group.certificates
        ],
    }
