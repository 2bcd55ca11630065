# SPDX-License-Identifier: Apache-2.0
"""What a statement says, in words.

Pure. Names are as their signers wrote them: whoever shows them escapes them.
"""

from collections.abc import Iterable

from keystead.encoding.rfc3339 import format_time
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    DeviceTransfer,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
)
from keystead.statements.statement import DeviceReference

__all__ = ["says"]


def says(statement: Statement) -> str:
    """One clause, without a full stop."""
    match statement:
        case DeviceEvidence():
            proven = _devices(statement.devices) or "hardware, without naming it"
            return f"{statement.format} evidence {_short(statement.evidence_digest)} proves {proven}"
        case DeviceBinding():
            return _binding(statement)
        case CertificateRevoked(reason=RevocationReason.NOT_ISSUED):
            return f"certificate {_short(statement.certificate)} was never issued"
        case CertificateRevoked():
            return (
                f"certificate {_short(statement.certificate)} is revoked as of {_day(statement.on)}: "
                f"{statement.reason.value}"
            )
        case ServiceAudit():
            return (
                f"{statement.service_name} of {statement.operator_name} was audited by {statement.auditor} under "
                f"{statement.scheme.value}, {_day(statement.not_before)} to {_day(statement.not_after)}"
            )
        case AuditWithdrawal():
            return (
                f"audit {_short(statement.audit)} does not stand from {_day(statement.from_)} on: "
                f"{statement.reason}"
            )
        case ServiceDevices():
            return _enrolment(statement)
        case DeviceTransfer():
            one, other = statement.subscribers
            return (
                f"{_devices([statement.device])} went from subscriber {_short(one)} to {_short(other)} on "
                f"{_day(statement.on)}: {statement.reason}"
            )
        case SubscriberAlias():
            named = ", ".join(_short(one) for one in statement.subscribers)
            return f"subscribers {named} are one: {statement.reason}"
        case _:
            return statement.kind


def _binding(statement: DeviceBinding) -> str:
    where = []
    if statement.devices:
        where.append(f"in {_devices(statement.devices)}")
    if statement.service is not None:
        where.append(f"with the service {_short(statement.service)}")
    text = (
        f"the key of certificate {_short(statement.certificate)} is {' and '.join(where)}, by "
        f"{statement.method.text}"
    )
    if statement.supersedes is not None:
        text += f"; instead of statement {statement.supersedes}"
    return text + ("; instead of what the certificate says" if statement.supersedes_extension else "")


def _enrolment(statement: ServiceDevices) -> str:
    parts = [
        f"{_devices(devices)} {verb}"
        for verb, devices in (("join", statement.join), ("leave", statement.leave))
        if devices
    ]
    parts += [] if statement.next_key is None else ["the operator names its next key"]
    return f"service {_short(statement.service)}, from {_day(statement.from_)} on: {'; '.join(parts)}"


def _devices(devices: Iterable[DeviceReference]) -> str:
    return ", ".join(f"{device.scheme} {_short(device.device_id)}" for device in devices)


def _short(identifier: bytes) -> str:
    return f"{identifier.hex()[:16]}…"


def _day(seconds: int) -> str:
    return format_time(seconds)[:10]
