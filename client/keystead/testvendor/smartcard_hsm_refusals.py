# SPDX-License-Identifier: Apache-2.0
"""Requests by SmartCard-HSMs that must be refused, each for one reason, signed again where they are signed."""

from collections.abc import Callable

from keystead.devices.card_certificate import SCHEME
from keystead.devices.card_tlv import encode_card, read_card_elements
from keystead.devices.evidence import Evidence
from keystead.devices.smartcard_hsm import FORMAT
from keystead.encoding.der import encode_oid
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.refusals import Refusal, chain_refusals, flip, stray_certificate
from keystead.testvendor.smartcard_hsm import (
    TestSmartCardHsm,
    TestSmartCardHsmMaker,
    card_key,
    card_signature,
)

__all__ = ["all_smartcard_hsm_refusals"]

_MALFORMED = "malformed-attestation"
_ECDSA_SHA1 = encode_oid("0.4.0.127.0.7.2.2.2.2.1")
_ECDSA_SHA256 = encode_oid("0.4.0.127.0.7.2.2.2.2.3")


def all_smartcard_hsm_refusals(maker: TestSmartCardHsmMaker) -> list[Refusal]:
    """Of a device of this maker."""
    device = maker.make("XTTS0100001")
    key = derive_key(maker.seed, "smartcard-hsm/attested")
    good = device.attest(key)
    stray = maker.issue(1, "XTStray00001", "stray", "XTStray00001", "stray")
    return [
        *chain_refusals(
            good,
            maker.root_der,
            stray=stray,
            swapped=maker.issue(1, "XTDITS0100001", "swapped", "XTSRCACC100001", "root"),
        ),
        *_signature_refusals(device, key, good),
        *_request_refusals(device, key),
        *_key_refusals(device, key),
        *_encoding_refusals(good),
        *_certificate_refusals(device, good),
        *_shape_refusals(device, good),
    ]


def _signature_refusals(device: TestSmartCardHsm, key: SigningKey, good: Evidence) -> list[Refusal]:
    maker, inner = device.maker, device.inner(key)
    twin = maker.make("XTTS0100002")
    own = maker.issue(2, device.holder, "own", "XTDITS0100001", "own")

    def of(name: str, check: str, names: str, data: bytes, *chain: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain or good.chain), check, names)

    *_, signature = read_card_elements(read_card_elements(good.data, "")[0].value, "")
    other = encode_card(
        0x67,
        device.inner(device.generate("another")),
        encode_card(0x42, device.holder.encode()),
        signature.encoded,
    )
    (body, _) = read_card_elements(read_card_elements(inner, "")[0].value, "")
    by_another = card_signature(device.generate("another"), body.encoded)
    unproven = encode_card(0x7F21, body.encoded, encode_card(0x5F37, by_another))
    return [
        of("the signature is wrong", "wrong-signature", "did not sign", flip(good.data, -1)),
        of("another key's signature is replayed", "wrong-signature", "did not sign", other),
        of(
            "another device made it",
            "wrong-signature",
            "did not sign",
            device.request(inner, key=twin.key),
        ),
        of(
            "another device is said to have made it",
            "device-mismatch",
            "XTTS0100002",
            device.request(inner, twin.holder),
        ),
        of(
            "the device is another",
            "wrong-signature",
            "did not sign",
            good.data,
            *twin.chain,
        ),
        of(
            "the device key is the user's",
            "wrong-signature",
            "did not sign",
            device.request(inner, key=maker.key("own")),
            own,
            maker.issuer_der,
        ),
        of("the device is a key that it attests", "malformed-chain", "role", good.data, inner, *good.chain),
        of("the key did not sign its request", "wrong-signature", "attested key", device.request(unproven)),
    ]


