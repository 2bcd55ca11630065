# SPDX-License-Identifier: Apache-2.0
"""YubiHSM attestations that must be refused, each for one reason."""

from keystead.devices.evidence import Evidence
from keystead.devices.yubihsm import FORMAT
from keystead.encoding.der import (
    BIT_STRING,
    OCTET_STRING,
    SEQUENCE,
    encode,
    encode_integer,
    encode_oid,
    parse,
)
from keystead.testvendor.certificates import basic_constraints, certificate, common_name, extension
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.refusals import Refusal, chain_refusals, flip
from keystead.testvendor.yubihsm import YUBIHSM_ARC, TestYubiHsm, TestYubiHsmMaker

__all__ = ["all_yubihsm_refusals", "yubihsm_refusals"]

_VALID = (1_483_228_800, 3_211_228_800)


def all_yubihsm_refusals(maker: TestYubiHsmMaker) -> list[Refusal]:
    """Refusals for both hierarchies."""
    devices = [maker.make(20_000_001, hierarchy=hierarchy) for hierarchy in ("sub-ca", "attestation-root")]
    return [one for device in devices for one in yubihsm_refusals(device, device.generate(3).spki)]


def yubihsm_refusals(device: TestYubiHsm, public_key: bytes) -> list[Refusal]:
    """Everything that can be wrong with an attestation of `public_key` by `device`."""
    good = device.attest(public_key)
    return [
        *chain_refusals(good, device.maker.root_der(device.hierarchy)),
        *_attestation_refusals(device, public_key, good),
        *_key_refusals(device, public_key),
        *_extension_refusals(device, public_key),
        *_device_refusals(device, public_key),
    ]


def _attestation_refusals(device: TestYubiHsm, public_key: bytes, good: Evidence) -> list[Refusal]:
    def refusal(name: str, data: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    sha1 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), b"\x05\x00")
    tbs, _, signature = parse(good.data).children()
    restated = encode(SEQUENCE, tbs.encoded, sha1, signature.encoded)
    stated = encode_integer(device.serial)
    altered = good.data.replace(stated, flip(stated, -1))
    named = common_name("YubiHSM Attestation id:3")
    critical = device.attestation(public_key, extra_extensions=(extension("1.2.3", b"", critical=True),))
    authority = device.attestation(public_key, extra_extensions=(basic_constraints(),))
    twice = device.attestation(
        public_key, extra_extensions=(extension(f"{YUBIHSM_ARC}.2", encode_integer(1)),)
    )
    point = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    bad_key = encode(SEQUENCE, point, encode(BIT_STRING, b"\0\x04" + b"\x01" * 64))
    return [
        refusal("the attestation is cut short", good.data[:-1], "malformed-attestation", "attestation"),
        refusal("it has trailing bytes", good.data + b"\0", "malformed-attestation", "attestation"),
        refusal("its signature is wrong", flip(good.data, -1), "wrong-signature", "did not sign"),
        refusal("its serial number was altered", altered, "wrong-signature", "did not sign"),
        refusal("another algorithm is stated", restated, "signature-algorithm", "algorithm"),
        refusal(
            "its subject is none of an object's",
            device.attestation(public_key, subject=named),
            "not-an-attestation",
            "subject",
        ),
        refusal("a critical extension is unknown", critical, "unknown-critical-extension", "1.2.3"),
        refusal("the attestation is an authority", authority, "not-an-attestation", "basicConstraints"),
        refusal("the serial number is there twice", twice, "malformed-attestation", "twice"),
        refusal(
            "the device certificate attests itself", device.device_der(), "not-an-attestation", "subject"
        ),
        refusal("the attested point is on no curve", device.attestation(bad_key), "malformed-key", "key"),
    ]


