# SPDX-License-Identifier: Apache-2.0
"""`keystead lint`: what is wrong with a certificate's device extension, and where."""

from pathlib import Path

import click

from keystead.certificate.device_identifier import scheme_name
from keystead.certificate.extension import SignatureCreationDevice, device_extension
from keystead.certificate.lint import Severity, lint
from keystead.certificate.name import display
from keystead.certificate.x509 import parse_certificate
from keystead.cli.exit_codes import BAD_ANSWER, FINE
from keystead.cli.inputs import read_certificates
from keystead.cli.options import existing_file, json_option
from keystead.cli.output import Output
from keystead.errors import ParseError

__all__ = ["command"]


@click.command()
@click.argument("certificate", type=existing_file)
@json_option
def command(certificate: Path, as_json: bool) -> int:
    """Explain the device extension of CERTIFICATE (PEM or DER; of a bundle, the first) and what to mend.

    Exit code 1 where there is an error: a log or its readers would refuse the certificate. Warnings and notes
    are 0.
    """
    output = Output(as_json)
    der = read_certificates(certificate)[0]
    problems = lint(der)
    extension = _extension(der)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    output.document(
        {
            "ok": not errors,
            "problems": [
                {
                    "code": problem.code,
                    "severity": problem.severity.value,
                    "message": problem.message,
                    "offset": problem.offset,
                }
                for problem in problems
            ],
            "extension": None if extension is None else _to_json(extension),
        }
    )
    _describe(output, der, extension)
    if problems:
        output.table(
            ["severity", "code", "at byte", "what, and what to do"],
            [
                [
                    problem.severity.value,
                    problem.code,
                    "" if problem.offset is None else str(problem.offset),
                    problem.message,
                ]
                for problem in problems
            ],
        )
    else:
        output.text("Nothing to mend.")
    return BAD_ANSWER if errors else FINE


def _extension(der: bytes) -> SignatureCreationDevice | None:
    try:
        return device_extension(parse_certificate(der))
    except ParseError:
        return None  # `lint` says why


def _to_json(extension: SignatureCreationDevice) -> dict[str, object]:
    return {
        "devices": [
            {"scheme": scheme_name(device.scheme_oid), "device_id": device.device_id.hex()}
            for device in extension.devices
        ],
        "method": extension.method.text,
        "evidence_digest": None if extension.evidence_digest is None else extension.evidence_digest.hex(),
        "service": None if extension.service is None else extension.service.hex(),
    }


def _describe(output: Output, der: bytes, extension: SignatureCreationDevice | None) -> None:
    try:
        output.heading(display(parse_certificate(der).subject))
    except ParseError:
        output.heading("no certificate")
    if extension is None:
        return
    for device in extension.devices:
        output.pairs(("device", f"{device.device_id.hex()} ({scheme_name(device.scheme_oid)})"))
    output.pairs(
        ("method", f"{extension.method.text} ({extension.method.value})"),
        ("evidence digest", extension.evidence_digest.hex() if extension.evidence_digest else "none"),
        ("service", extension.service.hex() if extension.service else "none"),
    )
