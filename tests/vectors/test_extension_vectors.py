# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/extension.json`, which was made without it."""

import json
from pathlib import Path
from typing import Any

import asn1tools
import pytest

from keystead.certificate.device_identifier import DeviceIdentifier
from keystead.certificate.extension import (
    EXTENSION_OID,
    Method,
    SignatureCreationDevice,
    device_extension,
    parse_extension,
)
from keystead.certificate.x509 import parse_certificate
from keystead.errors import ParseError
from vectors import make_extension_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "extension.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))


def _value(case: dict[str, Any]) -> SignatureCreationDevice:
    return SignatureCreationDevice(
        devices=tuple(
            DeviceIdentifier(device["scheme"], bytes.fromhex(device["device_id"]))
            for device in case["devices"]
        ),
        method=Method.from_text(case["method"]),
        evidence_digest=bytes.fromhex(case["evidence_digest"]) if case["evidence_digest"] else None,
        service=bytes.fromhex(case["service"]) if case["service"] else None,
    )


def test_the_file_is_what_its_maker_makes() -> None:
    """The vectors can be made again, octet for octet."""
    assert _FILE.read_text("utf-8") == make_extension_vectors.encoded()


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda case: case["what"])
def test_values_have_one_encoding(case: dict[str, Any]) -> None:
    """What is listed is what we parse, and what we encode is the listed DER."""
    der = bytes.fromhex(case["der"])
    assert parse_extension(der) == _value(case)
    assert _value(case).encode() == der


@pytest.mark.parametrize("case", VECTORS["invalid"], ids=lambda case: case["what"])
def test_malformed_extensions_are_refused_where_they_break(case: dict[str, Any]) -> None:
    """Each is refused, at the listed offset."""
    with pytest.raises(ParseError) as caught:
        parse_extension(bytes.fromhex(case["der"]))
    assert caught.value.offset == case["offset"]


def test_the_extension_of_a_certificate_is_found() -> None:
    """The certificate carries the first of the values, at the listed offset."""
    listed = VECTORS["certificate"]
    certificate = parse_certificate(bytes.fromhex(listed["der"]))
    found = certificate.extension(VECTORS["oid"])
    assert found is not None
    assert (found.oid, found.critical, found.value.hex()) == (EXTENSION_OID, False, listed["extension"])
    assert found.offset == listed["offset"]
    assert device_extension(certificate) == _value(VECTORS["valid"][0])


def test_the_asn1_module_decodes_what_we_encode_and_refuses_wrong_sizes() -> None:
    """The module compiles, reads every value back, and states the sizes that we check."""
    module = asn1tools.compile_files(str(make_extension_vectors.MODULE), "der")
    for case in VECTORS["valid"]:
        decoded = module.decode("SignatureCreationDevice", _value(case).encode(), check_constraints=True)
        assert decoded["method"] == case["method"]
        assert decoded.get("service", b"").hex() == (case["service"] or "")
    for what in ("seventeen devices", "a device id of 31 bytes", "an evidence digest of 31 bytes"):
        (case,) = (case for case in VECTORS["invalid"] if case["what"] == what)
        with pytest.raises(asn1tools.ConstraintsError):
            module.decode("SignatureCreationDevice", bytes.fromhex(case["der"]), check_constraints=True)
