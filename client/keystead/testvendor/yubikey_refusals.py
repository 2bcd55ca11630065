# SPDX-License-Identifier: Apache-2.0
"""YubiKey attestations that must be refused, each for one reason."""

from keystead.devices.evidence import Evidence
from keystead.devices.yubikey_piv import FORMAT
from keystead.encoding.der import BIT_STRING, SEQUENCE, encode, encode_integer, encode_oid, parse
from keystead.testvendor.certificates import basic_constraints, certificate, common_name, extension
from keystead.testvendor.keys import SigningKey, derive_key
from keystead.testvendor.refusals import Refusal, chain_refusals, flip
from keystead.testvendor.yubikey import HIERARCHIES, PIV_ARC, TestYubiKey, TestYubiKeyMaker

__all__ = ["all_yubikey_refusals", "yubikey_refusals"]

_VALID = (1_457_913_600, 2_596_924_800)


def all_yubikey_refusals(maker: TestYubiKeyMaker) -> list[Refusal]:
    """Refusals for the shortest and the longest chain."""
    devices = [maker.make(20_000_001, firmware=firmware) for firmware in ((5, 4, 3), (5, 7, 4))]
    return [one for device in devices for one in yubikey_refusals(device, device.generate("9c").spki)]


def yubikey_refusals(device: TestYubiKey, public_key: bytes) -> list[Refusal]:
    """Everything that can be wrong with an attestation of `public_key` by `device`."""
    good = device.attest(public_key)
    root_der = device.maker.root_der(device.hierarchy)
    return [
        *chain_refusals(good, root_der),
        *_attestation_refusals(device, public_key, good),
        *_extension_refusals(device, public_key),
        *_f9_refusals(device, public_key),
        *(_issuer_refusals(device, public_key) if len(good.chain) == 3 else []),
    ]


def _attestation_refusals(device: TestYubiKey, public_key: bytes, good: Evidence) -> list[Refusal]:
    def refusal(name: str, data: bytes, check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, good.chain), check, names)

    sha1 = encode(SEQUENCE, encode_oid("1.2.840.113549.1.1.5"), b"\x05\x00")
    tbs, _, signature = parse(good.data).children()
    restated = encode(SEQUENCE, tbs.encoded, sha1, signature.encoded)
    no_slot = device.attestation(public_key, subject=common_name("YubiKey PIV Attestation"))
    wrong_slot = device.attestation(public_key, subject=common_name("YubiKey PIV Attestation 9b"))
    critical = device.attestation(public_key, extra_extensions=(extension("1.2.3", b"", critical=True),))
    authority = device.attestation(public_key, extra_extensions=(basic_constraints(),))
    twice = device.attestation(public_key, extra_extensions=(extension(f"{PIV_ARC}.7", encode_integer(1)),))
    return [
        refusal("the attestation is cut short", good.data[:-1], "malformed-attestation", "attestation"),
        refusal(
            "the attestation has trailing bytes", good.data + b"\0", "malformed-attestation", "attestation"
        ),
        refusal(
            "the attestation's signature is wrong", flip(good.data, -1), "wrong-signature", "did not sign"
        ),
        refusal("the serial number was altered", _altered(device, good), "wrong-signature", "did not sign"),
        refusal("another algorithm is stated", restated, "signature-algorithm", "algorithm"),
        refusal("the subject names no slot", no_slot, "not-an-attestation", "subject"),
        refusal("the subject names no PIV slot", wrong_slot, "not-an-attestation", "subject"),
        refusal("a critical extension is unknown", critical, "unknown-critical-extension", "1.2.3"),
        refusal("the attestation is an authority", authority, "not-an-attestation", "basicConstraints"),
        refusal("the serial number is there twice", twice, "malformed-attestation", "twice"),
        refusal("the f9 certificate attests itself", device.f9_der, "not-an-attestation", "subject"),
        refusal("the attested point is on no curve", device.attestation(_bad_key()), "malformed-key", "key"),
    ]