def _key_refusals(device: TestYubiHsm, public_key: bytes) -> list[Refusal]:
    """What the device attests too, and what is no good for this purpose."""

    def refusal(name: str, check: str, names: str, **stated: int) -> Refusal:
        leaf = device.attestation(public_key, **stated)  # type: ignore[arg-type]
        return Refusal(name, Evidence(FORMAT, leaf, device.chain()), check, names)

    return [
        refusal("the key was imported", "not-generated", "imported", origin=0x02),
        refusal("the key was imported under wrap", "not-generated", "imported under wrap", origin=0x10),
        refusal("it was generated and came back under wrap", "not-generated", "generated, im", origin=0x11),
        refusal("its origin is nothing known", "not-generated", "unknown", origin=0x00),
        refusal(
            "the key may leave under wrap", "extractable-key", "exportable", capabilities=1 << 16 | 1 << 7
        ),
    ]


def _extension_refusals(device: TestYubiHsm, public_key: bytes) -> list[Refusal]:
    changes: list[tuple[str, int, bytes | None, str]] = [
        ("the firmware is missing", 1, None, "firmware"),
        ("the firmware is raw", 1, b"\x02\x04\x00", f"{YUBIHSM_ARC}.1"),
        ("the firmware has two bytes", 1, encode(OCTET_STRING, b"\x02\x04"), f"{YUBIHSM_ARC}.1"),
        ("the serial number is missing", 2, None, "serial number"),
        ("the serial number is zero", 2, encode_integer(0), f"{YUBIHSM_ARC}.2"),
        ("the serial number is beyond 32 bits", 2, encode_integer(2**32), f"{YUBIHSM_ARC}.2"),
        ("the serial number has trailing bytes", 2, encode_integer(7) + b"\0", f"{YUBIHSM_ARC}.2"),
        ("the origin is missing", 3, None, "origin"),
        ("the origin is an integer", 3, encode_integer(1), f"{YUBIHSM_ARC}.3"),
        ("the origin has two bytes", 3, encode(BIT_STRING, b"\0\0\1"), f"{YUBIHSM_ARC}.3"),
        ("the origin has unused bits", 3, encode(BIT_STRING, b"\1\2"), f"{YUBIHSM_ARC}.3"),
        ("the domains are missing", 4, None, "domains"),
        ("the domains are eight", 4, encode(BIT_STRING, b"\0\1"), f"{YUBIHSM_ARC}.4"),
        ("the capabilities are missing", 5, None, "capabilities"),
        ("the capabilities are cut short", 5, encode(BIT_STRING, b"\0\x80"), f"{YUBIHSM_ARC}.5"),
        ("the object is missing", 6, None, f"{YUBIHSM_ARC}.6"),
        ("the object is another", 6, encode_integer(4), f"{YUBIHSM_ARC}.6"),
        ("the label is too long", 9, encode(0x0C, b"x" * 41), f"{YUBIHSM_ARC}.9"),
        ("the label is no UTF-8", 9, encode(0x0C, b"\xff"), f"{YUBIHSM_ARC}.9"),
    ]
    return [
        Refusal(
            name,
            Evidence(
                FORMAT,
                device.attestation(public_key, changed={f"{YUBIHSM_ARC}.{number}": value}),
                device.chain(),
            ),
            "malformed-extension",
            names,
        )
        for name, number, value, names in changes
    ]


