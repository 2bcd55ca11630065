# SPDX-License-Identifier: Apache-2.0
"""Test QASMs: attestation messages shaped like Crypto4A's, under a root of our own.

Claims, their order, certificates and kinds of keys are those of a published message, but that the hash-based keys
have two levels of small trees; a test compares them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from keystead.devices.evidence import Evidence
from keystead.devices.qasm import FORMAT
from keystead.devices.qasm_message import CLAIM_ARC
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import BIT_STRING, OCTET_STRING, SEQUENCE, encode, encode_integer, encode_oid
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    common_name,
    extension,
    key_usage,
    name,
    subject_key_identifier,
)
from keystead.testvendor.hss import HssSigningKey
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = ["ASSERTION", "TestQasm", "TestQasmMaker", "claim", "message"]

_ISSUER = "C4A_SCA_MFG4"
_ROOT = "Keystead Test C4A_RCA"
_DAY, _END = 1_692_024_404, 253_402_300_799  # 2023-08-14, 9999-12-31
_ISSUER_DAY, _ISSUER_END = 1_649_702_871, 2_280_854_871  # 2022-04-11, 2042-04-11
_ROOT_DAY, _ROOT_END = 1_594_645_593, 2_383_563_993  # 2020-07-13, 2045-07-13
_EXTENDED_KEY_USAGE, _ALTERNATIVE_NAME = "2.5.29.37", "2.5.29.17"
ASSERTION = "1.3.6.1.4.1.39901.4.1.1"
"""The key purpose of attestation keys."""

AnyKey = SigningKey | HssSigningKey


def claim(predicate: str, complement: bytes = b"", subject: UUID | None = None) -> bytes:
    """DER of a claim; `complement` is an element that a choice tags: 0x80 octets to 0x83 a number."""
    about = b"" if subject is None else encode(0xA0, encode(0x80, subject.bytes))
    added = encode(0xA1, complement) if complement else b""
    return encode(SEQUENCE, encode_oid(f"{CLAIM_ARC}.{predicate}"), about, added)


def message(
    claims: Sequence[bytes],
    signers: Sequence[tuple[AnyKey, bytes]],
    certificates: Sequence[bytes],
    version: int = 1,
) -> bytes:
    """DER of a message: claims, what signs them with its certificate, and attached certificates."""
    signed = encode(SEQUENCE, encode_integer(version), encode(SEQUENCE, *claims))
    blocks = []
    for key, der in signers:
        identifier = encode(OCTET_STRING, derive_bytes(key.spki, "uuid", 16))
        signer = encode(SEQUENCE, encode(0xA0, identifier), encode(0xA2, der))
        signature = encode(BIT_STRING, b"\0", key.sign(signed))
        blocks.append(encode(SEQUENCE, signer, key.algorithm, signature))
    attached = encode(0xA0, *certificates) if certificates else b""
    return encode(SEQUENCE, encode_integer(version), signed, encode(SEQUENCE, *blocks), attached)


class TestQasmMaker:
    """The vendor: the root and the authority that certifies modules.

    Args:
        seed: every key follows from it.
    """

    __test__ = False

    def __init__(self, seed: bytes) -> None:
        self.seed = seed

    def key(self, label: str) -> SigningKey:
        """The vendor's key with this label, on P-384."""
        return derive_key(self.seed, f"qasm/{label}", "ec-p384")

    def anchor(self) -> VendorAnchor:
        """The pinned key."""
        return VendorAnchor(
            _ROOT,
            self.key("root").spki,
            frozenset({FORMAT}),
            source="keystead.testvendor",
            note="proves nothing",
        )

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """All pinned keys."""
        return (self.anchor(),)

    @cached_property
    def root_der(self) -> bytes:
        """The root's own certificate."""
        key = self.key("root")
        extensions = (
            basic_constraints(),
            key_usage(5, 6),
            authority_key_identifier(key.spki),
            subject_key_identifier(key.spki),
        )
        subject = root_name()
        return certificate(
            subject=subject,
            spki=key.spki,
            issuer=subject,
            key=key,
            not_before=_ROOT_DAY,
            not_after=_ROOT_END,
            extensions=extensions,
        )

    @cached_property
    def issuer_der(self) -> bytes:
        """The certificate of the authority."""
        return self.issuer()

    def issuer(self, subject: str = _ISSUER, *extensions: bytes) -> bytes:
        """The same with another name or other extensions."""
        key, root = self.key("issuer"), self.key("root")
        usual = (
            basic_constraints(0),
            key_usage(5, 6),
            authority_key_identifier(root.spki),
            subject_key_identifier(key.spki),
        )
        return certificate(
            subject=common_name(subject),
            spki=key.spki,
            issuer=root_name(),
            key=root,
            not_before=_ISSUER_DAY,
            not_after=_ISSUER_END,
            extensions=extensions or usual,
        )

    def assertion(
        self,
        subject: str,
        spki: bytes,
        *extensions: bytes,
        issuer: str = _ISSUER,
        key: SigningKey | None = None,
        day: int = _DAY,
    ) -> bytes:
        """A certificate for an attestation key."""
        signer = key or self.key("issuer")
        return certificate(
            subject=common_name(subject),
            spki=spki,
            issuer=common_name(issuer),
            key=signer,
            not_before=day,
            not_after=_END,
            extensions=extensions or self.assertion_extensions(spki),
        )

    def assertion_extensions(self, spki: bytes, purpose: str = ASSERTION) -> tuple[bytes, ...]:
        """What such a certificate has."""
        kind = encode_oid("1.3.6.1.4.1.39901.3.1")
        hardware = encode(
            0xA0, encode_oid("1.3.6.1.4.1.39901.3"), encode(0xA0, kind)
        )  # otherName: the kind of module
        return (
            subject_key_identifier(spki),
            authority_key_identifier(self.key("issuer").spki),
            key_usage(0),
            extension(_ALTERNATIVE_NAME, encode(SEQUENCE, hardware)),
            extension(_EXTENDED_KEY_USAGE, encode(SEQUENCE, encode_oid(purpose))),
        )

    def make(self, number: int) -> "TestQasm":
        """A module."""
        return TestQasm(self, number)


