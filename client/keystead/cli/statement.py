# SPDX-License-Identifier: Apache-2.0
"""`keystead statement`: a party's key; statements made, signed and logged.

The steps are apart so that the key can live on a machine of its own: `new` writes a payload, `sign` an envelope,
`submit` logs it. `new KIND … --sign KEY --submit` is all three at once.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from keystead.cli.given_logs import GivenLogs
from keystead.cli.inputs import read_file, read_statement_key
from keystead.cli.logs import find_logs
from keystead.cli.options import existing_file, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.statement_delivery import describe, put_out, submit_envelopes
from keystead.cli.statement_kinds import new
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError, StatementError, UsageError
from keystead.statements.dsse import Envelope, parse_envelope, sign_envelope
from keystead.statements.payloads import KINDS, Statement, parse_payload, parse_statement
from keystead.statements.statement_key import SigningKey, keyid_of, spki_of

__all__ = ["command"]


@click.group()
def command() -> None:
    """Make a party's key; make, sign and log statements."""


command.add_command(new)


@command.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="KEY.pem", help="A new file.")
@click.option(
    "--type",
    "key_type",
    type=click.Choice(["ed25519", "p256", "p384"]),
    default="ed25519",
    show_default=True,
    help="P-256 and P-384 are what most hardware crypto modules have.",
)
@json_option
def keygen(out: Path, key_type: str, as_json: bool) -> None:
    """Make the key with which a CA, an auditor or an operator signs statements.

    The private key is written for its owner alone (mode 0600); the public key goes beside it, as KEY.pub.pem, for
    the log's policy. Keep a copy of the private key where a fire does not reach: an operator that loses it must
    found a new service.
    """
    key = _new_key(key_type)
    public = out.with_name(f"{out.stem}.pub.pem")
    if public.exists():
        raise UsageError(f"{public} is there already: give another --out")
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_new(out, private_pem, 0o600)
    _write_new(public, public_pem, 0o644)
    spki = spki_of(key)
    output = Output(as_json)
    output.document(
        {
            "private_key": str(out),
            "public_key": str(public),
            "type": key_type,
            "keyid": keyid_of(spki),
            "key": encode_base64(spki),
        }
    )
    output.pairs(
        ("private key", f"{out} (yours alone)"),
        ("public key", str(public)),
        ("keyid", keyid_of(spki)),
    )
    output.text(*public_pem.decode().splitlines())


def _new_key(key_type: str) -> SigningKey:
    if key_type == "ed25519":
        return Ed25519PrivateKey.generate()
    return generate_private_key(SECP256R1() if key_type == "p256" else SECP384R1())


def _write_new(path: Path, data: bytes, mode: int) -> None:
    # O_EXCL: a key is never overwritten. The mode is there from the first moment, whatever the umask allows.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already: give another --out") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@command.command()
@click.argument("payload", type=existing_file)
@click.option("--key", "key_file", type=existing_file, required=True, metavar="KEY.pem", help="Signs it.")
@click.option(
    "--kind", type=click.Choice(list(KINDS)), help="What the payload is; found out by its members by default."
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Where the envelope goes.")
@json_option
def sign(payload: Path, key_file: Path, kind: str | None, out: Path | None, as_json: bool) -> None:
    """Sign a PAYLOAD, exactly as its bytes are, and print or write the envelope."""
    key = read_statement_key(key_file)
    data = read_file(payload)
    statement = _recognized(data, payload, kind)
    envelope = sign_envelope(key, statement.payload_type, data)
    put_out(Output(as_json), envelope.encode(), out, describe(statement, envelope))


def _recognized(data: bytes, path: Path, kind: str | None) -> Statement:
    """The statement that a payload is; kinds differ in the members that they must have."""
    reasons = []
    for name, known in KINDS.items():
        if kind in {None, name}:
            try:
                return parse_payload(known, data)
            except (ParseError, StatementError) as error:
                reasons.append(error)
    if kind is not None or isinstance(reasons[0], StatementError):
        raise UsageError(f"{path}: {reasons[0]}") from reasons[0]
    contradicted = [reason for reason in reasons if isinstance(reason, StatementError)]
    if contradicted:
        raise UsageError(f"{path}: {contradicted[0]}") from contradicted[0]
    raise UsageError(
        f"{path} is no payload of a known kind; say with --kind which it is, to see what it lacks"
    )


@command.command()
@click.argument("envelopes", nargs=-1, required=True, type=existing_file)
@log_options
@json_option
def submit(
    envelopes: tuple[Path, ...],
    logs: GivenLogs,
    as_json: bool,
) -> int:
    """Log signed statements, in the order in which they are given, and verify that they are in the log.

    A statement is for the one log that it names. What is logged already is answered again.
    """
    read = [(str(path), _read_envelope(path)) for path in envelopes]
    return asyncio.run(_submit(Output(as_json), read, logs))


async def _submit(
    output: Output,
    envelopes: Sequence[tuple[str, Envelope]],
    logs: GivenLogs,
) -> int:
    return await submit_envelopes(output, envelopes, await find_logs(logs))


def _read_envelope(path: Path) -> Envelope:
    try:
        envelope = parse_envelope(read_file(path))
        parse_statement(envelope)
    except (ParseError, StatementError) as error:
        raise ParseError(f"{path}: {error}") from error
    return envelope
