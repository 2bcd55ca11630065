# SPDX-License-Identifier: Apache-2.0
"""`keystead submit`: log certificates or precertificates, with their evidence; the promises verified."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from keystead.certificate.name import display
from keystead.certificate.x509 import parse_certificate
from keystead.cli.evidence_files import collect_files
from keystead.cli.exit_codes import FINE, exit_code
from keystead.cli.inputs import read_certificates, read_chain
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import anchors_option, existing_file, existing_path, json_option, log_options
from keystead.cli.output import Output, Progress
from keystead.cli.terminal import print_error, print_note
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain, submit_chain
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import Piece, identify
from keystead.devices.evidence import Evidence
from keystead.encoding.rfc3339 import format_time
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import EvidenceError, KeysteadError, ParseError, RefusedError, UsageError

__all__ = ["command"]

_PARALLEL = 16
"""Submissions under way at once; a log takes them in one batch."""


@dataclass(frozen=True, slots=True)
class _Submission:
    """One chain for one log."""

    file: Path
    chain: tuple[bytes, ...]
    evidence: tuple[Evidence, ...]
    log: LogAddress


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a submission."""

    submission: _Submission
    result: LoggedChain | KeysteadError


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
@anchors_option
@log_options
@json_option
def command(
    chains: tuple[Path, ...],
    evidence_paths: tuple[Path, ...],
    issuer_files: tuple[Path, ...],
    anchors_file: Path | None,
    log_urls: tuple[str, ...],
    trust_files: tuple[Path, ...],
    witness_policy: Path | None,
    as_json: bool,
) -> int:
    """Log certificates or precertificates (their poison says which they are).

    Each CHAIN.pem has the certificate first, then the CA that issued it and those above; the root may be left
    out. The log's promise and its proof are verified before anything is shown. The answer has the promise ready
    to embed. What is logged already is answered again, from its first time.
    """
    output = Output(as_json)
    read = [_read_chain(path, issuer_files) for path in chains]
    beside = _evidence_beside(read, evidence_paths, own_anchors(anchors_file))
    submissions = list(zip(chains, read, beside, strict=True))
    outcomes = asyncio.run(_submit(output, submissions, log_urls, trust_files, witness_policy))
    _table(output, outcomes)
    failed = [outcome.result for outcome in outcomes if isinstance(outcome.result, KeysteadError)]
    return max(map(exit_code, failed), default=FINE)


def _read_chain(path: Path, issuer_files: Sequence[Path]) -> tuple[bytes, ...]:
    chain = read_certificates(path)
    if len(chain) == 1:
        chain += read_chain(issuer_files)
    try:
        certificates = [parse_certificate(der) for der in chain]
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
    if len(chain) == 1 and certificates[0].issuer != certificates[0].subject:
        raise UsageError(
            f"{path} holds the certificate alone: put the CA's certificate behind it, or give it with --issuers"
        )
    return tuple(chain)


def _evidence_beside(
    chains: Sequence[Sequence[bytes]], paths: Sequence[Path], anchors: AnchorSet
) -> list[tuple[Evidence, ...]]:
    """For each chain, the evidence that goes with it: that which attests its key.

    The attested key is known of evidence that verifies here. A log knows anchors that we may not, so one chain gets
    what cannot be verified here as well, and what is wrong is the log's to refuse; of several chains, it could
    be any's.
    """
    pieces = collect_files(paths, anchors).pieces if paths else ()
    keys = [parse_certificate(chain[0]).key_hash for chain in chains]
    if len(keys) == 1:
        return [_evidence_for(keys[0], pieces, anchors)]
    beside: dict[bytes, list[Evidence]] = {key: [] for key in keys}
    for piece in pieces:
        key = identify(piece, anchors).key_hash
        if key not in beside:
            raise UsageError(f"{', '.join(piece.files)} attests a key that is in none of the certificates")
        beside[key].append(piece.evidence)
    return [tuple(beside[key]) for key in keys]


def _evidence_for(key: bytes, pieces: Sequence[Piece], anchors: AnchorSet) -> tuple[Evidence, ...]:
    """All pieces; where one of them attests the key, without those that attest others, such as other slots."""
    attested: list[bytes | None] = []
    for piece in pieces:
        try:
            attested.append(identify(piece, anchors).key_hash)
        except EvidenceError:
            attested.append(None)
    if key not in attested:
        return tuple(piece.evidence for piece in pieces)
    kept = []
    for piece, about in zip(pieces, attested, strict=True):
        if about in {None, key}:
            kept.append(piece.evidence)
        else:
            print_note(f"{', '.join(piece.files)}: not sent: it attests another key")
    return tuple(kept)


async def _submit(
    output: Output,
    read: Sequence[tuple[Path, tuple[bytes, ...], tuple[Evidence, ...]]],
    log_urls: Sequence[str],
    trust_files: Sequence[Path],
    witness_policy: Path | None,
) -> list[_Outcome]:
    logs = await find_logs(log_urls, trust_files, witness_policy=witness_policy)
    submissions = [_Submission(file, chain, evidence, log) for file, chain, evidence in read for log in logs]
    room = asyncio.Semaphore(_PARALLEL)
    async with AsyncExitStack() as stack:
        fetchers = {
            log.url: await stack.enter_async_context(HTTPFetcher(log.url, connections=_PARALLEL))
            for log in logs
        }
        with output.progress("submitting", len(submissions)) as progress:
            return await asyncio.gather(
                *(_submit_one(output, fetchers[each.log.url], each, room, progress) for each in submissions)
            )


async def _submit_one(
    output: Output, fetcher: HTTPFetcher, submission: _Submission, room: asyncio.Semaphore, progress: Progress
) -> _Outcome:
    log = submission.log
    about = {"file": str(submission.file), "log": log.trust.issuance.key.origin}
    result: LoggedChain | KeysteadError
    async with room:
        try:
            result = await submit_chain(fetcher, log.trust, submission.chain, submission.evidence)
        except KeysteadError as error:
            result = error
    progress.advance()
    if isinstance(result, KeysteadError):
        output.document({**about, "error": _error(result)})
        print_error(f"{submission.file}: {_sentence(result)}")
    else:
        output.document({**about, **_to_json(result)})
    return _Outcome(submission, result)


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
        "verdict": None,  # nobody asked for a check
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
                display(parse_certificate(outcome.submission.chain[0]).subject),
                f"{outcome.submission.log.trust.issuance.key.origin} {logged.entry.leaf_index}",
                format_time(logged.entry.timestamp // 1000),
                ", ".join(device.hex()[:16] for device in logged.devices) or "none",
                "none" if logged.statement_index is None else f"statement {logged.statement_index}",
            ]
        )
    if rows:
        output.table(["subject", "entry", "logged", "devices", "evidence"], rows)
    for outcome in outcomes:
        if not isinstance(outcome.result, KeysteadError):
            output.text(
                "",
                f"{outcome.submission.file}: certificate id {outcome.result.certificate_id.hex()}",
                "the promise, verified and proven, ready to stand inside extnValue of the SCT list (base64 DER):",
                encode_base64(outcome.result.sct_list),
            )
