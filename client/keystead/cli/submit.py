# SPDX-License-Identifier: Apache-2.0
"""`keystead submit`: log certificates or precertificates, with their evidence; the promises verified; and, with
`--check`, the question whether anybody was on the device before."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from keystead.certificate.name import display
from keystead.certificate.x509 import parse_certificate
from keystead.cli.check_output import show_answer
from keystead.cli.exit_codes import FINE, exit_code
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import (
    anchors_option,
    existing_file,
    existing_path,
    freshness_options,
    json_option,
    log_options,
)
from keystead.cli.output import Output, Progress
from keystead.cli.submit_check import CheckedChain, Checking, check_options, read_checking
from keystead.cli.submit_inputs import evidence_beside, read_whole_chain
from keystead.cli.terminal import print_error
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain, submit_chain
from keystead.devices.evidence import Evidence
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import KeysteadError, RefusedError
from keystead.lookup.log_index import Limits

__all__ = ["command"]

_PARALLEL = 16
"""Submissions under way at once; a log takes them in one batch."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """One chain, and the evidence beside it."""

    file: Path
    chain: tuple[bytes, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a chain at one log, and of the question about it."""

    chain: _Chain
    log: LogAddress
    result: LoggedChain | KeysteadError
    checked: CheckedChain | None = None


@click.command()
@click.argument("chains", nargs=-1, required=True, type=existing_file, metavar="CHAIN.pem…")
@click.option(
    "--evidence",
    "evidence_paths",
    multiple=True,
    type=existing_path,
    metavar="E",
    help="Attestation evidence, as for `keystead identify`; repeat for several files. With several chains, each "
    "piece goes beside the chain whose key it attests.",
)
@click.option(
    "--issuers",
    "issuer_files",
    multiple=True,
    type=existing_file,
    metavar="FILE.pem",
    help="The issuing CA's certificate and those above it, for files that hold the certificate alone.",
)
@check_options
@freshness_options
@anchors_option
@log_options
@json_option
def command(
    chains: tuple[Path, ...],
    evidence_paths: tuple[Path, ...],
    issuer_files: tuple[Path, ...],
    limits: Limits,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
    **check: Any,
) -> int:
    """Log certificates or precertificates (their poison says which they are).

    Each CHAIN.pem has the certificate first, then the CA that issued it and those above; the root may be left
    out. The log's promise and its proof are verified before anything is shown. The answer has the promise ready
    to embed. What is logged already is answered again, from its first time.

    With --check, the devices are looked up once the index covers the entry, in every log that is given: the sure way
    when CAs race, for who stood on a device first goes ahead, and the other one is told. Exit code 1: shared.
    """
    output = Output(as_json)
    anchors = own_anchors(anchors_file)
    read = [read_whole_chain(path, issuer_files) for path in chains]
    beside = evidence_beside(read, evidence_paths, anchors)
    checking = read_checking(check, limits, anchors, read)
    named = [_Chain(*each) for each in zip(chains, read, beside, strict=True)]
    outcomes = asyncio.run(_submit(output, named, checking, logs))
    _table(output, outcomes)
    codes = [exit_code(outcome.result) for outcome in outcomes if isinstance(outcome.result, KeysteadError)]
    codes += [outcome.checked.exit_code for outcome in outcomes if outcome.checked is not None]
    return max(codes, default=FINE)


async def _submit(
    output: Output,
    chains: Sequence[_Chain],
    checking: Checking | None,
    logs: GivenLogs,
) -> list[_Outcome]:
    addresses = await find_logs(logs)
    if checking is not None:
        await checking.prepare(addresses, logs.witness_policy)
    room = asyncio.Semaphore(_PARALLEL)
    async with AsyncExitStack() as stack:
        fetchers = {
            log.url: await stack.enter_async_context(HTTPFetcher(log.url, connections=_PARALLEL))
            for log in addresses
        }
        steps = len(addresses) if checking is None else 2 * len(addresses) + len(checking.others)
        what = "submitting" if checking is None else "submitting, and waiting for the index"
        with output.progress(what, len(chains) * steps) as progress:
            found = await asyncio.gather(
                *(_submit_one(output, fetchers, addresses, each, checking, room, progress) for each in chains)
            )
    return [outcome for outcomes in found for outcome in outcomes]


