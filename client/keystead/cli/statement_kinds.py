# SPDX-License-Identifier: Apache-2.0
"""`keystead statement new KIND`: one command a kind that parties may state.

A kind that is added to `keystead.statements.payloads` gets its command here. The log's own kinds have none.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from keystead.certificate.extension import Method
from keystead.cli.inputs import read_file, read_public_key
from keystead.cli.options import DIGEST, TIME, existing_file
from keystead.cli.statement_new import (
    CERTIFICATE_OPTIONS,
    SERVICE_OPTIONS,
    certificate_of,
    devices_of,
    kind,
    new,
    service_of,
)
from keystead.errors import ParseError, UsageError
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import parse_envelope
from keystead.statements.payloads import (
    KINDS,
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceTransfer,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
    parse_payload,
)

__all__ = ["new"]


@kind(
    "service-audit",
    *SERVICE_OPTIONS,
    click.option("--operator-name", required=True, help="Who runs the service."),
    click.option(
        "--operator-key",
        type=existing_file,
        metavar="PUB.pem",
        help="Its statement key now; the founding key by default.",
    ),
    click.option("--scheme", type=click.Choice([scheme.value for scheme in AuditScheme]), required=True),
    click.option("--auditor", required=True, help="The signer's name in the log's policy."),
    click.option(
        "--not-before", type=TIME, required=True, help="First second in which the audit is in force."
    ),
    click.option("--not-after", type=TIME, required=True, help="Last second."),
    click.option("--period-start", type=TIME, help="First second of the audited period."),
    click.option("--period-end", type=TIME, help="Last second of it."),
    click.option("--report", help="Where the report is, or what it is called."),
)
def _service_audit(
    log: str,
    issued: int,
    service: bytes | None,
    founding_key: Path | None,
    service_name: str | None,
    operator_name: str,
    operator_key: Path | None,
    scheme: str,
    **members: Any,
) -> Statement:
    """An auditor: this signing service was audited."""
    if founding_key is None or service_name is None:
        raise UsageError("an audit states --founding-key and --service-name, which make the service's id")
    return ServiceAudit(
        log,
        issued,
        service=service_of(service, founding_key, service_name),
        service_name=service_name,
        founding_key=read_public_key(founding_key),
        operator_name=operator_name,
        operator_key=read_public_key(operator_key or founding_key),
        scheme=AuditScheme(scheme),
        **members,
    )


@kind(
    "audit-withdrawal",
    *SERVICE_OPTIONS,
    click.option("--audit", type=DIGEST, help="SHA-256 of the audit's payload; or --audit-file."),
    click.option(
        "--audit-file", type=existing_file, metavar="FILE", help="The audit: its payload, or its envelope."
    ),
    click.option("--from", "from_", type=TIME, required=True, help="When it stopped standing."),
    click.option("--reason", required=True, help="In words."),
)
def _audit_withdrawal(
    log: str,
    issued: int,
    audit: bytes | None,
    audit_file: Path | None,
    from_: int,
    reason: str,
    **service: Any,
) -> Statement:
    """The auditor: an audit no longer stands, from a date."""
    if audit_file is not None:
        payload = _payload_of(audit_file)
        stated = parse_payload(KINDS["service-audit"], payload)
        if not isinstance(stated, ServiceAudit):
            raise UsageError(f"{audit_file} is no audit")
        audit = sha256(payload).digest()
        service["service"] = service["service"] or stated.service
    if audit is None:
        raise UsageError("say which audit: --audit HEX, or --audit-file FILE")
    return AuditWithdrawal(
        log, issued, audit=audit, service=service_of(**service), from_=from_, reason=reason
    )


def _payload_of(path: Path) -> bytes:
    data = read_file(path)
    try:
        return parse_envelope(data).payload
    except ParseError:
        return data


@kind(
    "service-devices",
    *SERVICE_OPTIONS,
    click.option("--from", "from_", type=TIME, help="From when; the time of the statement by default."),
    click.option(
        "--join", multiple=True, metavar="SCHEME:VALUE", help="A device that joins; SCHEME=HEX for its id."
    ),
    click.option("--leave", multiple=True, metavar="SCHEME:VALUE", help="A device that leaves."),
    click.option("--next-key", type=existing_file, metavar="PUB.pem", help="The key that signs from now on."),
)
def _service_devices(
    log: str,
    issued: int,
    from_: int | None,
    join: tuple[str, ...],
    leave: tuple[str, ...],
    next_key: Path | None,
    **service: Any,
) -> Statement:
    """The operator: devices that join or leave its service; or its next key."""
    return ServiceDevices(
        log,
        issued,
        service=service_of(**service),
        from_=issued if from_ is None else from_,
        join=devices_of(join, "--join"),
        leave=devices_of(leave, "--leave"),
        next_key=None if next_key is None else read_public_key(next_key),
    )


@kind(
    "device-binding",
    *CERTIFICATE_OPTIONS,
    click.option(
        "--device",
        "devices",
        multiple=True,
        metavar="SCHEME:VALUE",
        help="Where the key lives; SCHEME=HEX for an id.",
    ),
    click.option("--method", type=click.Choice([method.text for method in Method]), required=True),
    *SERVICE_OPTIONS,
    click.option(
        "--supersedes", type=click.IntRange(min=0), help="Leaf index of the own binding that this replaces."
    ),
    click.option(
        "--supersedes-extension", is_flag=True, help="It also replaces what the extension claims unproven."
    ),
)
def _device_binding(
    log: str,
    issued: int,
    certificate: bytes | None,
    chain: Path | None,
    issuance_index: int,
    devices: tuple[str, ...],
    method: str,
    supersedes: int | None,
    supersedes_extension: bool,
    **service: Any,
) -> Statement:
    """The issuing CA: a logged certificate's key lives in these devices, or in that service."""
    return DeviceBinding(
        log,
        issued,
        certificate=certificate_of(certificate, chain),
        issuance_index=issuance_index,
        devices=devices_of(devices, "--device"),
        method=Method.from_text(method),
        service=service_of(**service) if any(service.values()) else None,
        supersedes=supersedes,
        supersedes_extension=supersedes_extension,
    )