def _request_refusals(device: TestSmartCardHsm, key: SigningKey) -> list[Refusal]:
    inner = device.inner(key)
    named = encode_card(0x42, device.holder.encode())

    def of(name: str, names: str, data: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, device.chain), _MALFORMED, names)

    def changed(name: str, names: str, old: bytes, new: bytes) -> Refusal:
        def change(body: bytes) -> bytes:
            (element,) = read_card_elements(body, "")
            return encode_card(0x7F4E, element.value.replace(old, new, 1))

        return of(name, names, device.attest(key, change).data)

    holder = encode_card(0x5F20, b"XTTS010000100001")
    authority = encode_card(0x42, b"XTCA00001")
    signature = encode_card(0x5F37, card_signature(device.key, inner + named))
    longer = encode_card(0x5F37, card_signature(device.key, inner + named) + b"\0")
    return [
        of("the request is a certificate", "0x67", device.chain[0]),
        of("the request is not by a device", "0x67", inner),
        of("the device is not named", "device that made it", encode_card(0x67, inner, signature)),
        of("the device's signature is missing", "device's signature", encode_card(0x67, inner, named)),
        of("the device's signature is longer", "65 bytes", encode_card(0x67, inner, named, longer)),
        of("the request has something more", "more", encode_card(0x67, inner, named, signature, named)),
        of("the device's name is too short", "6 to 16", device.request(inner, "XT001")),
        of("the device's name has a space", "6 to 16", device.request(inner, "XT 00001")),
        changed("the version is another", "version", b"\x5f\x29\x01\x00", b"\x5f\x29\x01\x01"),
        changed("the version is missing", "version", b"\x5f\x29\x01\x00", b""),
        changed("the key is missing", "key", card_key(key.spki, parameters=True), b""),
        changed("the key has no holder", "holder", holder, b""),
        changed("the key's holder is too long", "6 to 16", holder, encode_card(0x5F20, bytes(17))),
        changed("the authority is no text", "6 to 16", authority, encode_card(0x42, bytes(9))),
        changed("the body has something more", "more", holder, holder + b"\x53\x00"),
        changed("the authority is there twice", "key", authority, authority * 2),
    ]


def _key_refusals(device: TestSmartCardHsm, key: SigningKey) -> list[Refusal]:
    def of(name: str, check: str, names: str, change: Callable[[bytes], bytes]) -> Refusal:
        def whole(body: bytes) -> bytes:
            (element,) = read_card_elements(body, "")
            parts = read_card_elements(element.value, "")
            made = [
                encode_card(0x7F49, change(one.value)) if one.tag == 0x7F49 else one.encoded for one in parts
            ]
            return encode_card(0x7F4E, *made)

        return Refusal(name, device.attest(key, whole), check, names)

    compressed = encode_card(0x86, b"\x02" + bytes(32))

    def point(value: bytes, new: bytes) -> bytes:
        old = next(one for one in read_card_elements(value, "") if one.tag == 0x86)
        return value.replace(old.encoded, new)

    return [
        of(
            "the key is for SHA-1",
            _MALFORMED,
            "RSA PKCS#1",
            lambda value: value.replace(_ECDSA_SHA256, _ECDSA_SHA1),
        ),
        of("the curve is not known", _MALFORMED, "not known", lambda value: flip(value, 20)),
        of("the cofactor is another", _MALFORMED, "not known", lambda value: flip(value, -1, 3)),
        of("the cofactor is missing", _MALFORMED, "cofactor", lambda value: value[:-3]),
        of(
            "a parameter is missing",
            _MALFORMED,
            "parameter",
            lambda value: value.replace(b"\x82\x20", b"\x83\x20", 1),
        ),
        of("the point is missing", _MALFORMED, "point", lambda value: point(value, b"")),
        of("the point is compressed", _MALFORMED, "uncompressed", lambda value: point(value, compressed)),
        of(
            "the point is hybrid",
            _MALFORMED,
            "uncompressed",
            lambda value: value.replace(b"\x86\x41\x04", b"\x86\x41\x06"),
        ),
        of("the key has something more", _MALFORMED, "more", lambda value: value + b"\x53\x00"),
        of(
            "the point is on no curve",
            "malformed-key",
            "cannot be used",
            lambda value: flip(value, -4),
        ),
    ]