def _device_refusals(device: TestYubiHsm, public_key: bytes) -> list[Refusal]:
    issuer, issuer_key = device.maker.issuer(device.hierarchy)
    above = device.chain()[1:]
    other = device.maker.make(device.serial + 1, firmware=device.firmware, hierarchy=device.hierarchy)
    own_key = derive_key(device.maker.seed, "the user's own attestation key")
    own_root = derive_key(device.maker.seed, "the user's own root")
    object_key = device.generate(7)
    leaf = device.attestation(public_key)

    def made(key: SigningKey, issuer: str, spki: bytes, *extensions: bytes, subject: bytes) -> bytes:
        return certificate(
            subject=subject,
            spki=spki,
            issuer=common_name(issuer),
            key=key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=extensions,
        )

    def refusal(name: str, data: bytes, chain: tuple[bytes, ...], check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    def renamed(text: str) -> tuple[bytes, tuple[bytes, ...]]:
        """The attestation and its chain where the device certificate has another name."""
        name = common_name(text)
        statement = made_by(device.key, name)
        certified = made(issuer_key, issuer, device.key.spki, basic_constraints(0), subject=name)
        return statement, (certified, *above)

    def made_by(key: SigningKey, name: bytes) -> bytes:
        return certificate(
            subject=common_name("YubiHSM Attestation id:0x0003"),
            spki=public_key,
            issuer=name,
            key=key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=tuple(
                extension(f"{YUBIHSM_ARC}.{number}", value)
                for number, value in (
                    (1, encode(OCTET_STRING, b"\x02\x04\x00")),
                    (2, encode_integer(device.serial)),
                    (3, encode(BIT_STRING, b"\0\x01")),
                    (4, encode(BIT_STRING, b"\0\0\x01")),
                    (5, encode(BIT_STRING, b"\0" + bytes(7) + b"\x80")),
                    (6, encode_integer(3)),
                )
            ),
        )

    own_leaf = device.attestation(public_key, key=own_key)
    self_made = made(own_root, "User's Root", own_key.spki, basic_constraints(0), subject=device.name)
    imported = made(own_root, issuer, own_key.spki, basic_constraints(0), subject=device.name)
    plain = made(issuer_key, issuer, device.key.spki, subject=device.name)
    no_authority = made(
        issuer_key, issuer, device.key.spki, basic_constraints(authority=False), subject=device.name
    )
    forged = made_by(object_key, common_name("YubiHSM Attestation id:0x0007"))
    restated = device.attestation(public_key, changed={f"{YUBIHSM_ARC}.2": encode_integer(device.serial + 1)})
    contradicting = device.device_der(changed={f"{YUBIHSM_ARC}.2": encode_integer(device.serial + 1)})
    no_place = "not-a-device-certificate"
    return [
        refusal("the device is another", leaf, other.chain(), "missing-link", "follows"),
        refusal("the user made the device certificate", own_leaf, (self_made,), "unknown-anchor", "User's"),
        refusal(
            "the user imported the device key",
            own_leaf,
            (imported, *above),
            "wrong-signature",
            "did not sign",
        ),
        refusal(
            "an attested key attests another",
            forged,
            (device.attestation(object_key.spki, 7), *device.chain()),
            no_place,
            "no device certificate",
        ),
        refusal(
            "the device certificate names an object",
            *renamed("YubiHSM Attestation id:0x0000"),
            no_place,
            "no device certificate",
        ),
        refusal("the device certificate lacks basicConstraints", leaf, (plain, *above), no_place, "basicC"),
        refusal("the device is no authority", leaf, (no_authority, *above), no_place, "basicConstraints"),
        refusal(
            "the device's name contradicts the attestation",
            restated,
            device.chain(),
            "device-mismatch",
            str(device.serial),
        ),
        refusal(
            "the device certificate contradicts the attestation",
            leaf,
            (contradicting, *above),
            "device-mismatch",
            str(device.serial + 1),
        ),
        _misissued(device, public_key),
    ]


def _misissued(device: TestYubiHsm, public_key: bytes) -> Refusal:
    """The device's issuer has the name of another product's, below the very same root."""
    name = "Yubico PIV Attestation B 1"
    key = derive_key(device.maker.seed, name)
    root = device.maker.anchor()
    above = certificate(
        subject=common_name(name),
        spki=key.spki,
        issuer=common_name(root.name),
        key=device.maker.key(root.name),
        not_before=_VALID[0],
        not_after=_VALID[1],
        extensions=(basic_constraints(1),),
    )
    below = certificate(
        subject=device.name,
        spki=device.key.spki,
        issuer=common_name(name),
        key=key,
        not_before=_VALID[0],
        not_after=_VALID[1],
        extensions=(basic_constraints(0),),
    )
    evidence = Evidence(FORMAT, device.attestation(public_key), (below, above))
    return Refusal("the device is issued for another product", evidence, "not-an-issuing-certificate", "PIV")
