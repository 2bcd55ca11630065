# SPDX-License-Identifier: Apache-2.0
"""The device extension in code: what a value can hold, and where errors lie in a certificate.

`tests/vectors/test_extension_vectors.py` has the encodings.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.device_identifier import DeviceIdentifier
from keystead.certificate.extension import (
    EXTENSION_OID,
    Method,
    SignatureCreationDevice,
    device_extension,
    parse_extension,
)
from keystead.errors import ParseError
from support.certificates import CODE_SIGNING, ec_key, mint, purposes, subject
from support.fuzzing import FUZZ, damaged, only_our_errors

ONE, TWO = DeviceIdentifier("1.2.3.4", bytes(32)), DeviceIdentifier("1.2.3.4", b"\x01" * 32)
WITHOUT_DEVICE = {Method.IT_AUDIT, Method.CLOUD_REPORT, Method.WITNESSED_CREATION, Method.SIGNING_SERVICE}
FULL = SignatureCreationDevice((ONE, TWO), Method.KEY_ATTESTATION, b"\x02" * 32, b"\x03" * 32)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"devices": (ONE, DeviceIdentifier("1.2.3.5", bytes(32)))}, "one device twice"),
        ({"devices": tuple(DeviceIdentifier("1.2.3", bytes([n]) * 32) for n in range(17))}, "more than 16"),
        ({"devices": (DeviceIdentifier("1.2.3", bytes(31)),)}, "deviceId is not 32 bytes"),
        ({"devices": (ONE,), "evidence_digest": b""}, "evidenceDigest is not 32 bytes"),
        ({"devices": (ONE,), "service": bytes(33)}, "service is not 32 bytes"),
        ({"devices": ()}, "no device, no evidence and no service"),
    ],
)
def test_values_that_cannot_be_encoded_cannot_be_made(fields: dict[str, Any], sentence: str) -> None:
    """The rules over the fields hold for values as for bytes."""
    with pytest.raises(ParseError, match=sentence):
        SignatureCreationDevice(**{"method": Method.KEY_ATTESTATION, **fields})


@pytest.mark.parametrize("method", Method)
def test_no_device_needs_evidence_or_a_service_by_the_right_method(method: Method) -> None:
    """With evidence any method may name no device; with a service alone only those that look at services."""
    assert SignatureCreationDevice((), method, evidence_digest=bytes(32)).devices == ()
    assert SignatureCreationDevice((), method, bytes(32), bytes(32)).devices == ()
    if method in WITHOUT_DEVICE:
        assert SignatureCreationDevice((), method, service=bytes(32)).service == bytes(32)
    else:
        with pytest.raises(ParseError, match=method.text):
            SignatureCreationDevice((), method, service=bytes(32))


def test_methods_have_the_names_of_the_asn1_module() -> None:
    """Each method is found by its name; others are refused."""
    assert [Method.from_text(method.text) for method in Method] == list(Method)
    assert Method.SHIPPED_BY_CA.text == "shippedByCA"
    for text in ("", "shippedbyca", "2", "certificateHold"):
        with pytest.raises(ParseError):
            Method.from_text(text)


def test_a_certificate_without_the_extension_has_none() -> None:
    """None is no error: such a certificate is a backfill."""
    assert device_extension(mint(subject(CN="x"), ec_key(1)).certificate) is None


def test_offsets_of_errors_count_in_the_certificate() -> None:
    """An extension that breaks at its n-th octet is refused n octets behind its offset in the certificate."""
    der = FULL.encode()
    broken = der.replace(b"\x0a\x01\x02", b"\x0a\x01\x09")
    certificate = mint(
        subject(CN="x"), ec_key(1), None, [purposes(CODE_SIGNING), (EXTENSION_OID, False, broken)]
    ).certificate
    with pytest.raises(ParseError) as caught:
        device_extension(certificate)
    assert caught.value.offset == certificate.der.index(b"\x0a\x01\x09")
    for trailing in (der + b"\x00", b""):
        certificate = mint(subject(CN="x"), ec_key(1), None, [(EXTENSION_OID, False, trailing)]).certificate
        with pytest.raises(ParseError):
            device_extension(certificate)


@given(
    devices=st.lists(st.binary(min_size=32, max_size=32), max_size=16, unique=True),
    arcs=st.lists(st.integers(0, 2**40), max_size=6),
    first=st.sampled_from(("0.39", "1.3", "2.5", "2.999")),
    method=st.sampled_from(Method),
    evidence=st.none() | st.binary(min_size=32, max_size=32),
    service=st.none() | st.binary(min_size=32, max_size=32),
)
@FUZZ
def test_every_value_that_can_be_made_comes_back(
    devices: list[bytes],
    arcs: list[int],
    first: str,
    method: Method,
    evidence: bytes | None,
    service: bytes | None,
) -> None:
    """Encoding and parsing are each other's inverse."""
    scheme = ".".join((first, *map(str, arcs)))
    identifiers = tuple(DeviceIdentifier(scheme, device) for device in devices)
    value = only_our_errors(
        lambda named: SignatureCreationDevice(named, method, evidence, service), identifiers
    )
    if value is not None:
        assert parse_extension(value.encode()) == value


@given(der=damaged(FULL.encode(), SignatureCreationDevice((ONE,), Method.DECLARED).encode()))
@FUZZ
def test_what_is_parsed_encodes_to_the_same_bytes(der: bytes) -> None:
    """Damage is refused, or it made another well-formed extension: there is one encoding of a value."""
    value = only_our_errors(parse_extension, der)
    if value is not None:
        assert value.encode() == der


def test_no_beginning_of_an_extension_is_one() -> None:
    """Every truncation is refused."""
    der = FULL.encode()
    for length in range(len(der)):
        with pytest.raises(ParseError):
            parse_extension(der[:length])