def root_name() -> bytes:
    """DER of the root's Name."""
    return name(
        ("2.5.4.6", "Canada"),
        ("2.5.4.8", "Ontario"),
        ("2.5.4.7", "Ottawa"),
        ("2.5.4.10", "Crypto4A"),
        ("2.5.4.3", _ROOT),
    )


@dataclass(frozen=True)
class TestQasm:
    """One test module.

    Attributes:
        maker: its vendor.
        number: what its serial number is made of.
    """

    __test__ = False

    maker: TestQasmMaker
    number: int

    @property
    def serial(self) -> str:
        """The serial number, as the module claims it."""
        return f"QSM{self.number:06}"

    @property
    def uuid(self) -> UUID:
        """The module's identifier."""
        return UUID(bytes=derive_bytes(self.maker.seed, f"qasm/{self.number}", 16))

    @property
    def key(self) -> SigningKey:
        """The classical attestation key."""
        return self.maker.key(f"assertion/{self.number}")

    @cached_property
    def hash_key(self) -> HssSigningKey:
        """The hash-based attestation key. Making one takes time: ten modules share one."""
        return HssSigningKey(derive_bytes(self.maker.seed, f"qasm/hss/{self.number % 10}"))

    def signers(self, *, hss: bool = True) -> list[tuple[AnyKey, bytes]]:
        """Attestation keys with their certificates."""
        subject = f"C4A{self.number:06} Assertion Authority"
        signers: list[tuple[AnyKey, bytes]] = [
            (self.key, self.maker.assertion(f"{subject} EC", self.key.spki))
        ]
        if hss:
            key = self.hash_key
            signers.append((key, self.maker.assertion(f"{subject} HSS", key.spki, day=_DAY - 1)))
        return signers

    def generate(self, label: str = "signing", kind: str = "ec-p256") -> SigningKey:
        """The key that this module generated under a label (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"qasm/{self.number}/{label}", kind)

    def module_claims(self) -> dict[str, bytes]:
        """What the module claims of itself, by predicate."""
        return {
            "1.0": claim("1.0", encode(0x80, self.uuid.bytes)),
            "1.1": claim("1.1", encode(0x81, self.serial.encode())),
            "1.2": claim("1.2", encode(0x82, b"20240612143307Z")),
            "1.3": claim("1.3", encode(0x81, b"4.0.2.493")),
            "1.4": claim("1.4"),
            "2.0": claim("2.0"),
        }

    def object_of(self, public_key: bytes) -> UUID:
        """The identifier of a key in the module."""
        return UUID(bytes=derive_bytes(public_key, "qasm", 16))

    def key_claims(self, public_key: bytes) -> dict[str, bytes]:
        """What it claims of a key, by predicate."""
        subject = self.object_of(public_key)
        numbers = {"2.4": 4, "2.5": 2, "2.6": 0x100, "2.13": 0x105, "2.14": 0x107}
        claims = {"2.1": claim("2.1", encode(0x80, public_key), subject)}
        for predicate in ("2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "2.13", "2.14"):
            number = numbers.get(predicate)
            complement = b"" if number is None else encode_integer(number, 0x83)
            claims[predicate] = claim(predicate, complement, subject)
        return claims

    def attest(
        self,
        public_key: bytes,
        *,
        hss: bool = True,
        attached: Sequence[bytes] | None = None,
        chain: tuple[bytes, ...] = (),
        fips: bool = False,
    ) -> Evidence:
        """Evidence that this module generated `public_key` (SubjectPublicKeyInfo, DER).

        Args:
            public_key: the attested key.
            hss: whether the hash-based key signs as well.
            attached: certificates in the message; by default the issuer's and the root's, once for each key.
            chain: certificates beside the message.
            fips: whether the module claims to be in FIPS mode.
        """
        claims = self.module_claims() | ({"1.5": claim("1.5")} if fips else {}) | self.key_claims(public_key)
        signers = self.signers(hss=hss)
        if attached is None:
            attached = [self.maker.issuer_der, self.maker.root_der] * len(signers)
        return Evidence(FORMAT, message(list(claims.values()), signers, attached), chain)