def _extension_refusals(device: TestYubiKey, public_key: bytes) -> list[Refusal]:
    changes: list[tuple[str, int, bytes | None, str]] = [
        ("the firmware is missing", 3, None, "firmware"),
        ("the firmware has two bytes", 3, b"\x05\x04", f"{PIV_ARC}.3"),
        ("the firmware is wrapped in DER", 3, b"\x04\x03\x05\x04\x03", f"{PIV_ARC}.3"),
        ("the serial number is raw", 7, b"\x01\xb3\xbe\xf6", "serial number"),
        ("the serial number is empty", 7, b"", "serial number"),
        ("the serial number is zero", 7, encode_integer(0), "serial number"),
        ("the serial number is negative", 7, encode_integer(-7), "serial number"),
        ("the serial number is beyond 32 bits", 7, encode_integer(2**32), "serial number"),
        ("the serial number is padded", 7, b"\x02\x05\x00\x01\xb3\xbe\xf6", "serial number"),
        ("the serial number has trailing bytes", 7, encode_integer(7) + b"\0", "serial number"),
        ("the policies are missing", 8, None, "policy"),
        ("the policies have three bytes", 8, b"\x02\x01\x00", f"{PIV_ARC}.8"),
        ("the form factor is empty", 9, b"", f"{PIV_ARC}.9"),
    ]
    return [
        Refusal(
            name,
            Evidence(
                FORMAT,
                device.attestation(public_key, changed={f"{PIV_ARC}.{number}": value}),
                device.chain,
            ),
            "malformed-extension",
            names,
        )
        for name, number, value, names in changes
    ]


def _f9_refusals(device: TestYubiKey, public_key: bytes) -> list[Refusal]:
    shape = HIERARCHIES[device.hierarchy]
    issuer = (*shape.intermediates, shape.root)[0]
    own_key = derive_key(device.maker.seed, "the user's own f9")
    own_root = derive_key(device.maker.seed, "the user's own root")
    own_leaf = device.attestation(public_key, key=own_key)
    above = device.chain[1:]

    def f9(key: SigningKey, issuer: str, spki: bytes, *extensions: bytes, subject: str = shape.f9) -> bytes:
        return certificate(
            subject=common_name(subject),
            spki=spki,
            issuer=common_name(issuer),
            key=key,
            not_before=_VALID[0],
            not_after=_VALID[1],
            extensions=(extension(f"{PIV_ARC}.3", b"\x05\x04\x03"), *extensions),
        )

    def refusal(name: str, data: bytes, chain: tuple[bytes, ...], check: str, names: str) -> Refusal:
        return Refusal(name, Evidence(FORMAT, data, chain), check, names)

    leaf, vendor_key, spki = device.attestation(public_key), device.maker.key(issuer), device.f9_key.spki
    constraints = basic_constraints(0)
    other_f9 = device.maker.make(
        1, firmware=device.firmware, batch="other", hierarchy=device.hierarchy
    ).f9_der
    self_made = f9(own_root, "User's Root", own_key.spki, constraints)
    imported = f9(own_root, issuer, own_key.spki, constraints)
    slot_key = device.generate("9a")
    slot_leaf = device.attestation(slot_key.spki, "9a")
    forged = _forged(slot_key, public_key)
    key_signing = extension("2.5.29.15", encode(BIT_STRING, b"\x07\x80"), critical=True)
    return [
        refusal("f9 is of another batch", leaf, (other_f9, *above), "wrong-signature", "did not sign"),
        refusal("the user made f9 and its root", own_leaf, (self_made,), "unknown-anchor", "User's Root"),
        refusal("the user imported f9", own_leaf, (imported, *above), "wrong-signature", "did not sign"),
        refusal(
            "an attested key attests another",
            forged,
            (slot_leaf, *device.chain),
            "not-a-device-certificate",
            "no f9 certificate",
        ),
        refusal(
            "f9 has another name",
            _renamed(device, public_key),
            (f9(vendor_key, issuer, spki, constraints, subject="Yubico PIV Attestation 9a"), *above),
            "not-a-device-certificate",
            "no f9 certificate",
        ),
        refusal(
            "f9 lacks basicConstraints",
            leaf,
            (f9(vendor_key, issuer, spki), *above),
            "not-a-device-certificate",
            "basicConstraints",
        ),
        refusal(
            "f9 is no authority",
            leaf,
            (f9(vendor_key, issuer, spki, basic_constraints(authority=False)), *above),
            "not-a-device-certificate",
            "basicConstraints",
        ),
        refusal(
            "f9 may not sign certificates",
            leaf,
            (f9(vendor_key, issuer, spki, constraints, key_signing), *above),
            "not-a-device-certificate",
            "keyUsage",
        ),
        refusal(
            "f9 has an unknown critical extension",
            leaf,
            (f9(vendor_key, issuer, spki, constraints, extension("1.2.3", b"", critical=True)), *above),
            "unknown-critical-extension",
            "1.2.3",
        ),
    ]


