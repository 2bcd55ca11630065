# SPDX-License-Identifier: Apache-2.0
"""Test Primus HSMs: statements and certificates shaped like Securosys's, under a root of our own.

The statement's elements and white space, names, extensions and key sizes (where asked for) are those of a published
sample; a test compares them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from keystead.certificate.public_key import load_public_key
from keystead.devices.evidence import Evidence
from keystead.devices.primus import FORMAT, join_statement
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.testvendor.certificates import basic_constraints, certificate, extension, key_usage, name
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = ["FLAGS", "TestPrimus", "TestPrimusMaker", "vendor_name"]

FLAGS = {
    "decrypt": "true",
    "sign": "true",
    "unwrap": "false",
    "derive": "false",
    "sensitive": "true",
    "always_sensitive": "true",
    "extractable": "false",
    "never_extractable": "true",
    "modifiable": "false",
    "copyable": "false",
    "destroyable": "true",
    "unique": "true",
}
"""The flags of a signing key, in their order."""

_ROOT = "Keystead Test PRIMUS_HSM_ROOTKEY"
_NOT_BEFORE, _NOT_AFTER = 1_724_243_625, 2_670_323_625  # 2024-08-21, 2054-08-14
_MADE, _USED = 1_754_382_146, 1_754_488_834  # a day in August 2025, and the next
_POLICIES = "2.5.29.32"


def vendor_name(common_name: str) -> bytes:
    """DER of the Name that the vendor's certificates have: one common name, then the vendor's place."""
    printable = 0x13
    return name(
        ("2.5.4.3", common_name, printable),
        ("2.5.4.6", "CH", printable),
        ("2.5.4.7", "Zurich", printable),
        ("2.5.4.10", "Securosys", printable),
        ("2.5.4.8", "ZH", printable),
    )


class TestPrimusMaker:
    """The vendor: the root.

    Args:
        seed: every key follows from it.
        bits: sizes of the root's key and of devices' keys; 4096 and 3072 in production, which takes seconds.
    """

    __test__ = False

    def __init__(self, seed: bytes, bits: tuple[int, int] = (2048, 2048)) -> None:
        self.seed = seed
        self._bits = bits

    def root_key(self) -> SigningKey:
        """The root's key."""
        return derive_key(self.seed, "primus/root", f"rsa-{self._bits[0]}")

    def device_key(self, label: str) -> SigningKey:
        """The key of a device with this label."""
        return derive_key(self.seed, f"primus/{label}", f"rsa-{self._bits[1]}")

    def anchor(self) -> VendorAnchor:
        """The pinned key."""
        return VendorAnchor(
            _ROOT,
            self.root_key().spki,
            frozenset({FORMAT}),
            source="keystead.testvendor",
            note="proves nothing",
        )

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """All pinned keys."""
        return (self.anchor(),)

    def root_der(self) -> bytes:
        """The root's own certificate."""
        key = self.root_key()
        extensions = (key_usage(1, 5, 6), basic_constraints(1), policies(1))
        return self.issue(_ROOT, key.spki, _ROOT, key, *extensions)

    def issue(
        self,
        subject: str,
        spki: bytes,
        issuer: str,
        key: SigningKey,
        *extensions: bytes,
        not_before: int = _NOT_BEFORE,
    ) -> bytes:
        """A certificate of the vendor's."""
        serial = b"\0\x80" + derive_bytes(spki, f"primus/{subject}", 15)
        return certificate(
            subject=vendor_name(subject),
            spki=spki,
            issuer=vendor_name(issuer),
            key=key,
            not_before=not_before,
            not_after=_NOT_AFTER,
            extensions=extensions,
            serial=serial,
        )

    def make(self, serial: int) -> "TestPrimus":
        """A device."""
        return TestPrimus(self, serial)


def policies(number: int) -> bytes:
    """The CertificatePolicies extension with one of the vendor's policies."""
    policy = encode(SEQUENCE, encode_oid(f"1.3.6.1.4.1.44668.4.1.{number}"))
    return extension(_POLICIES, encode(SEQUENCE, policy))


@dataclass(frozen=True)
class TestPrimus:
    """One test HSM.

    Attributes:
        maker: its vendor.
        serial: the serial number.
    """

    __test__ = False

    maker: TestPrimusMaker
    serial: int

    @property
    def name(self) -> str:
        """The common name of its device key."""
        return f"PRIMUS HSM KEY (SN: {self.serial})"

    @property
    def key(self) -> SigningKey:
        """The device key. Making RSA keys takes time: ten devices share one."""
        return self.maker.device_key(f"device/{self.serial % 10}")

    @property
    def attestation_key(self) -> SigningKey:
        """The key that signs statements; as the device key."""
        return self.maker.device_key(f"attestation/{self.serial % 10}")

    @property
    def device_der(self) -> bytes:
        """The certificate of the device key."""
        extensions = (key_usage(1, 5, 6), basic_constraints(0), policies(3))
        root = self.maker.root_key()
        return self.maker.issue(self.name, self.key.spki, _ROOT, root, *extensions, not_before=_MADE)

    @property
    def attestation_der(self) -> bytes:
        """The certificate of the attestation key."""
        extensions = (key_usage(0, 1), basic_constraints(authority=False))
        return self.maker.issue(
            "attestation-key",
            self.attestation_key.spki,
            self.name,
            self.key,
            *extensions,
            not_before=_USED,
        )

    @property
    def chain(self) -> tuple[bytes, bytes]:
        """Attestation key, device."""
        return self.attestation_der, self.device_der

    def generate(self, label: str = "signing", kind: str = "ec-p256") -> SigningKey:
        """The key that this device generated under a label (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"primus/{self.serial}/{label}", kind)

    def attest(self, public_key: bytes, label: str = "signing", flags: Mapping[str, str] = FLAGS) -> Evidence:
        """Evidence that this device generated `public_key` (SubjectPublicKeyInfo, DER)."""
        return self.sign(self.statement(public_key, label, flags=flags))

    def sign(self, xml: bytes, key: SigningKey | None = None) -> Evidence:
        """Evidence with any statement."""
        return Evidence(FORMAT, join_statement(xml, (key or self.attestation_key).sign(xml)), self.chain)

    def statement(
        self,
        public_key: bytes,
        label: str = "signing",
        *,
        creation: str = "generated",
        element: str = "private_key",
        flags: Mapping[str, str] = FLAGS,
    ) -> bytes:
        """The XML alone."""
        key = load_public_key(public_key)
        kind, size = "RSA", 0
        if isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
            size = key.key_size
        oid = "1.2.840.113549.1.1.1"
        if not isinstance(key, rsa.RSAPublicKey):
            kind, oid = "EC", "1.2.840.10045.2.1"
        lines = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<{element} creation="{creation}">',
            f"\t<label>{label}</label>",
            "\t<create_time>2025-10-01T20:31:53Z</create_time>",
            "\t<attest_time>2025-10-18T20:19:33Z</attest_time>",
            "\t<key_use_count>10</key_use_count>",
            f"\t<algorithm>{kind}</algorithm>",
            f"\t<algorithm_oid>{oid}</algorithm_oid>",
            f"\t<key_size>{size}</key_size>",
            f"\t<public_key>{encode_base64(public_key)}</public_key>",
            "\t<attributes>",
            *(f"\t\t<{flag}>{value}</{flag}>" for flag, value in flags.items()),
            "\t</attributes>",
            f"</{element}>",
        ]
        return ("\n".join(lines) + "\n\n").encode()
