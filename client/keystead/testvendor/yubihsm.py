# SPDX-License-Identifier: Apache-2.0
"""Test YubiHSMs: attestations shaped like Yubico's, under roots of our own.

Extension values and their order, versions, validity and both shapes of chain are those of
`keystead.devices.yubihsm`; a test compares them with published samples. Each device has an attestation key of
its own, as in production.
"""

from dataclasses import dataclass

from keystead.devices.evidence import Evidence
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.devices.yubihsm import FORMAT
from keystead.encoding.der import BIT_STRING, OCTET_STRING, encode, encode_integer
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    common_name,
    extension,
    key_usage,
    subject_key_identifier,
)
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key
from keystead.testvendor.yubikey import HIERARCHIES, TestYubiKeyMaker

__all__ = ["YUBIHSM_ARC", "TestYubiHsm", "TestYubiHsmMaker"]

YUBIHSM_ARC = "1.3.6.1.4.1.41482.4"

_ROOT = "Keystead Test YubiHSM Root CA"
_SUB_CA = "Yubico YubiHSM 6742036 Sub-CA"
_NEWER_ISSUER = "YubiHSM Attestation B2 1"
_NEWER = "attestation-root"
_VALID = (1_483_228_800, 3_211_228_800)  # 2017-01-01 to 2071-10-05
_SIGN_ECDSA = 1 << 7


class TestYubiHsmMaker:
    """The vendor: its older root and Sub-CA, and the issuer below the root that it shares with YubiKeys.

    Args:
        yubikeys: the same vendor's other line, whose newest root certifies YubiHSMs too.
        key: kind of the vendor's keys.
    """

    __test__ = False

    def __init__(self, yubikeys: TestYubiKeyMaker, key: str = "rsa-2048") -> None:
        self.seed = yubikeys.seed
        self._yubikeys = yubikeys
        self._kind = key

    def key(self, label: str) -> SigningKey:
        """The vendor's key with this label: a root's or issuer's name, or a device's."""
        return derive_key(self.seed, f"yubihsm/{label}", self._kind)

    def anchor(self, hierarchy: str = "sub-ca") -> VendorAnchor:
        """The pinned key of a hierarchy: `sub-ca` or `attestation-root`."""
        newer = hierarchy == _NEWER
        name = HIERARCHIES[_NEWER].root if newer else _ROOT
        key = self._yubikeys.key(name) if newer else self.key(name)
        return VendorAnchor(
            name, key.spki, frozenset({FORMAT}), source="keystead.testvendor", note="proves nothing"
        )

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The pinned keys of both hierarchies."""
        return (self.anchor(), self.anchor(_NEWER))

    def root_der(self, hierarchy: str = "sub-ca") -> bytes:
        """The root's own certificate."""
        if hierarchy == _NEWER:
            return self._yubikeys.root_der(_NEWER)
        key = self.key(_ROOT)
        return certificate(
            subject=common_name(_ROOT),
            spki=key.spki,
            issuer=common_name(_ROOT),
            key=key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=(subject_key_identifier(key.spki), basic_constraints(2), key_usage(5, 6)),
        )

    def issuer(self, hierarchy: str) -> tuple[str, SigningKey]:
        """Name and key of what signs device certificates."""
        name = _NEWER_ISSUER if hierarchy == _NEWER else _SUB_CA
        return name, self.key(name)

    def authorities(self, hierarchy: str) -> tuple[bytes, ...]:
        """The certificates between the device's and the root, the device's issuer first."""
        name, key = self.issuer(hierarchy)
        upper: tuple[bytes, ...] = ()
        algorithm = None
        if hierarchy == _NEWER:
            above_name = HIERARCHIES[_NEWER].intermediates[1]
            above, valid = self._yubikeys.key(above_name), HIERARCHIES[_NEWER]
            times = (1_754_006_400, valid.not_after)  # 2025-08-01
            upper = (self._yubikeys.authorities(_NEWER)[1],)
            usage = key_usage(0, 5, 6)
            algorithm = above.algorithm.replace(b"\x30\x0d", b"\x30\x0b").removesuffix(b"\x05\x00")
        else:
            above_name, above, times = _ROOT, self.key(_ROOT), _VALID
            usage = key_usage(5, 6)
        own = certificate(
            subject=common_name(name),
            spki=key.spki,
            issuer=common_name(above_name),
            key=above,
            not_before=times[0],
            not_after=times[1],
            serial=b"\x66\xe0\x14",
            algorithm=algorithm,
            extensions=(
                subject_key_identifier(key.spki),
                authority_key_identifier(above.spki),
                basic_constraints(1),
                usage,
            ),
        )
        return (own, *upper)

    def make(
        self, serial: int, *, firmware: tuple[int, int, int] = (2, 4, 0), hierarchy: str = "sub-ca"
    ) -> "TestYubiHsm":
        """A device; see `TestYubiHsm`."""
        return TestYubiHsm(self, serial, firmware, hierarchy)


