# SPDX-License-Identifier: Apache-2.0
"""A small world for tests: two CAs, a vendor, an auditor, an operator, and the policy file that knows them."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.certificate.device_identifier import SCHEMES, DeviceIdentifier, device_id
from keystead.certificate.extension import Method, SignatureCreationDevice
from keystead.devices.evidence import Evidence, evidence_to_json
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.statement import Statement
from keystead.testvendor.ca import TestCertificateAuthority
from keystead.testvendor.certificates import to_pem
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.subjects import ov_subject
from keystead.testvendor.vendor import TestVendor

__all__ = ["Leaf", "World", "party_key"]


def party_key(name: str) -> Ed25519PrivateKey:
    """The statement key of a test party, the same each time."""
    return Ed25519PrivateKey.from_private_bytes(sha256(b"party " + name.encode()).digest())


def spki(key: Ed25519PrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo of a private key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Leaf:
    """One certificate to be: its precertificate, its final form, and the chain above."""

    authority: TestCertificateAuthority
    subject: bytes
    key: SigningKey
    extension: bytes | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def precertificate(self) -> bytes:
        """DER with the poison."""
        return self.authority.issue(
            self.subject, self.key.spki, device_extension=self.extension, precertificate=True, **self.options
        )

    def certificate(self, sct_list: bytes | None = None) -> bytes:
        """DER without the poison, perhaps with an SCT list."""
        return self.authority.issue(
            self.subject, self.key.spki, device_extension=self.extension, sct_list=sct_list, **self.options
        )

    def body(self, der: bytes, *evidence: Evidence) -> bytes:
        """The request body that submits `der` with its chain and evidence."""
        document: dict[str, Any] = {
            "chain": [b64encode(each).decode() for each in (der, *self.authority.chain)]
        }
        if evidence:
            document["evidence"] = [evidence_to_json(piece) for piece in evidence]
        return json.dumps(document).encode()


_CA_KINDS = ("device-binding", "certificate-revoked", "device-transfer", "subscriber-alias")


class World:
    """The parties of a test, and their policy file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vendor = TestVendor("world", key="ec-p256")
        self.north = TestCertificateAuthority("North CA", "SE")
        self.south = TestCertificateAuthority("South CA", "DE")
        self.parties = {
            "North CA": (_CA_KINDS, self.north),
            "South CA": (_CA_KINDS, self.south),
            "Careful Audits": (("service-audit", "audit-withdrawal"), None),
        }

    def write_policy(self, *, backfill: str = "evidence", limits: str = "", extra: str = "") -> Path:
        """Write `policy.toml` and what it names; its path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, authority in (("north", self.north), ("south", self.south)):
            (self.folder / f"{name}-root.pem").write_text(authority.root_pem)
            (self.folder / f"{name}-issuing.pem").write_text(to_pem(authority.intermediate_der))
        (self.folder / "vendor.pem").write_text(self.vendor.root_pem())
        lines = [
            "[issuance]",
            'roots = ["north-root.pem", "south-root.pem"]',
            f'backfill = "{backfill}"',
            "[limits]",
            limits,
            "[[vendor_anchor]]",
            'name = "Test Vendor Root"',
            'certificate = "vendor.pem"',
            'formats = ["yubikey-piv"]',
        ]
        for number, (name, (kinds, authority)) in enumerate(self.parties.items()):
            pem = party_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (self.folder / f"party{number}.pem").write_bytes(pem)
            lines += [
                "[[party]]",
                f'name = "{name}"',
                f"kinds = {json.dumps(list(kinds))}",
                f'key = "party{number}.pem"',
            ]
            if authority is not None:
                lines.append(f'issuers = ["{"north" if authority is self.north else "south"}-issuing.pem"]')
        path = self.folder / "policy.toml"
        path.write_text("\n".join([*lines, extra]) + "\n")
        return path

    def leaf(
        self,
        name: str = "Example AB",
        *,
        serial: int | None = None,
        authority: TestCertificateAuthority | None = None,
        method: Method = Method.KEY_ATTESTATION,
        digest: bytes | None = None,
        service: bytes | None = None,
        key: SigningKey | None = None,
        subject: bytes | None = None,
        **options: Any,
    ) -> Leaf:
        """A certificate for the organization `name`, its key in YubiKey `serial` if that is given."""
        key = key or (
            self.vendor.yubikey(serial).generate() if serial is not None else derive_key(b"leaf", name)
        )
        extension = None
        if serial is not None:
            scheme = SCHEMES["yubico-piv-serial"]
            identifier = DeviceIdentifier(scheme.oid, device_id(scheme.name, str(serial)))
            extension = SignatureCreationDevice((identifier,), method, digest, service).encode()
        return Leaf(
            authority or self.north,
            subject if subject is not None else ov_subject(name, "SE"),
            key,
            extension,
            options,
        )

    def evidence(self, leaf: Leaf, serial: int) -> Evidence:
        """The attestation of the leaf's key by YubiKey `serial`."""
        return self.vendor.yubikey(serial).attest(leaf.key.spki)

    def say(self, party: str, statement: Statement) -> Envelope:
        """A statement signed by a party."""
        return sign_envelope(party_key(party), statement.payload_type, statement.encode())
