# SPDX-License-Identifier: Apache-2.0
"""Test YubiKeys: PIV attestations shaped like Yubico's, under roots of our own.

Extension values, their order, versions, validity, key types and the three shapes of chain are those of real
attestations (`keystead.devices.yubikey_piv` says which); a test compares them with published samples.
A batch of devices shares one f9 key, as in production.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from keystead.devices.evidence import Evidence
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.devices.yubikey_piv import FORMAT
from keystead.encoding.der import encode_integer
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

__all__ = ["PIV_ARC", "Hierarchy", "TestYubiKey", "TestYubiKeyMaker"]

PIV_ARC = "1.3.6.1.4.1.41482.3"

_PIN_POLICY = {"never": 1, "once": 2, "always": 3, "match-once": 4, "match-always": 5}
_TOUCH_POLICY = {"never": 1, "always": 2, "cached": 3}


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One of the vendor's hierarchies: names, validity in seconds, whether f9 says that it may issue."""

    root: str
    f9: str
    intermediates: tuple[str, ...]  # from f9's issuer upwards
    not_before: int
    not_after: int
    f9_is_authority: bool


HIERARCHIES = {
    "piv": Hierarchy(
        "Keystead Test PIV Root CA Serial 1",
        "Yubico PIV Attestation",
        (),
        1_457_913_600,  # 2016-03-14
        2_596_924_800,  # 2052-04-17
        True,
    ),
    "u2f": Hierarchy(
        "Keystead Test U2F Root CA Serial 2",
        "Yubico PIV Attestation",
        (),
        1_406_851_200,  # 2014-08-01
        2_545_862_400,  # 2050-09-04
        False,
    ),
    "attestation-root": Hierarchy(
        "Keystead Test Attestation Root 1",
        "YubiKey PIV Attestation",
        ("Yubico PIV Attestation B 1", "Yubico Attestation Intermediate B 1"),
        1_733_011_200,  # 2024-12-01
        253_402_300_799,  # 9999-12-31T23:59:59Z
        True,
    ),
}
"""By name: firmware up to 5.7.3, YubiKey 4 with the older root, firmware from 5.7.4."""


class TestYubiKeyMaker:
    """The vendor: roots, intermediates and batches of f9 keys.

    Args:
        seed: every key follows from it.
        key: kind of the vendor's keys: `rsa-2048` as in production, or `ec-p256`, which is quicker to make.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "rsa-2048") -> None:
        self.seed = seed
        self._kind = key
        self._f9: dict[tuple[str, str, tuple[int, ...], bool], bytes] = {}
        self._authorities: dict[str, tuple[bytes, ...]] = {}

    def anchor(self, hierarchy: str = "piv") -> VendorAnchor:
        """The pinned key of a hierarchy."""
        root = HIERARCHIES[hierarchy].root
        return VendorAnchor(
            root,
            self.key(root).spki,
            frozenset({FORMAT}),
            source="keystead.testvendor",
            note="proves nothing",
        )

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The pinned keys of all hierarchies."""
        return tuple(self.anchor(hierarchy) for hierarchy in HIERARCHIES)

    def key(self, label: str) -> SigningKey:
        """The vendor's key with this label: a root's or intermediate's name, or a batch."""
        return derive_key(self.seed, f"yubikey/{label}", self._kind)

    def root_der(self, hierarchy: str = "piv") -> bytes:
        """The root's own certificate."""
        shape = HIERARCHIES[hierarchy]
        key = self.key(shape.root)
        return certificate(
            subject=common_name(shape.root),
            spki=key.spki,
            issuer=common_name(shape.root),
            key=key,
            not_before=shape.not_before,
            not_after=shape.not_after,
            extensions=(
                subject_key_identifier(key.spki),
                basic_constraints(shape.f9_is_authority + len(shape.intermediates), critical=False),
                key_usage(5, 6),
            ),
        )

    def authorities(self, hierarchy: str) -> tuple[bytes, ...]:
        """The certificates between f9 and the root, f9's issuer first."""
        if hierarchy not in self._authorities:
            shape = HIERARCHIES[hierarchy]
            names = (*shape.intermediates, shape.root)
            self._authorities[hierarchy] = tuple(
                certificate(
                    subject=common_name(subject),
                    spki=self.key(subject).spki,
                    issuer=common_name(issuer),
                    key=self.key(issuer),
                    not_before=shape.not_before,
                    not_after=shape.not_after,
                    extensions=(
                        subject_key_identifier(self.key(subject).spki),
                        authority_key_identifier(self.key(issuer).spki),
                        basic_constraints(place + 1),
                        key_usage(0, 5, 6),
                    ),
                )
                for place, (subject, issuer) in enumerate(pairwise(names))
            )
        return self._authorities[hierarchy]

    def f9(self, batch: str, hierarchy: str, firmware: tuple[int, int, int], fips: bool) -> bytes:
        """The certificate of a batch's f9 key."""
        known = self._f9.get((batch, hierarchy, firmware, fips))
        if known is not None:
            return known
        shape = HIERARCHIES[hierarchy]
        issuer = (*shape.intermediates, shape.root)[0]
        made = certificate(
            subject=common_name(shape.f9),
            spki=self.key(f"f9/{batch}").spki,
            issuer=common_name(issuer),
            key=self.key(issuer),
            not_before=shape.not_before,
            not_after=shape.not_after,
            serial=b"\0\x80" + derive_bytes(self.seed, f"f9-serial/{batch}/{hierarchy}", 7),
            extensions=(
                extension(f"{PIV_ARC}.3", bytes(firmware)),
                *((extension(f"{PIV_ARC}.10", encode_integer(7)),) if fips else ()),
                *((basic_constraints(0),) if shape.f9_is_authority else ()),
            ),
        )
        self._f9[batch, hierarchy, firmware, fips] = made
        return made

    def make(
        self,
        serial: int | None,
        *,
        firmware: tuple[int, int, int] = (5, 4, 3),
        form_factor: int | None = 1,
        fips: bool = False,
        batch: str = "1",
        hierarchy: str | None = None,
    ) -> "TestYubiKey":
        """A device; see `TestYubiKey`. Without `hierarchy`, the one that its firmware had in production."""
        if hierarchy is None:
            hierarchy = (
                "attestation-root" if firmware >= (5, 7, 4) else "piv" if firmware >= (4, 4) else "u2f"
            )
        return TestYubiKey(self, serial, firmware, form_factor, fips, batch, hierarchy)


