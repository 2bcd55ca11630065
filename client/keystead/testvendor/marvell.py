# SPDX-License-Identifier: Apache-2.0
"""Test LiquidSecurity modules: statements shaped like Marvell's, certified by a maker and by an owner of our own.

Header, attributes and their order, names and versions of certificates are those of
`keystead.devices.marvell`; a test compares them with the published statement. Of version 1 only what is
documented could be followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keystead.devices.evidence import Evidence
from keystead.devices.marvell import FORMAT
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import SEQUENCE, SET, encode, encode_oid
from keystead.testvendor.certificates import (
    authority_key_identifier,
    basic_constraints,
    certificate,
    extension,
    key_usage,
    name,
    sign_tbs,
    subject_key_identifier,
    tbs_certificate,
    validity,
)
from keystead.testvendor.keys import SigningKey, derive_bytes, derive_key
from keystead.testvendor.marvell_statement import bare_signature, key_attributes, key_object, statement_2

__all__ = ["TestMarvell", "TestMarvellMaker"]

_ROOT = "keystead-test.liquidsecurity.example"
_OWNER = "Keystead Test Owner Root"
_MAKER_VALID = (1_524_168_317, 1_839_528_317)  # 2018-04-19 to 2028-04-16
_OWNER_VALID = (1_537_564_952, 1_893_456_000)  # 2018-09-21 to 2030-01-01
_PRINTABLE = 0x13


def _card_name(common_name: str) -> bytes:
    """DER of the odd Name of a card: five attributes in one part, then the common name."""

    def attribute(kind: int, text: str, tag: int = 0x0C) -> bytes:
        return encode(SEQUENCE, encode_oid(f"2.5.4.{kind}"), encode(tag, text.encode()))

    first = (
        attribute(6, "US", _PRINTABLE),
        attribute(8, "CA"),
        attribute(10, "Cavium"),
        attribute(11, "N3FIPS"),
        attribute(7, "SanJose"),
    )
    return encode(SEQUENCE, encode(SET, *first), encode(SET, attribute(3, common_name)))


_ROOT_NAME = name(
    ("2.5.4.6", "US", _PRINTABLE),
    ("2.5.4.8", "California"),
    ("2.5.4.7", "San Jose"),
    ("2.5.4.10", "Cavium, Inc."),
    ("2.5.4.11", "LiquidSecurity"),
    ("2.5.4.3", _ROOT),
)
_OWNER_NAME = name(
    ("2.5.4.6", "US", _PRINTABLE),
    ("2.5.4.8", "CA"),
    ("2.5.4.7", "Mountain View"),
    ("2.5.4.10", "Google Inc"),
    ("2.5.4.3", _OWNER),
)


class TestMarvellMaker:
    """The maker of modules, and one owner of theirs who is a cloud provider.

    Args:
        seed: every key follows from it.
        key: kind of the roots' and cards' keys; partitions' are always RSA of 2048 bits, as statements need.
    """

    __test__ = False

    def __init__(self, seed: bytes, key: str = "rsa-2048") -> None:
        self.seed = seed
        self._kind = key

    def key(self, label: str) -> SigningKey:
        """The key with this label: `root`, `owner`, `card/…` or `partition/…`."""
        kind = "rsa-2048" if label.startswith("partition/") else self._kind
        return derive_key(self.seed, f"marvell/{label}", kind)

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The maker's pinned key and the owner's, which is marked as a cloud provider's."""
        return tuple(
            VendorAnchor(
                text,
                self.key(label).spki,
                frozenset({FORMAT}),
                cloud=label == "owner",
                source="keystead.testvendor",
                note="proves nothing",
            )
            for label, text in (("root", _ROOT), ("owner", _OWNER))
        )

    def certify(
        self,
        subject: bytes,
        spki: bytes,
        issuer: bytes,
        key: SigningKey,
        *,
        serial: bytes = b"\x01",
        version: int = 1,
        extensions: tuple[bytes, ...] = (),
    ) -> bytes:
        """DER of a certificate by the maker or a card: of version 1, or of version 3 and without extensions."""
        if extensions:
            return certificate(
                subject=subject,
                spki=spki,
                issuer=issuer,
                key=key,
                not_before=_MAKER_VALID[0],
                not_after=_MAKER_VALID[1],
                extensions=extensions,
            )
        tbs = tbs_certificate(
            serial=serial,
            algorithm=key.algorithm,
            issuer=issuer,
            valid=validity(*_MAKER_VALID),
            subject=subject,
            spki=spki,
            version_3=version == 3,
        )
        return sign_tbs(tbs, key)

    def owned(
        self, subject: bytes, spki: bytes, key: SigningKey | None = None, issuer: bytes | None = None
    ) -> bytes:
        """DER of a certificate by the owner: of version 3, no authority."""
        owner = self.key("owner") if key is None else key
        return certificate(
            subject=subject,
            spki=spki,
            issuer=_OWNER_NAME if issuer is None else issuer,
            key=owner,
            not_before=_OWNER_VALID[0],
            not_after=_OWNER_VALID[1],
            serial=b"\x2d" + derive_bytes(spki, "marvell-owner", 19),
            extensions=(
                extension("2.5.29.19", encode(SEQUENCE)),
                key_usage(0, 2),
                subject_key_identifier(spki),
                authority_key_identifier(owner.spki),
            ),
        )

    def root_der(self, label: str = "root") -> bytes:
        """The certificate of the maker's root or of the owner's."""
        key = self.key(label)
        if label == "owner":
            return certificate(
                subject=_OWNER_NAME,
                spki=key.spki,
                issuer=_OWNER_NAME,
                key=key,
                not_before=_OWNER_VALID[0],
                not_after=_OWNER_VALID[1],
                extensions=(basic_constraints(), key_usage(0, 5, 6), subject_key_identifier(key.spki)),
            )
        return self.certify(
            _ROOT_NAME, key.spki, _ROOT_NAME, key, serial=b"\0\xc0\xea\xad\xf4\x34\xde\xdc\x17"
        )

    def make(
        self, adapter: str, *, partition: int = 1, owned: bool = True, version: int = 2
    ) -> "TestMarvell":
        """A partition of a card; see `TestMarvell`."""
        return TestMarvell(self, adapter, partition, owned, version)


