# SPDX-License-Identifier: Apache-2.0
"""`keystead statement new`: what the commands of all kinds share.

Every command ends alike: the payload is printed or written; with `--sign` it is an envelope; with `--submit` it
is logged. `log` is filled in from the log's trust.json, `issued` from the clock.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from keystead.certificate.device_identifier import device_id
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import parse_certificate
from keystead.cli.exit_codes import FINE
from keystead.cli.given_logs import GivenLogs
from keystead.cli.inputs import read_certificates, read_public_key, read_statement_key
from keystead.cli.logs import LogAddress, find_logs
from keystead.cli.options import DIGEST, TIME, existing_file, json_option, log_options
from keystead.cli.output import Output
from keystead.cli.statement_delivery import describe, put_out, submit_envelopes
from keystead.encoding.rfc4648 import decode_digest
from keystead.errors import ParseError, StatementError, UsageError
from keystead.statements.payloads import (
    DeviceReference,
    Statement,
    service_id_of,
    sign_statement,
)

__all__ = [
    "CERTIFICATE_OPTIONS",
    "SERVICE_OPTIONS",
    "certificate_of",
    "devices_of",
    "kind",
    "new",
    "service_of",
]

_Maker = Callable[..., Statement]
"""Makes a statement from its options, with `log` (the origin) and `issued` (seconds) among them."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What every kind's command is told besides its own members."""

    logs: GivenLogs
    origin: str | None
    issued: int | None
    key_file: Path | None
    submit: bool
    out: Path | None
    as_json: bool


@click.group()
def new() -> None:
    """Make a statement of a KIND."""


def kind(name: str, *options: Callable[[Any], Any]) -> Callable[[_Maker], _Maker]:
    """A command of `new` that makes a statement with the decorated function and delivers it."""

    def decorate(maker: _Maker) -> _Maker:
        def callback(**given: Any) -> int:
            delivery = _Delivery(**{name: given.pop(name) for name in _Delivery.__dataclass_fields__})
            return asyncio.run(_deliver(delivery, maker, given))

        for option in (*reversed(_DELIVERY), *reversed(options)):
            callback = option(callback)
        new.command(name, help=maker.__doc__)(callback)
        return maker

    return decorate


_DELIVERY: tuple[Callable[[Any], Any], ...] = (
    log_options,
    click.option(
        "--origin", metavar="NAME/statements", help="The statement log, instead of --log or --trust."
    ),
    click.option("--issued", type=TIME, help="When the statement was made; now by default."),
    click.option(
        "--sign", "key_file", type=existing_file, metavar="KEY.pem", help="Sign it: write the envelope."
    ),
    click.option("--submit", is_flag=True, help="Log it at once; needs --sign."),
    click.option(
        "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write to a file, not to stdout."
    ),
    json_option,
)


async def _deliver(delivery: _Delivery, maker: _Maker, given: dict[str, Any]) -> int:
    if delivery.submit and delivery.key_file is None:
        raise UsageError("--submit needs --sign KEY.pem: the log takes signed statements")
    output = Output(delivery.as_json)
    logs: list[LogAddress] = []
    if delivery.origin is None or delivery.submit:
        logs = await find_logs(delivery.logs)
        if len(logs) != 1:
            raise UsageError("a statement is for one log: make one for each")
    origin = delivery.origin or logs[0].trust.statements.key.origin
    issued = int(time.time()) if delivery.issued is None else delivery.issued
    try:
        statement = maker(log=origin, issued=issued, **given)
    except StatementError as error:
        raise UsageError(str(error)) from error
    if delivery.key_file is None:
        put_out(output, statement.encode(), delivery.out, {"kind": statement.kind})
        return FINE
    envelope = sign_statement(read_statement_key(delivery.key_file), statement)
    if not delivery.submit:
        put_out(output, envelope.encode(), delivery.out, describe(statement, envelope))
        return FINE
    if delivery.out is not None:
        delivery.out.write_bytes(
            envelope.encode()
        )  # first: if the answer is lost, the same bytes can be sent again
    return await submit_envelopes(output, [(str(delivery.out or statement.kind), envelope)], logs)


SERVICE_OPTIONS = (
    click.option("--service", type=DIGEST, help="Service id; or give --founding-key and --service-name."),
    click.option(
        "--founding-key", type=existing_file, metavar="PUB.pem", help="The operator's first statement key."
    ),
    click.option("--service-name", help="The service's name, as in its audits."),
)


def service_of(service: bytes | None, founding_key: Path | None, service_name: str | None) -> bytes:
    """The service id that `SERVICE_OPTIONS` give.

    Raises:
        UsageError: none, or two that differ.
    """
    if founding_key is not None and service_name is not None:
        made = service_id_of(read_public_key(founding_key), service_name)
        if service not in {None, made}:
            raise UsageError("--service is not the id that --founding-key and --service-name make")
        return made
    if service is None:
        raise UsageError(
            "say which service: --service HEX, or --founding-key PUB.pem and --service-name NAME"
        )
    return service


def devices_of(listed: tuple[str, ...], option: str) -> tuple[DeviceReference, ...]:
    """Devices as `SCHEME:VALUE`, or `SCHEME=HEX` where only the id is known."""
    devices = []
    for text in listed:
        colon, equals = text.find(":"), text.find("=")
        try:
            if equals > 0 and (colon < 0 or equals < colon):
                devices.append(
                    DeviceReference(text[:equals], decode_digest(text[equals + 1 :], "the device id"))
                )
            else:
                scheme, _, value = text.partition(":")
                devices.append(DeviceReference(scheme, device_id(scheme, value)))
        except ParseError as error:
            raise UsageError(f"{option} {text}: {error}") from error
    return tuple(devices)


CERTIFICATE_OPTIONS = (
    click.option(
        "--certificate", type=DIGEST, help="Certificate id, as `keystead submit` answers it; or --chain."
    ),
    click.option(
        "--chain",
        type=existing_file,
        metavar="CHAIN.pem",
        help="The certificate and its issuer, as submitted.",
    ),
    click.option(
        "--index",
        "issuance_index",
        type=click.IntRange(min=0),
        required=True,
        help="The leaf index of its entry.",
    ),
)


def certificate_of(certificate: bytes | None, chain: Path | None) -> bytes:
    """The certificate id that `CERTIFICATE_OPTIONS` give.

    Raises:
        UsageError: none, or two that differ.
        ParseError: the chain cannot be read.
    """
    if chain is not None:
        made = _certificate_id_of(chain)
        if certificate not in {None, made}:
            raise UsageError("--certificate is not the id of the certificate in --chain")
        return made
    if certificate is None:
        raise UsageError("say which certificate: --certificate HEX, or --chain CHAIN.pem")
    return certificate


def _certificate_id_of(chain: Path) -> bytes:
    read = read_certificates(chain)
    if len(read) < 2:
        raise UsageError(f"{chain} needs the issuing CA's certificate behind the certificate")
    try:
        return certificate_id(parse_certificate(read[1]).spki_hash, log_tbs(parse_certificate(read[0])))
    except ParseError as error:
        raise ParseError(f"{chain}: {error}") from error