@dataclass(frozen=True)
class TestYubiHsm:
    """One device.

    Attributes:
        maker: its vendor.
        serial: its serial number.
        firmware: major, minor, patch; before 2.3 device certificates did not state it.
        hierarchy: `sub-ca` or `attestation-root`.
    """

    __test__ = False

    maker: TestYubiHsmMaker
    serial: int
    firmware: tuple[int, int, int]
    hierarchy: str

    @property
    def key(self) -> SigningKey:
        """The attestation key from the factory, object 0."""
        return self.maker.key(f"device/{self.serial}")

    @property
    def name(self) -> bytes:
        """DER of the device certificate's subject."""
        return common_name(f"YubiHSM Attestation ({self.serial})")

    def device_der(self, *, fips: bool = False, changed: dict[str, bytes | None] | None = None) -> bytes:
        """The device certificate, opaque object 0; `changed` as in `attestation`."""
        issuer, issuer_key = self.maker.issuer(self.hierarchy)
        values: dict[str, bytes | None] = {
            f"{YUBIHSM_ARC}.1": None if self.firmware < (2, 3) else _firmware(self.firmware),
            f"{YUBIHSM_ARC}.2": encode_integer(self.serial),
            f"{YUBIHSM_ARC}.10": encode_integer(6) if fips else None,
            **(changed or {}),
        }
        return certificate(
            subject=self.name,
            spki=self.key.spki,
            issuer=common_name(issuer),
            key=issuer_key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            serial=b"\0\x98" + derive_bytes(self.maker.seed, f"yubihsm-serial/{self.serial}", 7),
            extensions=(
                *(extension(oid, value) for oid, value in values.items() if value is not None),
                subject_key_identifier(self.key.spki),
                authority_key_identifier(issuer_key.spki),
                basic_constraints(0),
            ),
        )

    def chain(self, *, fips: bool = False) -> tuple[bytes, ...]:
        """The device certificate and what stands above it, up to the pinned key."""
        return (self.device_der(fips=fips), *self.maker.authorities(self.hierarchy))

    def generate(self, object_id: int = 3, kind: str = "ec-p256") -> SigningKey:
        """The key that this device generated as an object (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"yubihsm/{self.serial}/{object_id}", kind)

    def attest(
        self, public_key: bytes, object_id: int = 3, *, label: str | None = "signing", fips: bool = False
    ) -> Evidence:
        """Evidence that `public_key` (SubjectPublicKeyInfo, DER) was generated as an object of this device."""
        leaf = self.attestation(public_key, object_id, label=label)
        return Evidence(FORMAT, leaf, self.chain(fips=fips))

    def attestation(
        self,
        public_key: bytes,
        object_id: int = 3,
        *,
        label: str | None = "signing",
        origin: int = 1,
        domains: int = 1,
        capabilities: int = _SIGN_ECDSA,
        changed: dict[str, bytes | None] | None = None,
        subject: bytes | None = None,
        extra_extensions: tuple[bytes, ...] = (),
        key: SigningKey | None = None,
    ) -> bytes:
        """DER of the attestation certificate alone.

        Args:
            public_key: the attested key.
            object_id: 1 to 65535.
            label: the object's.
            origin: 1 generated, 2 imported, 0x10 imported under wrap, added up.
            domains: the sum of 2^(n-1) for each domain n.
            capabilities: the sum of 2^n for each capability n.
            changed: by OID, another value of an extension, or None to leave it out.
            subject: another DER Name.
            extra_extensions: DER of further Extensions.
            key: another key than the device's to sign with.
        """
        values: dict[str, bytes | None] = {
            f"{YUBIHSM_ARC}.1": _firmware(self.firmware),
            f"{YUBIHSM_ARC}.2": encode_integer(self.serial),
            f"{YUBIHSM_ARC}.3": encode(BIT_STRING, b"\0", origin.to_bytes(1)),
            f"{YUBIHSM_ARC}.4": encode(BIT_STRING, b"\0", domains.to_bytes(2)),
            f"{YUBIHSM_ARC}.5": encode(BIT_STRING, b"\0", capabilities.to_bytes(8)),
            f"{YUBIHSM_ARC}.6": encode_integer(object_id),
            f"{YUBIHSM_ARC}.9": None if label is None else encode(0x0C, label.encode()),
            **(changed or {}),
        }
        number = derive_bytes(public_key, f"yubihsm-attestation/{self.serial}/{object_id}", 15)
        return certificate(
            subject=common_name(f"YubiHSM Attestation id:{object_id:#06x}") if subject is None else subject,
            spki=public_key,
            issuer=self.name,
            key=self.key if key is None else key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            serial=b"\x01" + number,
            extensions=(
                *(extension(oid, value) for oid, value in values.items() if value is not None),
                *extra_extensions,
            ),
        )


def _firmware(version: tuple[int, int, int]) -> bytes:
    return encode(OCTET_STRING, bytes(version))
