# SPDX-License-Identifier: Apache-2.0
"""Parties, statements and a view of imagined logs, for tests of what may be said.

Keys come from names, so that the same script makes the same bytes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.certificate.extension import Method
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope
from keystead.statements.payloads import (
    AuditWithdrawal,
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    DeviceReference,
    DeviceTransfer,
    IndexHead,
    LogPolicy,
    RevocationReason,
    ServiceAudit,
    ServiceDevices,
    Statement,
    SubscriberAlias,
    service_id_of,
    sign_statement,
)
from keystead.statements.policy import PARTY_KINDS, Party, Policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.statements.statement_key import SigningKey, spki_of
from keystead.statements.view import LoggedCertificate, LoggedStatement, ServiceView

ORIGIN = "log.example/statements"
DAY = 86_400
NOW = 1_750_000_000
"""Seconds: 2025-06-15T15:06:40Z."""
NOW_MS = NOW * 1000

_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
    ),
}


def digest(name: str) -> bytes:
    """32 bytes that stand for something."""
    return sha256(name.encode()).digest()


def ed25519_key(name: str) -> Ed25519PrivateKey:
    """The Ed25519 key of somebody."""
    return Ed25519PrivateKey.from_private_bytes(digest(f"ed25519 {name}"))


def ec_key(name: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """The P-256 or P-384 key of somebody."""
    seed = int.from_bytes(digest(f"{curve.name} {name}") + digest(f"{curve.name} {name} 2"))
    return ec.derive_private_key(seed % (_ORDERS[curve.name] - 1) + 1, curve)


AUDITOR = ed25519_key("auditor")
OPERATOR = ec_key("operator", ec.SECP256R1())
NEXT_OPERATOR = ec_key("next operator", ec.SECP384R1())
CA = ec_key("ca", ec.SECP256R1())
OTHER_CA = ed25519_key("other ca")
LOG = ed25519_key("log")

ISSUER = digest("issuing key")
OTHER_ISSUER = digest("other issuing key")
CERTIFICATE = digest("certificate")
SERVICE_NAME = "Example Signing Service"
SERVICE = service_id_of(spki_of(OPERATOR), SERVICE_NAME)


def device(name: str = "device") -> DeviceReference:
    """A device, named."""
    return DeviceReference("yubico-piv-serial", digest(name))


def policy(**changed: object) -> Policy:
    """An auditor who may audit and withdraw, and two CAs who may say everything that a party may."""
    members: dict[str, object] = {
        "parties": (
            Party("Auditor", frozenset({"service-audit", "audit-withdrawal"}), spki_of(AUDITOR)),
            Party("CA", PARTY_KINDS, spki_of(CA), frozenset({ISSUER})),
            Party("Other CA", PARTY_KINDS, spki_of(OTHER_CA), frozenset({OTHER_ISSUER})),
        ),
    }
    return Policy(**(members | changed))  # type: ignore[arg-type]


def audit(**changed: object) -> ServiceAudit:
    """An audit of `SERVICE` that qualifies at `NOW`: of the year that ended a month ago, in force for another."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "service": SERVICE,
        "service_name": SERVICE_NAME,
        "founding_key": spki_of(OPERATOR),
        "operator_name": "Example Operator",
        "operator_key": spki_of(OPERATOR),
        "scheme": AuditScheme.WEBTRUST_CSBR_NETSEC,
        "auditor": "Auditor",
        "not_before": NOW - 30 * DAY,
        "not_after": NOW + 335 * DAY,
        "period_start": NOW - 395 * DAY,
        "period_end": NOW - 30 * DAY,
    }
    return ServiceAudit(**(members | changed))  # type: ignore[arg-type]


def withdrawal(of: Envelope, **changed: object) -> AuditWithdrawal:
    """The withdrawal of an audit of `SERVICE`, as of `NOW`."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "audit": of.payload_digest,
        "service": SERVICE,
        "from_": NOW,
        "reason": "the operator's records were false",
    }
    return AuditWithdrawal(**(members | changed))  # type: ignore[arg-type]


def enrolment(**changed: object) -> ServiceDevices:
    """A device joins `SERVICE` as of `NOW`."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "service": SERVICE,
        "from_": NOW,
        "join": (device(),),
        "leave": (),
    }
    return ServiceDevices(**(members | changed))  # type: ignore[arg-type]


def binding(**changed: object) -> DeviceBinding:
    """`CERTIFICATE` at issuance entry 7 is bound to a device."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "certificate": CERTIFICATE,
        "issuance_index": 7,
        "devices": (device(),),
        "method": Method.SHIPPED_BY_CA,
    }
    return DeviceBinding(**(members | changed))  # type: ignore[arg-type]


def revocation(**changed: object) -> CertificateRevoked:
    """`CERTIFICATE` at issuance entry 7 is revoked."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "certificate": CERTIFICATE,
        "issuance_index": 7,
        "on": NOW - DAY,
        "reason": RevocationReason.KEY_COMPROMISE,
    }
    return CertificateRevoked(**(members | changed))  # type: ignore[arg-type]


