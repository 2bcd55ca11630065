# SPDX-License-Identifier: Apache-2.0
"""Test SmartCard-HSMs: authenticated requests and card-verifiable certificates shaped like real ones.

Their order, names, roles and dates are those of published files of devices, which no test can read here; the
structure is TR-03110's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from keystead.certificate.public_key import load_public_key
from keystead.devices.card_certificate import SCHEME
from keystead.devices.card_curves import CURVES
from keystead.devices.card_tlv import encode_card
from keystead.devices.evidence import Evidence
from keystead.devices.smartcard_hsm import FORMAT
from keystead.devices.vendor_anchor import VendorAnchor
from keystead.encoding.der import encode_oid
from keystead.testvendor.keys import SigningKey, derive_key

__all__ = ["TestSmartCardHsm", "TestSmartCardHsmMaker", "card_body", "card_key", "card_signature"]

_ROOT, _ISSUER = "XTSRCACC100001", "XTDITS0100001"
_DAYS = ("121109", "321108"), ("240103", "321029"), ("260528", "311027")
_ROLES = 0xC0, 0x80, 0x00
_CURVE_NAMES = {
    "secp256r1": 0,
    "secp384r1": 1,
    "secp521r1": 2,
    "secp256k1": 3,
    "brainpoolP256r1": 4,
    "brainpoolP384r1": 5,
    "brainpoolP512r1": 6,
}


def card_key(spki: bytes, *, parameters: bool) -> bytes:
    """The key element, with the curve's parameters or without them."""
    key = load_public_key(spki)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return encode_card(
            0x7F49,
            encode_oid("0.4.0.127.0.7.2.2.2.1.2"),
            encode_card(0x81, numbers.n.to_bytes((key.key_size + 7) // 8)),
            encode_card(0x82, numbers.e.to_bytes(3)),
        )
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TypeError("no card has such a key")
    curve, point = CURVES[_CURVE_NAMES[key.curve.name]], key.public_numbers()
    written = encode_card(0x86, b"\x04", point.x.to_bytes(curve.size), point.y.to_bytes(curve.size))
    if parameters:
        tags = zip((0x81, 0x82, 0x83, 0x84, 0x85), curve.parameters, strict=True)
        written = b"".join((*(encode_card(*one) for one in tags), written, encode_card(0x87, b"\x01")))
    return encode_card(0x7F49, encode_oid("0.4.0.127.0.7.2.2.2.2.3"), written)


def card_body(
    key: bytes,
    holder: str,
    authority: str | None,
    *more: bytes,
    version: bytes = b"\0",
) -> bytes:
    """What is signed of a certificate or request: version, authority, key, holder, and what comes behind."""
    whose = b"" if authority is None else encode_card(0x42, authority.encode())
    named = encode_card(0x5F20, holder.encode())
    return encode_card(0x7F4E, encode_card(0x5F29, version), whose, key, named, *more)


def card_validity(role: int | None, since: str, until: str, scheme: bytes = SCHEME) -> bytes:
    """The holder's role and the days of a certificate."""
    template = b"" if role is None else encode_card(0x7F4C, scheme, encode_card(0x53, bytes((role,))))
    days = (encode_card(tag, bytes(map(int, day))) for tag, day in ((0x5F25, since), (0x5F24, until)))
    return template + b"".join(days)


def card_signature(key: SigningKey, message: bytes) -> bytes:
    """The octets of a signature: ECDSA's numbers one behind the other, or RSA's."""
    private = key.private_key
    if isinstance(private, ec.EllipticCurvePrivateKey):
        size = (private.curve.key_size + 7) // 8
        made = private.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        return b"".join(number.to_bytes(size) for number in decode_dss_signature(made))
    return key.sign(message)


class TestSmartCardHsmMaker:
    """Makes devices below one issuer and one root.

    Args:
        seed: what keys follow from.
    """

    __test__ = False

    def __init__(self, seed: bytes) -> None:
        self.seed = seed

    def key(self, label: str) -> SigningKey:
        """The key for a label, on the curve of the hierarchy."""
        return derive_key(self.seed, f"smartcard-hsm/{label}", "ec-bp256")

    def anchors(self) -> tuple[VendorAnchor, ...]:
        """The root."""
        return (VendorAnchor(_ROOT, self.key("root").spki, frozenset({FORMAT})),)

    @cached_property
    def root_der(self) -> bytes:
        """The root's own certificate, which alone writes parameters down."""
        return self.issue(0, _ROOT, "root", _ROOT, "root", parameters=True)

    @cached_property
    def issuer_der(self) -> bytes:
        """The issuer's certificate."""
        return self.issue(1, _ISSUER, "issuer", _ROOT, "root")

    def device_der(self, holder: str) -> bytes:
        """The certificate of the device with this holder reference."""
        return self.issue(2, holder, holder, _ISSUER, "issuer")

    def issue(
        self,
        level: int,
        holder: str,
        label: str,
        authority: str,
        signer: str,
        *,
        parameters: bool = False,
        role: int | None = None,
        scheme: bytes = SCHEME,
        change: Callable[[bytes], bytes] = bytes,
    ) -> bytes:
        """A certificate of the hierarchy's level 0 to 2, signed by the key for the label `signer`.

        `change` makes something else of the body before it is signed.
        """
        made = _ROLES[level] if role is None else role
        key = card_key(self.key(label).spki, parameters=parameters)
        extensions = encode_card(0x65) if level == 1 else b""
        validity = card_validity(made, *_DAYS[level], scheme)
        body = change(card_body(key, holder, authority, validity, extensions))
        return encode_card(0x7F21, body, encode_card(0x5F37, card_signature(self.key(signer), body)))

    def make(self, serial: str) -> "TestSmartCardHsm":
        """A device; see `TestSmartCardHsm`."""
        return TestSmartCardHsm(self, serial)


@dataclass(frozen=True)
class TestSmartCardHsm:
    """One test device.

    Attributes:
        maker: its vendor.
        serial: the holder reference without its sequence number (`XTTS0100001`).
    """

    __test__ = False

    maker: TestSmartCardHsmMaker
    serial: str

    @property
    def holder(self) -> str:
        """The device's holder reference."""
        return f"{self.serial}00000"

    @property
    def key(self) -> SigningKey:
        """The device key."""
        return self.maker.key(self.holder)

    @cached_property
    def chain(self) -> tuple[bytes, bytes]:
        """Device, issuer: what EF 2F02 holds, one behind the other."""
        return self.maker.device_der(self.holder), self.maker.issuer_der

    def generate(self, label: str = "signing", kind: str = "ec-p256") -> SigningKey:
        """The key that this device made under a label (a test can also sign with it)."""
        return derive_key(self.maker.seed, f"smartcard-hsm/{self.serial}/{label}", kind)

    def attest(self, key: SigningKey, change: Callable[[bytes], bytes] = bytes) -> Evidence:
        """Evidence that this device made `key`, which the device uses to sign its request."""
        return Evidence(FORMAT, self.request(self.inner(key, change)), self.chain)

    def inner(self, key: SigningKey, change: Callable[[bytes], bytes] = bytes) -> bytes:
        """The request by the key; `change` makes something else of the body before it is signed."""
        body = change(card_body(card_key(key.spki, parameters=True), f"{self.serial}00001", "XTCA00001"))
        return encode_card(0x7F21, body, encode_card(0x5F37, card_signature(key, body)))

    def request(self, inner: bytes, requester: str | None = None, key: SigningKey | None = None) -> bytes:
        """The request by the device, or in its name by another key."""
        named = encode_card(0x42, (requester or self.holder).encode())
        signature = card_signature(key or self.key, inner + named)
        return encode_card(0x67, inner, named, encode_card(0x5F37, signature))
