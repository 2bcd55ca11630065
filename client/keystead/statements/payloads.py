# SPDX-License-Identifier: Apache-2.0
"""The registry of kinds of statements, and the way from an envelope to what it says.

A kind that is added later is a module under `kinds` and a line in `KINDS`. Kinds and members that are not known
are refused: a payload with a new member is a new version of its kind.
"""

from collections.abc import Mapping
from types import MappingProxyType

from keystead.encoding.json import decode_json
from keystead.errors import ParseError, StatementError
from keystead.statements.case import Kind
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.kinds.audit_withdrawal import AUDIT_WITHDRAWAL, AuditWithdrawal
from keystead.statements.kinds.certificate_revoked import (
    CERTIFICATE_REVOKED,
    CertificateRevoked,
    RevocationReason,
)
from keystead.statements.kinds.device_binding import DEVICE_BINDING, DeviceBinding
from keystead.statements.kinds.device_evidence import DEVICE_EVIDENCE, DeviceEvidence
from keystead.statements.kinds.device_transfer import DEVICE_TRANSFER, DeviceTransfer
from keystead.statements.kinds.index_head import INDEX_HEAD, IndexHead
from keystead.statements.kinds.log_policy import LOG_POLICY, LogPolicy
from keystead.statements.kinds.service_audit import SERVICE_AUDIT, ServiceAudit, service_id_of
from keystead.statements.kinds.service_devices import SERVICE_DEVICES, ServiceDevices
from keystead.statements.kinds.subscriber_alias import SUBSCRIBER_ALIAS, SubscriberAlias
from keystead.statements.members import Members
from keystead.statements.statement import DeviceReference, Statement, payload_type_of
from keystead.statements.statement_key import SigningKey

__all__ = [
    "KINDS",
    "AuditWithdrawal",
    "CertificateRevoked",
    "DeviceBinding",
    "DeviceEvidence",
    "DeviceReference",
    "DeviceTransfer",
    "IndexHead",
    "LogPolicy",
    "RevocationReason",
    "ServiceAudit",
    "ServiceDevices",
    "Statement",
    "SubscriberAlias",
    "kind_of",
    "parse_payload",
    "parse_statement",
    "service_id_of",
    "sign_statement",
]

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            LOG_POLICY,
            DEVICE_EVIDENCE,
            DEVICE_BINDING,
            SERVICE_AUDIT,
            AUDIT_WITHDRAWAL,
            SERVICE_DEVICES,
            CERTIFICATE_REVOKED,
            DEVICE_TRANSFER,
            SUBSCRIBER_ALIAS,
            INDEX_HEAD,
        )
    }
)
"""Every kind that this version knows, by its name in the payload type."""

_BY_PAYLOAD_TYPE = {payload_type_of(name): kind for name, kind in KINDS.items()}


def kind_of(envelope: Envelope) -> Kind:
    """The kind that an envelope's payload type names.

    Raises:
        StatementError: `unknown-kind`.
    """
    kind = _BY_PAYLOAD_TYPE.get(envelope.payload_type)
    if kind is None:
        raise StatementError(
            f"the payload type {envelope.payload_type} names no kind of statement that is known here",
            check="unknown-kind",
            evidence={"envelope": envelope.encode()},
        )
    return kind


def parse_payload(kind: Kind, payload: bytes) -> Statement:
    """What a payload of a kind says.

    Raises:
        ParseError: it is not as the kind's schema says.
        StatementError: it contradicts itself; `check` names the rule.
    """
    members = Members(decode_json(payload, f"the {kind.name} payload"), f"the {kind.name}")
    try:
        statement = kind.payload.read(members)
    except StatementError:
        members.finish()  # an unknown member comes first: what is malformed has no meaning to contradict
        raise
    members.finish()
    return statement


def parse_statement(envelope: Envelope) -> Statement:
    """What an envelope says; who says it, and with what right, is judged elsewhere.

    Raises:
        ParseError: the payload is not as its kind's schema says.
        StatementError: the kind is unknown (`unknown-kind`), or the statement contradicts itself.
    """
    return parse_payload(kind_of(envelope), envelope.payload)


def sign_statement(private_key: SigningKey, statement: Statement) -> Envelope:
    """Sign a statement, deterministically.

    Raises:
        ParseError: it is of a form that nobody would accept, or too long.
    """
    envelope = sign_envelope(private_key, statement.payload_type, statement.encode())
    # What would be read differently, or not at all, is never let out.
    if parse_statement(envelope) != statement:
        raise ParseError(f"the {statement.kind} statement does not say what it was made from")
    return envelope
