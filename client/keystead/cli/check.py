# SPDX-License-Identifier: Apache-2.0
"""`keystead check`: has this device been seen under another subscriber, and is it covered? Answered from proofs."""

import asyncio
from pathlib import Path

import click

from keystead.check.question import Question
from keystead.cli.check_logs import Desk
from keystead.cli.check_output import show_answer
from keystead.cli.check_question import read_question
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.logs import find_logs
from keystead.cli.options import (
    DIGEST,
    anchors_option,
    existing_file,
    existing_path,
    freshness_options,
    json_option,
    log_options,
)
from keystead.cli.output import Output
from keystead.cli.terminal import print_error
from keystead.client.anchors_file import own_anchors
from keystead.devices.anchors import AnchorSet
from keystead.errors import UsageError
from keystead.lookup.log_index import Limits

__all__ = ["command"]


@click.command()
@click.option(
    "--device",
    metavar="DEVICE",
    help="The device: its id in hex, or scheme:value, as yubico-piv-serial:28557046.",
)
@click.option(
    "--evidence",
    "evidence_paths",
    multiple=True,
    type=existing_path,
    metavar="E",
    help="Attestation evidence for the key, as for `keystead identify`: the devices are those that it proves.",
)
@click.option(
    "--cert",
    "certificate",
    type=existing_file,
    metavar="C.pem",
    help="A certificate: its devices, by its extension and by what is logged. It is what is asked about, unless "
    "--subscriber is somebody else.",
)
@click.option(
    "--subscriber",
    metavar="WHO",
    help="Whom the certificate is for: the file of a PKCS#10 request or of a certificate, or a name as "
    "O=Alpha AB,C=SE.",
)
@click.option(
    "--issuer",
    type=existing_file,
    metavar="CA.pem",
    help="Your CA's certificate, which vets the subscriber: equal names are one subscriber if one CA vetted both. By "
    "default what stands behind the certificate in its file.",
)
@click.option("--service", type=DIGEST, metavar="HEX", help="The signing service that will hold the key.")
@click.option(
    "--record",
    "record_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep everything that the answer was made from, for `keystead verify --record FILE`, offline, years later.",
)
@freshness_options
@anchors_option
@log_options
@json_option
def command(
    device: str | None,
    evidence_paths: tuple[Path, ...],
    certificate: Path | None,
    subscriber: str | None,
    issuer: Path | None,
    service: bytes | None,
    record_file: Path | None,
    limits: Limits,
    anchors_file: Path | None,
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Ask before issuing: is this device seen under another subscriber, and is it covered by an audited service?

    The verdict is clear, same-subscriber, covered or shared. Every answer of a log is verified: that nothing is left
    out, that each entry is in the log, evidence under your own anchors. Of several logs the worst verdict counts.
    Two CAs that check at the same time do not see each other: `keystead submit --check` is the sure way. Exit code 1:
    shared, or an index too old or too far behind to say, or a log that lies.
    """
    anchors = own_anchors(anchors_file)
    question = read_question(device, evidence_paths, certificate, subscriber, issuer, service, anchors)
    question.check(anchors)
    return asyncio.run(
        _check(
            Output(as_json),
            question,
            anchors,
            limits,
            record_file,
            logs,
        )
    )


async def _check(
    output: Output,
    question: Question,
    anchors: AnchorSet,
    limits: Limits,
    record_file: Path | None,
    logs: GivenLogs,
) -> int:
    addresses = await find_logs(logs)
    desk = Desk(anchors, limits, keep=record_file is not None)
    with output.progress("reading entries") as progress:
        for address in addresses:
            await desk.ask(address, question, progress)
        for address, further in desk.untold(question):
            await desk.ask(address, further, progress)
    answer = desk.answer
    if not answer.problems and not any(one.decision.devices for one in answer.logs):
        if any("ended" in one.decision.reasons for one in answer.logs):
            raise UsageError(
                "the certificate has ended, so it is on no device any more: ask about a new one, with --subscriber and "
                "--device or --evidence"
            )
        raise UsageError("the certificate names no device, and nothing that is logged says where its key is")
    if record_file is not None:
        desk.write_record(record_file, question)
    output.document(answer.to_json())
    show_answer(output, answer)
    if not question.issuer and any("perhaps-same" in one.decision.reasons for one in answer.logs):
        output.text(
            "Equal names are one subscriber if your CA vetted both: give its certificate with --issuer."
        )
    for problem in answer.problems:
        print_error(f"{problem.log}: {problem.sentence}")
    return FINE if answer.good else BAD_ANSWER
