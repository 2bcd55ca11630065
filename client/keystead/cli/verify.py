# SPDX-License-Identifier: Apache-2.0
"""`keystead verify`: what logs promised about a certificate, whether they keep it now, and what is said about it."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import click

from keystead.audit.certificate_check.check import CertificateQuestion, verify_certificate
from keystead.audit.certificate_check.promise import read_promises
from keystead.audit.certificate_check.report import CertificateReport, CheckedPromise, shown_time
from keystead.certificate.name import display
from keystead.certificate.x509 import parse_certificate
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.inputs import read_certificates, read_file
from keystead.cli.logs import find_logs
from keystead.cli.options import anchors_option, existing_file, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.verify_record import verify_record
from keystead.client.anchors_file import own_anchors
from keystead.client.http import HTTPFetcher
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError, UsageError

__all__ = ["command"]


@click.command()
@click.argument("certificate", required=False, type=existing_file, metavar="CERT.pem")
@click.option(
    "--record",
    "record_file",
    type=existing_file,
    metavar="FILE",
    help="Instead of a certificate: what `keystead check --record` kept. Nothing is fetched; give the log's --trust.",
)
@click.option(
    "--sct",
    "sct_files",
    multiple=True,
    type=existing_file,
    metavar="FILE",
    help="A promise beside those that the certificate carries: an SCT, a list of them, or a log's JSON answer.",
)
@click.option(
    "--issuer",
    "issuer_file",
    type=existing_file,
    metavar="FILE",
    help="The certificate that issued it. Without it, it is the second in CERT.pem, or what the log names.",
)
@click.option(
    "--promises-only",
    is_flag=True,
    help="Check promises and entries, and do not read what is said about them.",
)
@anchors_option
@log_options
@json_option
def command(
    certificate: Path | None,
    record_file: Path | None,
    sct_files: tuple[Path, ...],
    issuer_file: Path | None,
    promises_only: bool,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Verify what logs promised about a certificate, now.

    Each promise (SCT) of a given log must be signed by it, and its entry be in the tree under the log's current
    checkpoint. Then the statements about the certificate are read, and its evidence is verified again under your own
    anchors. Exit code 1: a promise is missing or not kept, or something is wrong. With --record: a check is decided
    again from what was kept of it, offline.
    """
    if (certificate is None) is (record_file is None):
        raise UsageError("give the file of a certificate, or a record with --record")
    if record_file is not None:
        return verify_record(Output(as_json), record_file, own_anchors(anchors_file), logs)
    assert certificate is not None  # noqa: S101 -- one of the two is given
    chain = read_certificates(certificate)
    issuers = read_certificates(issuer_file) if issuer_file is not None else chain[1:]
    question = CertificateQuestion(
        certificate=parse_certificate(chain[0]),
        issuer=parse_certificate(issuers[0]) if issuers else None,
        promises=tuple(sct for path in sct_files for sct in _read_promises(path)),
        anchors=own_anchors(anchors_file),
        promises_only=promises_only,
    )
    return asyncio.run(_verify(Output(as_json), question, logs))


def _read_promises(path: Path) -> list[bytes]:
    try:
        return read_promises(read_file(path))
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error


async def _verify(
    output: Output,
    question: CertificateQuestion,
    logs: GivenLogs,
) -> int:
    async with AsyncExitStack() as stack:
        followed = [
            (log.trust, await stack.enter_async_context(HTTPFetcher(log.url)))
            for log in await find_logs(logs)
        ]
        with output.progress("reading statements") as progress:
            report = await verify_certificate(question, followed, progress)
    output.document(report.to_json())
    _show(output, report)
    return FINE if report.ok else BAD_ANSWER


def _show(output: Output, report: CertificateReport) -> None:
    certificate = report.certificate
    output.heading(display(certificate.subject))
    output.pairs(
        ("issued by", display(certificate.issuer)),
        ("valid", f"{shown_time(certificate.not_before)} to {shown_time(certificate.not_after)}"),
        *((("certificate id", report.certificate_id.hex()),) if report.certificate_id is not None else ()),
        *(("promise", _promise(promise)) for promise in report.promises),
        *(
            (
                "device",
                f"{each.scheme}:{each.value or each.device_id.hex()}: {each.assurance}, says {each.by}",
            )
            for each in report.devices
        ),
        *(("service", service.hex()) for service in report.services),
        *((("revoked", "yes"),) if report.revoked else ()),
    )
    if not report.devices:
        output.text("No device is named.")
    if report.statements:
        output.table(
            ["statement", "said by", "logged", "counts", "says"],
            [
                [
                    f"{each.log} {each.index}",
                    each.party or "the log",
                    shown_time(each.time // 1000),
                    "yes" if each.counts else "no",
                    each.says,
                ]
                for each in report.statements
            ],
        )
    elif report.statements is not None:
        output.text("No statement about it is logged.")
    if report.problems:
        output.table(
            ["code", "log", "what is wrong"],
            [[problem.code, problem.log, problem.sentence] for problem in report.problems],
        )
    else:
        output.text("Every promise is kept, and nothing is wrong.")


def _promise(promise: CheckedPromise) -> str:
    time = "" if promise.timestamp is None else f", made {shown_time(promise.timestamp // 1000)}"
    where = "embedded" if promise.embedded else "given beside it"
    if promise.log is None:
        return f"by a log that was not given ({encode_base64(promise.log_id) or 'unreadable'}), {where}{time}"
    if promise.kept:
        return (
            f"of {promise.log}, {where}{time}: signed, and entry {promise.leaf_index} is in its tree of "
            f"{promise.tree_size} entries"
        )
    return f"of {promise.log}, {where}{time}: not shown to be kept"