def evidence(**changed: object) -> DeviceEvidence:
    """Evidence for `CERTIFICATE` at issuance entry 7 was verified under the policy at entry 0."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "certificate": CERTIFICATE,
        "issuance_index": 7,
        "evidence_digest": digest("evidence"),
        "format": "yubikey-piv",
        "devices": (device(),),
        "anchors": (digest("anchor"),),
        "policy_index": 0,
    }
    return DeviceEvidence(**(members | changed))  # type: ignore[arg-type]


def transfer(**changed: object) -> DeviceTransfer:
    """A device of `CA`'s went from one subscriber to another."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "device": device(),
        "subscribers": (digest("seller"), digest("buyer")),
        "on": NOW - DAY,
        "reason": "sold with the business",
    }
    return DeviceTransfer(**(members | changed))  # type: ignore[arg-type]


def alias(**changed: object) -> SubscriberAlias:
    """Three names of one subscriber."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "subscribers": (digest("old name"), digest("new name"), digest("newer name")),
        "reason": "renamed twice",
    }
    return SubscriberAlias(**(members | changed))  # type: ignore[arg-type]


def index_head(**changed: object) -> IndexHead:
    """A head over a few entries."""
    members: dict[str, object] = {
        "log": ORIGIN,
        "issued": NOW,
        "issuance_origin": "log.example/issuance",
        "issuance_size": 8,
        "issuance_root": digest("issuance root"),
        "statements_size": 12,
        "map_root": digest("map root"),
    }
    return IndexHead(**(members | changed))  # type: ignore[arg-type]


def log_policy(**changed: object) -> LogPolicy:
    """The log's policy."""
    members: dict[str, object] = {"log": ORIGIN, "issued": NOW, "policy": digest("policy")}
    return LogPolicy(**(members | changed))  # type: ignore[arg-type]


def one_of_each_kind() -> tuple[Statement, ...]:
    """A statement of every kind with every member that it may have."""
    return (
        log_policy(successor="next.example/statements"),
        evidence(),
        binding(service=SERVICE, supersedes=3, supersedes_extension=True),
        audit(report="https://auditor.example/reports/2025"),
        withdrawal(sign_statement(AUDITOR, audit())),
        enrolment(leave=(device("old device"),), next_key=spki_of(NEXT_OPERATOR)),
        revocation(),
        transfer(),
        alias(),
        index_head(),
    )


@dataclass
class ImaginedLog:
    """A `StatementView` over statements that are logged one after the other, as if a server had done it.

    Every statement has a batch of its own. Nothing is judged here.
    """

    policies: PolicyHistory = field(default_factory=PolicyHistory)
    origin: str = ORIGIN
    certificates: dict[int, LoggedCertificate] = field(
        default_factory=lambda: {
            7: LoggedCertificate(CERTIFICATE, ISSUER),
            8: LoggedCertificate(digest("other certificate"), OTHER_ISSUER),
        }
    )
    final: set[bytes] = field(default_factory=set)
    on_device: set[tuple[bytes, bytes]] = field(
        default_factory=lambda: {(digest("device"), ISSUER), (digest("other device"), OTHER_ISSUER)}
    )
    statements: list[LoggedStatement] = field(default_factory=list)
    registry: ServiceRegistry = field(init=False)

    def __post_init__(self) -> None:
        self.registry = ServiceRegistry(self.policies)

    def log(self, statement: Statement, key: SigningKey, time_ms: int = NOW_MS) -> Envelope:
        """Log a statement at the next index."""
        envelope = sign_statement(key, statement)
        index = len(self.statements)
        in_force = self.policies.in_force_for(time_ms)
        party = None if in_force is None else in_force.policy.party_with_key(envelope.keyid)
        self.statements.append(
            LoggedStatement(index, time_ms, statement, envelope.keyid, None if party is None else party.name)
        )
        self.registry.apply(index, time_ms, statement, envelope)
        return envelope

    def log_policy(self, new: Policy, time_ms: int) -> None:
        """Log a policy at the next index."""
        index = len(self.statements)
        statement = log_policy(policy=new.digest)
        self.statements.append(
            LoggedStatement(index, time_ms, statement, sign_statement(LOG, statement).keyid, None)
        )
        self.policies.add(index, time_ms, new)

    def certificate_at(self, issuance_index: int) -> LoggedCertificate | None:
        return self.certificates.get(issuance_index)

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        return certificate_id in self.final

    def statement_at(self, index: int) -> LoggedStatement | None:
        return self.statements[index] if index < len(self.statements) else None

    def service(self, service_id: bytes) -> ServiceView | None:
        return self.registry.service(service_id)

    def services_with(self, device_id: bytes) -> Iterable[ServiceView]:
        return self.registry.services_with(device_id)

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        return any((device_id, issuer) in self.on_device for issuer in issuers)


def json_of(statement: Statement) -> Mapping[str, object]:
    """The payload of a statement, decoded."""
    from keystead.encoding.json import decode_json

    return decode_json(statement.encode())  # type: ignore[no-any-return]
