# SPDX-License-Identifier: Apache-2.0
"""Test Luna modules: public key confirmations shaped like Thales's, under roots of our own.

Names, extensions, their order and the three paths are those of `keystead.devices.luna`, and so are the encoder's
liberties: `critical FALSE` written out, NULL beside ECDSA, signatures whose numbers lack their sign octet. A test
compares the RSA path with the published sample; of the others only what is documented could be followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from keystead.devices.evidence import Evidence
from keystead.devices.luna import FORMAT
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, encode, encode_oid, parse
from keystead.testvendor.certificates import basic_constraints, certificate, extension, key_usage, name
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key

__all__ = ["LUNA_ARC", "PATHS", "TestLuna", "TestLunaMaker", "purposes", "stated_false"]

LUNA_ARC = "1.3.6.1.4.1.12383"

PATHS = ("chrysalis-its", "tc-trustcenter", "ecc")
"""What a module can make: for RSA keys either of the first two, for EC keys the last."""

_VALID = (1_583_020_800, 1_967_328_000)  # 2020-03-01 to 2032-05-05
_ROOT = "Keystead Test Chrysalis Root"
_ECC_ROOT = "Keystead Test ECC Manufacturer Integrity Module"
_PRINTABLE = 0x13
_RSA_SHA384 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.12"), b"\x05\x00")


def _name(*attributes: tuple[str, str]) -> bytes:
    return name(*((f"2.5.4.{kind}", text, _PRINTABLE) for kind, text in attributes))


_CANADA = (("6", "CA"), ("8", "Ontario"), ("7", "Ottawa"))
_NAMES = {
    "root": _name(*_CANADA, ("10", "Chrysalis-ITS Inc."), ("3", _ROOT)),
    "manufacturing": _name(
        *_CANADA,
        ("10", "Thales Canada"),
        ("11", "HSM Engineering"),
        ("3", "Thales Luna Mfg Integrity Certifcate x1"),
    ),
    "hardware-origin": _name(("3", "Hardware Origin Certificate")),
    "ecc-root": _name(
        ("6", "US"), ("10", "SafeNet, Inc."), ("11", "Luna Manufacturer Integrity ECC"), ("3", _ECC_ROOT)
    ),
}


class _Rsa384(SigningKey):
    """An RSA key that signs with SHA-384, as all of the RSA hierarchy does; other keys sign as they do."""

    __slots__ = ()

    def __init__(self, key: SigningKey) -> None:
        super().__init__(key.private_key)
        if isinstance(key.private_key, RSAPrivateKey):
            self.algorithm = _RSA_SHA384

    def sign(self, message: bytes) -> bytes:
        if isinstance(self.private_key, RSAPrivateKey):
            return self.private_key.sign(message, padding.PKCS1v15(), hashes.SHA384())
        return super().sign(message)


class _WithNull(SigningKey):
    """An EC key that writes a NULL into the AlgorithmIdentifier, as the manufacturer's does."""

    __slots__ = ()

    def __init__(self, key: SigningKey) -> None:
        super().__init__(key.private_key)
        self.algorithm = encode(SEQUENCE, parse(self.algorithm).content, b"\x05\x00")


class _Unsigned(SigningKey):
    """A key whose ECDSA signatures lack the octets that keep their numbers positive."""

    __slots__ = ()

    def __init__(self, key: SigningKey) -> None:
        super().__init__(key.private_key)

    def sign(self, message: bytes) -> bytes:
        numbers = parse(super().sign(message)).children()
        return encode(SEQUENCE, *(encode(INTEGER, one.content.lstrip(b"\0")) for one in numbers))


def stated_false(oid: str, value: bytes) -> bytes:
    """DER of an Extension that says `critical FALSE`, which DER leaves out and these modules do not."""
    return encode(SEQUENCE, encode_oid(oid), encode(BOOLEAN, b"\0"), encode(OCTET_STRING, value))


def purposes(*numbers: int) -> bytes:
    """The extendedKeyUsage extension with purposes below the vendor's arc, critical."""
    listed = (encode_oid(f"{LUNA_ARC}.1.{number}") for number in numbers)
    return extension("2.5.29.37", encode(SEQUENCE, *listed), critical=True)