def _issuer_refusals(device: TestYubiKey, public_key: bytes) -> list[Refusal]:
    """What is wrong with the certificate above f9: below one root the vendor certifies other applets too."""
    shape, maker = HIERARCHIES[device.hierarchy], device.maker
    intermediate = shape.intermediates[1]

    def issued(subject: str, issuer: str, *extensions: bytes) -> bytes:
        return certificate(
            subject=common_name(subject),
            spki=maker.key(f"f9/{device.batch}" if subject == shape.f9 else subject).spki,
            issuer=common_name(issuer),
            key=maker.key(issuer),
            not_before=shape.not_before,
            not_after=shape.not_after,
            extensions=extensions,
        )

    def refusal(name: str, names: str, subject: str, *extensions: bytes) -> Refusal:
        chain = (
            issued(shape.f9, subject, basic_constraints(0)),
            issued(subject, intermediate, *extensions),
            device.chain[-1],
        )
        evidence = Evidence(FORMAT, device.attestation(public_key), chain)
        return Refusal(name, evidence, "not-an-issuing-certificate", names)

    further = "Yubico Attestation Intermediate B 2"
    fourth = (
        *device.chain[:2],
        issued(intermediate, further, basic_constraints(2)),
        issued(further, shape.root, basic_constraints(3)),
    )
    openpgp, piv = "Yubico OPGP Attestation B 1", "Yubico PIV Attestation B 1"
    return [
        refusal("f9 is issued for another applet", "OPGP", openpgp, basic_constraints(1)),
        refusal("f9's issuer lacks basicConstraints", "basicConstraints", piv),
        refusal("f9's issuer may not issue authorities", "below it", piv, basic_constraints(0)),
        refusal("f9's issuer is malformed", "malformed", piv, extension("2.5.29.19", b"\x30")),
        Refusal(
            "there is one authority more",
            Evidence(FORMAT, device.attestation(public_key), fourth),
            "not-an-issuing-certificate",
            "does not issue f9 certificates",
        ),
    ]


def _altered(device: TestYubiKey, good: Evidence) -> bytes:
    """The attestation with another serial number, not signed again."""
    stated = encode_integer(device.serial or 0)
    return good.data.replace(stated, flip(stated, -1))


def _bad_key() -> bytes:
    """SubjectPublicKeyInfo of a P-256 key whose point is on no curve."""
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    return encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0\x04" + b"\x01" * 64))


def _forged(slot_key: SigningKey, public_key: bytes) -> bytes:
    """An attestation of another device that the user of one device signs with an attested key."""
    return certificate(
        subject=common_name("YubiKey PIV Attestation 9c"),
        spki=public_key,
        issuer=common_name("YubiKey PIV Attestation 9a"),
        key=slot_key,
        not_before=_VALID[0],
        not_after=_VALID[1],
        extensions=(
            extension(f"{PIV_ARC}.3", b"\x05\x04\x03"),
            extension(f"{PIV_ARC}.7", encode_integer(12_345_678)),
            extension(f"{PIV_ARC}.8", b"\x02\x01"),
            extension(f"{PIV_ARC}.9", b"\x01"),
        ),
    )


def _renamed(device: TestYubiKey, public_key: bytes) -> bytes:
    """The attestation as f9 makes it when its own certificate has another subject."""
    return certificate(
        subject=common_name("YubiKey PIV Attestation 9a"),
        spki=public_key,
        issuer=common_name("Yubico PIV Attestation 9a"),
        key=device.f9_key,
        not_before=_VALID[0],
        not_after=_VALID[1],
        extensions=(
            extension(f"{PIV_ARC}.3", bytes(device.firmware)),
            extension(f"{PIV_ARC}.8", b"\x02\x01"),
        ),
    )