@dataclass(frozen=True)
class TestYubiKey:
    """One test device.

    Attributes:
        maker: its vendor.
        serial: the serial number; None: its firmware attests none.
        firmware: (major, minor, patch).
        form_factor: 1 to 7, without the bit of the FIPS series; None: its firmware attests none.
        fips: it belongs to the FIPS series.
        batch: devices of one batch share the f9 key.
        hierarchy: `piv`, `u2f` or `attestation-root`.
    """

    __test__ = False

    maker: TestYubiKeyMaker
    serial: int | None
    firmware: tuple[int, int, int]
    form_factor: int | None
    fips: bool
    batch: str
    hierarchy: str

    @cached_property
    def f9_der(self) -> bytes:
        """The certificate in slot f9."""
        return self.maker.f9(self.batch, self.hierarchy, self.firmware, self.fips)

    @property
    def f9_key(self) -> SigningKey:
        """The key in slot f9."""
        return self.maker.key(f"f9/{self.batch}")

    @property
    def chain(self) -> tuple[bytes, ...]:
        """f9 and what stands above it, up to the pinned key."""
        return (self.f9_der, *self.maker.authorities(self.hierarchy))

    def generate(self, slot: str = "9a", kind: str = "ec-p256") -> SigningKey:
        """The key that this device generated in a slot (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"yubikey/{self.serial}/{self.batch}/{slot}", kind)

    def attest(
        self, public_key: bytes, slot: str = "9a", *, pin_policy: str = "once", touch_policy: str = "never"
    ) -> Evidence:
        """Evidence that `public_key` (SubjectPublicKeyInfo, DER) was generated in `slot` of this device."""
        leaf = self.attestation(public_key, slot, pin_policy=pin_policy, touch_policy=touch_policy)
        return Evidence(FORMAT, leaf, self.chain)

    def attestation(
        self,
        public_key: bytes,
        slot: str = "9a",
        *,
        pin_policy: str = "once",
        touch_policy: str = "never",
        changed: dict[str, bytes | None] | None = None,
        subject: bytes | None = None,
        extra_extensions: tuple[bytes, ...] = (),
        key: SigningKey | None = None,
    ) -> bytes:
        """DER of the attestation certificate alone.

        Args:
            public_key: the attested key.
            slot: `9a`, `9c`, `9d`, `9e`, `82` to `95`.
            pin_policy: in words.
            touch_policy: in words.
            changed: by OID, another value of an extension, or None to leave it out: no firmware does that.
            subject: another DER Name.
            extra_extensions: DER of further Extensions.
            key: another key than f9's to sign with.
        """
        shape = HIERARCHIES[self.hierarchy]
        values: dict[str, bytes | None] = {
            f"{PIV_ARC}.3": bytes(self.firmware),
            f"{PIV_ARC}.7": None if self.serial is None else encode_integer(self.serial),
            f"{PIV_ARC}.8": bytes((_PIN_POLICY[pin_policy], _TOUCH_POLICY[touch_policy])),
            f"{PIV_ARC}.9": None if self.form_factor is None else bytes((self.form_factor | self.fips << 7,)),
        }
        values.update(changed or {})
        number = derive_bytes(public_key, f"attestation/{self.serial}/{slot}", 15)
        return certificate(
            subject=common_name(f"YubiKey PIV Attestation {slot}") if subject is None else subject,
            spki=public_key,
            issuer=common_name(shape.f9),
            key=self.f9_key if key is None else key,
            not_before=shape.not_before,
            not_after=shape.not_after,
            serial=b"\x01" + number,
            extensions=(
                *(extension(oid, value) for oid, value in values.items() if value is not None),
                *extra_extensions,
            ),
        )