async def _submit_one(
    output: Output,
    fetchers: dict[str, HTTPFetcher],
    logs: Sequence[LogAddress],
    chain: _Chain,
    checking: Checking | None,
    room: asyncio.Semaphore,
    progress: Progress,
) -> list[_Outcome]:
    """One chain: at every log, and then the question about it."""

    async def at(log: LogAddress) -> LoggedChain | KeysteadError:
        async with room:
            try:
                return await submit_chain(fetchers[log.url], log.trust, chain.chain, chain.evidence)
            except KeysteadError as error:
                return error
            finally:
                progress.advance()

    results = await asyncio.gather(*(at(log) for log in logs))
    checked = None
    if checking is not None:
        logged = [
            (log, result)
            for log, result in zip(logs, results, strict=True)
            if isinstance(result, LoggedChain)
        ]
        async with room:
            refused = [log for log in logs if all(log is not other for other, _ in logged)]
            checked = await checking.check(chain.chain, logged, progress, refused)
    outcomes = [_Outcome(chain, log, result, checked) for log, result in zip(logs, results, strict=True)]
    for outcome in outcomes:
        _show(output, outcome)
    if checked is not None:
        for sentence in checked.complaints:
            print_error(f"{chain.file}: {sentence}")
    return outcomes


def _show(output: Output, outcome: _Outcome) -> None:
    origin = outcome.log.trust.issuance.key.origin
    about = {"file": str(outcome.chain.file), "log": origin}
    checked = outcome.checked
    if isinstance(outcome.result, KeysteadError):
        output.document({**about, "error": _error(outcome.result)})
        print_error(f"{outcome.chain.file}: {_sentence(outcome.result)}")
    else:
        asked = {"verdict": None} if checked is None else checked.to_json(origin)
        output.document({**about, **_to_json(outcome.result), **asked})


def _error(error: KeysteadError) -> dict[str, Any]:
    code = error.code if isinstance(error, RefusedError) else getattr(error, "check", "") or None
    return {"code": code, "message": str(error)}


def _sentence(error: KeysteadError) -> str:
    return f"the log refuses it: {error} ({error.code})" if isinstance(error, RefusedError) else str(error)


def _to_json(logged: LoggedChain) -> dict[str, Any]:
    return {
        "leaf_index": logged.entry.leaf_index,
        "statement_index": logged.statement_index,
        "timestamp": logged.entry.timestamp,
        "serialized_sct": encode_base64(logged.serialized_sct),
        "sct_list": encode_base64(logged.sct_list),
        "certificate_id": logged.certificate_id.hex(),
        "devices": [device.hex() for device in logged.devices],
        "proof": logged.proof.encode(),
    }


def _table(output: Output, outcomes: Sequence[_Outcome]) -> None:
    rows = []
    for outcome in outcomes:
        logged = outcome.result
        if isinstance(logged, KeysteadError):
            continue
        rows.append(
            [
                display(parse_certificate(outcome.chain.chain[0]).subject),
                f"{outcome.log.trust.issuance.key.origin} {logged.entry.leaf_index}",
                format_time(logged.entry.timestamp // 1000),
                ", ".join(device.hex()[:16] for device in logged.devices) or "none",
                "none" if logged.statement_index is None else f"statement {logged.statement_index}",
                *([] if outcome.checked is None else [outcome.checked.word]),
            ]
        )
    if rows:
        columns = ["subject", "entry", "logged", "devices", "evidence"]
        output.table([*columns, *(["verdict"] if len(rows[0]) > len(columns) else [])], rows)
    shown: set[Path] = set()
    for outcome in outcomes:
        if outcome.checked is not None and outcome.chain.file not in shown:
            shown.add(outcome.chain.file)
            output.text("", f"{outcome.chain.file}:")
            show_answer(output, outcome.checked.answer)
            output.text(*outcome.checked.remarks)
    for outcome in outcomes:
        if not isinstance(outcome.result, KeysteadError):
            output.text(
                "",
                f"{outcome.chain.file}: certificate id {outcome.result.certificate_id.hex()}",
                "the promise, verified and proven, ready to stand inside extnValue of the SCT list (base64 DER):",
                encode_base64(outcome.result.sct_list),
            )
