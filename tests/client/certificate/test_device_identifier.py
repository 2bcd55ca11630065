# SPDX-License-Identifier: Apache-2.0
"""Device identifiers: the table of schemes, canonical values and their hashes."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from keystead.certificate.device_identifier import (
    ARC,
    EXTENSION_OID,
    RESERVED,
    SCHEME_ARC,
    SCHEMES,
    SCHEMES_BY_OID,
    DeviceClass,
    device_id,
    scheme_class,
    scheme_name,
)
from keystead.encoding.der import decode_oid, encode_oid, parse
from keystead.errors import ParseError


@pytest.mark.samples
def test_published_device_ids_reproduce(samples: Path) -> None:
    """Every scheme of the published vectors, with its number, identifier, class and the id of its example."""
    vectors = json.loads((samples / "vectors/identity.json").read_bytes())["device_ids"]
    assert {listed["scheme"] for listed in vectors} == set(SCHEMES)
    for listed in vectors:
        scheme = SCHEMES[listed["scheme"]]
        assert (scheme.number, scheme.oid, scheme.class_) == (
            listed["number"],
            listed["oid"],
            listed["class"],
        )
        assert device_id(listed["scheme"], listed["value"]).hex() == listed["device_id"]


def test_an_id_hashes_scheme_and_value() -> None:
    """One number under two schemes is two devices: the serials of YubiKeys and YubiHSMs overlap."""
    expected = sha256(b"keystead/device/v1\nyubihsm-serial\n13200460").digest()
    assert device_id("yubihsm-serial", "13200460") == expected
    assert device_id("yubico-piv-serial", "13200460") != expected


def test_the_table_is_consistent() -> None:
    """Numbers are unique, none is reserved, and both mappings hold the same schemes."""
    assert list(SCHEMES.values()) == list(SCHEMES_BY_OID.values())
    assert len({scheme.number for scheme in SCHEMES.values()}) == len(SCHEMES)
    assert not set(RESERVED) & set(SCHEMES_BY_OID)
    assert [scheme.name for scheme in SCHEMES.values() if scheme.experimental] == ["pkix-evidence-serial"]
    assert f"{ARC}.1" == EXTENSION_OID
    for scheme in SCHEMES.values():
        assert decode_oid(parse(encode_oid(scheme.oid))) == scheme.oid
    assert all(int(arc) < 2**24 for arc in ARC.split("."))


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("yubico-piv-serial", "028557046"),
        ("yubico-piv-serial", ""),
        ("yubico-piv-serial", "28557046\n"),
        ("yubico-piv-serial", "٢٨"),
        ("yubico-piv-serial", "-1"),
        ("luna-serial", "0x1f"),
        ("luna-serial", "1" * 2000),
        ("crypto4a-serial", "QSM 000129"),
        ("marvell-adapter", "HSM:5.2G1804-ICM000678"),
        ("marvell-adapter", "5.2G1804-ICM000678, for FIPS mode"),
        ("nshield-esn", "8938-1075-88bb"),
        ("nshield-esn", "8938-1075-"),
        ("nshield-world", "8780FD7238EE86EE3B124486D222B597AAA7A2A8"),
        ("nshield-world", "8780fd72"),
        ("pkix-evidence-serial", "ab//"),
        ("pkix-evidence-serial", "ab/1/2/3"),
        ("manufacturer-serial", "Thales/safenetetoken/02a1b2c3"),
        ("manufacturer-serial", "thales/safenetetoken"),
        ("smartcard-hsm-id", "DECC 1203239"),
        ("tpm-ek", "1"),
    ],
)
def test_other_spellings_and_schemes_have_no_id(scheme: str, value: str) -> None:
    """One device has one spelling: a second one would give it a second identity."""
    with pytest.raises(ParseError):
        device_id(scheme, value)


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        ("yubico-piv-serial", "0"),
        ("marvell-adapter", "5.2G1804-ICM000678"),
        ("pkix-evidence-serial", "ab///cd"),
        ("smartcard-hsm-id", "DECC1203239"),
    ],
)
def test_canonical_values_have_an_id(scheme: str, value: str) -> None:
    """Edges of the canonical forms."""
    assert len(device_id(scheme, value)) == 32


def test_unknown_schemes_are_units_named_by_their_number() -> None:
    """A scheme outside the table has no name and the class unit; known ones go by name or identifier."""
    assert scheme_name("1.2.3") == "1.2.3"
    assert scheme_class("1.2.3") is DeviceClass.UNIT
    assert scheme_name(f"{SCHEME_ARC}.10") == "nshield-world"
    assert scheme_class(f"{SCHEME_ARC}.10") is scheme_class("nshield-world") is DeviceClass.DOMAIN
    assert scheme_class("marvell-adapter") is DeviceClass.APPLIANCE