class TestLunaMaker:
    """The vendor: its two roots and what stands between them and the modules.

    Args:
        seed: every key follows from it.
        key: kind of the keys of the RSA hierarchy, `rsa-2048` (production has 4096 bits) or `ec-p256`.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "rsa-2048") -> None:
        self.seed = seed
        self._kind = key

    def key(self, label: str) -> SigningKey:
        """The key with this label: `root`, `ecc-root`, `manufacturing`, or a module's."""
        if label.startswith("ecc-"):
            return _WithNull(derive_key(self.seed, f"luna/{label}", "ec-p384"))
        return _Rsa384(derive_key(self.seed, f"luna/{label}", self._kind))

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The pinned keys of both hierarchies."""
        return tuple(
            VendorAnchor(
                text,
                self.key(label).spki,
                frozenset({FORMAT}),
                source="keystead.testvendor",
                note="proves nothing",
            )
            for label, text in (("root", _ROOT), ("ecc-root", _ECC_ROOT))
        )

    def root_der(self, path: str) -> bytes:
        """The root's own certificate; confirmations end with it."""
        label = "ecc-root" if path == "ecc" else "root"
        extensions = (purposes(14), key_usage(0, 5, 6)) if path == "ecc" else (purposes(1),)
        return self.certify(label, label, self.key(label).spki, extensions)

    def certify(
        self,
        by: str,
        subject: str | bytes,
        spki: bytes,
        extensions: Sequence[bytes],
        *,
        issuer: bytes | None = None,
        serial: bytes | None = None,
        key: SigningKey | None = None,
    ) -> bytes:
        """DER of a certificate by one of the vendor's keys; names by label, or as DER."""
        return certificate(
            subject=_NAMES[subject] if isinstance(subject, str) else subject,
            spki=spki,
            issuer=_NAMES[by] if issuer is None else issuer,
            key=self.key(by) if key is None else key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=extensions,
            serial=serial,
        )

    def manufacturing(self) -> bytes:
        """The manufacturing integrity certificate of the RSA hierarchy."""
        spki = self.key("manufacturing").spki
        extensions = (purposes(7), key_usage(5, 6), basic_constraints())
        return self.certify("root", "manufacturing", spki, extensions, serial=b"\x04\xfb\x2f\x1a")

    def make(
        self, serial: int, *, firmware: tuple[int, int] = (7, 84), path: str = "chrysalis-its"
    ) -> "TestLuna":
        """A module; see `TestLuna`."""
        return TestLuna(self, serial, firmware, path)