@kind(
    "certificate-revoked",
    *CERTIFICATE_OPTIONS,
    click.option("--on", type=TIME, help="The date of the revocation; the time of the statement by default."),
    click.option("--reason", type=click.Choice([reason.value for reason in RevocationReason]), required=True),
)
def _certificate_revoked(
    log: str,
    issued: int,
    certificate: bytes | None,
    chain: Path | None,
    issuance_index: int,
    on: int | None,
    reason: str,
) -> Statement:
    """The issuing CA: a certificate is revoked, or was never made after its precertificate."""
    return CertificateRevoked(
        log,
        issued,
        certificate=certificate_of(certificate, chain),
        issuance_index=issuance_index,
        on=issued if on is None else on,
        reason=RevocationReason(reason),
    )


@kind(
    "device-transfer",
    click.option(
        "--device", required=True, metavar="SCHEME:VALUE", help="Which device; SCHEME=HEX for its id."
    ),
    click.option("--from", "from_", type=DIGEST, required=True, help="Subscriber id of who had it."),
    click.option("--to", type=DIGEST, required=True, help="Subscriber id of who has it now."),
    click.option("--on", type=TIME, help="When it changed hands; the time of the statement by default."),
    click.option("--reason", required=True, help="In words."),
)
def _device_transfer(
    log: str, issued: int, device: str, from_: bytes, to: bytes, on: int | None, reason: str
) -> Statement:
    """A CA with a certificate on it, or the operator that enrolled it: a device went to another subscriber."""
    (reference,) = devices_of((device,), "--device")
    return DeviceTransfer(
        log,
        issued,
        device=reference,
        subscribers=(from_, to),
        on=issued if on is None else on,
        reason=reason,
    )


@kind(
    "subscriber-alias",
    click.option(
        "--subscriber", "subscribers", type=DIGEST, multiple=True, help="A subscriber id; two or more."
    ),
    click.option("--reason", required=True, help="In words."),
)
def _subscriber_alias(log: str, issued: int, subscribers: tuple[bytes, ...], reason: str) -> Statement:
    """A CA: subscriber ids are one legal entity, renamed, merged or spelled otherwise."""
    if len(subscribers) < 2:
        raise UsageError("an alias names two subscribers or more: give --subscriber for each")
    return SubscriberAlias(log, issued, subscribers=subscribers, reason=reason)