def _encoding_refusals(good: Evidence) -> list[Refusal]:
    def of(name: str, names: str, data: bytes) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), _MALFORMED, names)

    length = b"\x82" + len(good.data[4:]).to_bytes(2)
    rest = good.data[4:]
    return [
        of("the request is cut short", "early", good.data[:-1]),
        of("the request is its first byte", "early", good.data[:1]),
        of("something follows the request", "more", good.data + encode_card(0x53)),
        of("a tag has three bytes", "tag", b"\x7f\x81\x21\x00"),
        of("a tag is longer than needed", "tag", b"\x7f\x1e\x00"),
        of("a length is indefinite", "length", b"\x67\x80" + rest + b"\0\0"),
        of("a length is longer than needed", "length", b"\x67\x83\0" + length[1:] + rest),
        of("a length has a zero before it", "length", b"\x67\x82\x00\x10" + bytes(16)),
        of("there are too many elements", "more than 64", encode_card(0x67, *[encode_card(0x53)] * 65)),
    ]


def _certificate_refusals(device: TestSmartCardHsm, good: Evidence) -> list[Refusal]:
    maker, name, issuer = device.maker, device.holder, "XTDITS0100001"
    no_device, no_issuer = "not-a-device-certificate", "not-an-issuing-certificate"
    foreign = encode_oid("1.3.6.1.4.1.24991.3.1.2")

    def of(why: str, check: str, names: str, *chain: bytes) -> Refusal:
        return Refusal(why, Evidence(FORMAT, good.data, chain), check, names)

    def device_of(**changed: object) -> bytes:
        return maker.issue(2, name, name, issuer, "issuer", **changed)  # type: ignore[arg-type]

    def issuer_of(**changed: object) -> bytes:
        return maker.issue(1, issuer, "issuer", "XTSRCACC100001", "root", **changed)  # type: ignore[arg-type]

    above = maker.issue(1, "XTDITS0200001", "above", "XTSRCACC100001", "root")
    below = maker.issue(1, issuer, "issuer", "XTDITS0200001", "above")
    return [
        of("an issuer made the request", no_device, "no device", device_of(role=0x80), maker.issuer_der),
        of("a root made the request", no_device, "no device", device_of(role=0xC0), maker.issuer_der),
        of(
            "the device is one of another scheme",
            no_device,
            "no device",
            device_of(scheme=foreign),
            maker.issuer_der,
        ),
        of("a device issued the device", no_issuer, "no issuer", good.chain[0], issuer_of(role=0x00)),
        of("a root issued the device", no_issuer, "no issuer", good.chain[0], issuer_of(role=0xC0)),
        of(
            "the issuer is one of another scheme",
            no_issuer,
            "no issuer",
            good.chain[0],
            issuer_of(scheme=foreign),
        ),
        of("there are two levels of issuers", no_issuer, "stands above", good.chain[0], below, above),
    ]


def _shape_refusals(device: TestSmartCardHsm, good: Evidence) -> list[Refusal]:
    maker, name = device.maker, device.holder
    rsa = card_key(derive_key(maker.seed, "smartcard-hsm/rsa", "rsa-2048").spki, parameters=False)

    def of(why: str, names: str, first: bytes) -> Refusal:
        return Refusal(why, Evidence(FORMAT, good.data, (first, good.chain[1])), "malformed-chain", names)

    def changed(why: str, names: str, old: bytes, new: bytes) -> Refusal:
        def change(body: bytes) -> bytes:
            (element,) = read_card_elements(body, "")
            return encode_card(0x7F4E, element.value.replace(old, new, 1))

        return of(why, names, maker.issue(2, name, name, "XTDITS0100001", "issuer", change=change))

    key = card_key(maker.key(name).spki, parameters=False)
    since = encode_card(0x5F25, b"\2\6\0\5\2\x08")
    role = encode_card(0x53, b"\0")
    template = encode_card(0x7F4C, SCHEME, role)
    return [
        of("the device's certificate is of X.509", "element 1", stray_certificate()),
        changed("the device's key is of RSA", "RSA", key, rsa),
        changed("the device's first day is missing", "first day", since, b""),
        changed(
            "the device's first day is none", "does not exist", since, encode_card(0x5F25, b"\2\6\0\5\3\2")
        ),
        changed("the device's first day has no digits", "six digits", since, encode_card(0x5F25, b"260528")),
        changed("the device's first day is short", "six digits", since, encode_card(0x5F25, b"\2\6")),
        changed("the device's role is missing", "its value", template, encode_card(0x7F4C, SCHEME)),
        changed(
            "the device's role is another thing", "more", template, encode_card(0x7F4C, SCHEME, role, role)
        ),
    ]