@dataclass(frozen=True)
class TestLuna:
    """One module.

    Attributes:
        maker: its vendor.
        serial: its serial number.
        firmware: major and minor; confirmations of EC keys do not state it.
        path: one of `PATHS`.
    """

    __test__ = False

    maker: TestLunaMaker
    serial: int
    firmware: tuple[int, int]
    path: str

    @property
    def ecc(self) -> bool:
        """Whether it confirms EC keys."""
        return self.path == "ecc"

    @property
    def origin_key(self) -> SigningKey:
        """The hardware origin key, which is of this module alone."""
        key = self.maker.key(f"{'ecc-' if self.ecc else ''}origin/{self.serial}")
        return _Unsigned(key) if self.ecc else key

    @property
    def device_key(self) -> SigningKey:
        """The device authentication key."""
        return self.maker.key(f"device/{self.serial}")

    @property
    def device_name(self) -> bytes:
        """DER of the subject of the device authentication certificate."""
        return _name(
            ("6", "CA"),
            ("10", "Chrysalis-ITS"),
            ("11", "Chrysalis-ITS DeviceAuthenticationCertificate"),
            ("3", f"Luna K7-{self.serial}"),
        )

    @property
    def signer(self) -> tuple[bytes, SigningKey]:
        """Name and key of what signs confirmations."""
        if self.path == "chrysalis-its":
            return self.device_name, self.device_key
        return _NAMES["hardware-origin"], self.origin_key

    def origin_der(self) -> bytes:
        """The hardware origin certificate; its serial number ends in the module's."""
        serial = b"\x20\x04\xee\x1d" + self.serial.to_bytes(4)
        spki = self.origin_key.spki
        extensions: tuple[bytes, ...]
        if self.ecc:
            extensions = (purposes(15), key_usage(0, 5, 6))
            return self.maker.certify("ecc-root", "hardware-origin", spki, extensions, serial=serial)
        extensions = (
            purposes(8),
            key_usage(5, 6),
            stated_false(f"{LUNA_ARC}.2.6", bytes(4)),
            stated_false(f"{LUNA_ARC}.2.7", b"\x0a\0\0\0"),
            basic_constraints(),
        )
        return self.maker.certify("manufacturing", "hardware-origin", spki, extensions, serial=serial)

    def device_der(self, *, stated: int | None = None, subject: bytes | None = None) -> bytes:
        """The device authentication certificate; `stated` is another serial number in its extension."""
        extensions = (
            purposes(12),
            key_usage(5, 6),
            stated_false(f"{LUNA_ARC}.2.1", self._four(self.serial if stated is None else stated)),
            stated_false(f"{LUNA_ARC}.2.3", self._version()),
            stated_false(f"{LUNA_ARC}.2.4", b"\x02\0\0\0"),
            basic_constraints(),
        )
        return self.maker.certify(
            "hardware-origin",
            self.device_name if subject is None else subject,
            self.device_key.spki,
            extensions,
            key=self.origin_key,
            serial=b"\0\xbc" + derive_bytes(self.maker.seed, f"luna-device/{self.serial}", 7),
        )

    @property
    def chain(self) -> tuple[bytes, ...]:
        """What stands above a confirmation, up to the pinned key."""
        if self.ecc:
            return (self.origin_der(),)
        device = (self.device_der(),) if self.path == "chrysalis-its" else ()
        return (*device, self.origin_der(), self.maker.manufacturing())

    def generate(self, number: int = 1) -> SigningKey:
        """A key that this module generated: EC or, quicker to make than in production, also EC."""
        return derive_key(self.maker.seed, f"luna/{self.serial}/{number}", "ec-p256")

    def attest(self, public_key: bytes) -> Evidence:
        """Evidence that `public_key` (SubjectPublicKeyInfo, DER) was generated in this module."""
        return Evidence(FORMAT, self.confirmation(public_key), self.chain)

    def confirmation(
        self,
        public_key: bytes,
        *,
        changed: dict[int, bytes | None] | None = None,
        purpose: Sequence[int] = (13,),
        extra_extensions: tuple[bytes, ...] = (),
        key: SigningKey | None = None,
        issuer: bytes | None = None,
    ) -> bytes:
        """DER of the confirmation's first certificate.

        Args:
            public_key: the attested key.
            changed: by the last arc, another value of an extension below `.2`, or None to leave it out.
            purpose: last arcs of its extended key usages; none: without the extension.
            extra_extensions: DER of further Extensions.
            key: another key than the module's to sign with.
            issuer: another issuer's name, DER.
        """
        values: dict[int, bytes | None] = {1: self._four(self.serial)}
        if not self.ecc:
            values |= {3: self._version(), 4: b"\x02\0\0\0", 5: b"\x03\x02\x04\xf0"}
        values |= changed or {}
        signer, signing_key = self.signer
        object_id = (
            f"41000000{derive_bytes(public_key, 'luna-object', 4).hex()}{self._four(self.serial).hex()}"
        )
        return self.maker.certify(
            "hardware-origin",
            _name(("11", "Chrysalis-ITS Proof of Origin"), ("3", object_id)),
            public_key,
            (
                *((purposes(*purpose),) if purpose else ()),
                key_usage(0),
                *(
                    stated_false(f"{LUNA_ARC}.2.{arc}", value)
                    for arc, value in values.items()
                    if value is not None
                ),
                *extra_extensions,
            ),
            issuer=signer if issuer is None else issuer,
            key=signing_key if key is None else key,
            serial=b"\0\xd1" + derive_bytes(public_key, f"luna-confirmation/{self.serial}", 7),
        )

    def _version(self) -> bytes:
        return self._four(self.firmware[0] << 16 | self.firmware[1])

    @staticmethod
    def _four(number: int) -> bytes:
        return number.to_bytes(4, "little")