@dataclass(frozen=True)
class TestMarvell:
    """One partition of one card.

    Attributes:
        maker: its vendor.
        adapter: the card.
        partition: its number.
        owned: whether a cloud provider owns it, and certified it.
        version: of its statements.
    """

    __test__ = False

    maker: TestMarvellMaker
    adapter: str
    partition: int
    owned: bool
    version: int
    mode: str = field(default=", for FIPS mode", kw_only=True)

    @property
    def key(self) -> SigningKey:
        """The partition's key."""
        return self.maker.key(f"partition/{self.adapter}/{self.partition}")

    @property
    def card_key(self) -> SigningKey:
        """The card's key."""
        return self.maker.key(f"card/{self.adapter}")

    @property
    def name(self) -> bytes:
        """DER of the partition's name."""
        return _card_name(f"HSM:{self.adapter}:PARTN:{self.partition}{self.mode}")

    @property
    def card_name(self) -> bytes:
        """DER of the card's name."""
        return _card_name(f"HSM:{self.adapter}{self.mode}")

    def partition_der(self, *, subject: bytes | None = None, spki: bytes | None = None) -> bytes:
        """The card's certificate of the partition."""
        return self.maker.certify(
            self.name if subject is None else subject,
            self.key.spki if spki is None else spki,
            self.card_name,
            self.card_key,
            version=3,
        )

    def card_der(self, *, subject: bytes | None = None, extensions: tuple[bytes, ...] = ()) -> bytes:
        """The maker's certificate of the card."""
        return self.maker.certify(
            self.card_name if subject is None else subject,
            self.card_key.spki,
            _ROOT_NAME,
            self.maker.key("root"),
            serial=b"\0\xdd" + derive_bytes(self.card_key.spki, "marvell-card", 7),
            extensions=extensions,
        )

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The maker's path, then the owner's."""
        owner = (self.maker.owned(self.name, self.key.spki),) if self.owned else ()
        return (self.partition_der(), self.card_der(), *owner)

    def generate(self, number: int = 1, kind: str = "ec-p256") -> SigningKey:
        """A key that this partition generated."""
        return derive_key(self.maker.seed, f"marvell/{self.adapter}/{self.partition}/{number}", kind)

    def attest(self, public_key: bytes) -> Evidence:
        """Evidence that `public_key` (SubjectPublicKeyInfo, DER) was generated in this partition."""
        return Evidence(FORMAT, self.statement(public_key), self.chain)

    def statement(
        self,
        public_key: bytes,
        *,
        public: Mapping[int, bytes | None] | None = None,
        private: Mapping[int, bytes | None] | None = None,
        key: SigningKey | None = None,
    ) -> bytes:
        """The statement, signed; `public` and `private` change attributes of either half."""
        objects: list[tuple[int, Mapping[int, bytes]]] = [
            (0xA1C, key_attributes(public_key, False, public)),
            (0xA1D, key_attributes(public_key, True, private)),
        ]
        if self.version == 2:
            return self.sign(statement_2(objects), key)
        prefix = derive_bytes(public_key, "marvell-prefix", 984)
        return self.sign(prefix + b"".join(key_object(*one) for one in objects), key)

    def sign(self, signed: bytes, key: SigningKey | None = None) -> bytes:
        """`signed` and the partition's signature, in the way of the statement's version."""
        signer = self.key if key is None else key
        if self.version == 2:
            return signed + signer.sign(signed)
        return signed + bare_signature(signer, signed)
