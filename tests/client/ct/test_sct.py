# SPDX-License-Identifier: Apache-2.0
"""SCTs: their bytes, what they sign, what must not verify, and the list that certificates embed."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from keystead.ct.extensions import encode_extensions
from keystead.ct.leaf import LogEntry
from keystead.ct.sct import (
    SignedCertificateTimestamp,
    encode_sct_list,
    parse_sct,
    parse_sct_list,
    parse_sct_list_extension_value,
    sct_list_extension_value,
    sign_sct,
    verify_sct,
)
from keystead.errors import ParseError, SignatureError, VerificationError
from support.ct_entries import CERTIFICATE, PRECERTIFICATE, entries
from support.fuzzing import FUZZ, damaged, only_our_errors

KEY = ec.derive_private_key(13, ec.SECP256R1())
SPKI = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
LOG_ID = sha256(SPKI).digest()
OTHER_KEY = ec.derive_private_key(17, ec.SECP256R1())
OTHER_SPKI = OTHER_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
SCT = sign_sct(PRECERTIFICATE, LOG_ID, KEY)


def test_bytes() -> None:
    """Version, log id, time, extensions and signature stand as section 3.2 has them."""
    assert SCT.encode() == (
        b"\x00"
        + LOG_ID
        + (1_700_000_000_001).to_bytes(8, "big")
        + b"\x00\x08\x00\x00\x05\x00\x00\x00\x00\x08"
        + b"\x04\x03\x00"
        + bytes((len(SCT.signature),))
        + SCT.signature
    )
    assert SCT.encode().endswith(SCT.digitally_signed)
    assert parse_sct(SCT.encode()) == SCT
    assert SCT.leaf_index == 8


def test_what_is_signed() -> None:
    """The signature is ECDSA with SHA-256 over the structure of section 3.2, written out here by hand."""
    signed = (
        b"\x00\x00"
        + (1_700_000_000_001).to_bytes(8, "big")
        + b"\x00\x01"
        + bytes(range(32))
        + b"\x00\x00\x03tbs\x00\x08"
        + encode_extensions(8)
    )
    KEY.public_key().verify(SCT.signature, signed, ec.ECDSA(hashes.SHA256()))


@given(entries())
@FUZZ
def test_every_entry_is_promised_alike(entry: LogEntry) -> None:
    """An entry always gets the identical SCT, which verifies after being written and read."""
    sct = sign_sct(entry, LOG_ID, KEY)
    assert sct == sign_sct(entry, LOG_ID, KEY)
    verify_sct(parse_sct(sct.encode()), entry, SPKI)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"timestamp": 5}, "sct-entry"),
        ({"leaf_index": 9}, "sct-entry"),
        ({"signed": b"other"}, "sct-signature"),
        ({"issuer_key_hash": bytes(32)}, "sct-signature"),
    ],
)
def test_another_entry(change: dict[str, Any], check: str) -> None:
    """An SCT of one entry is none of another: the error names what differs and keeps the evidence."""
    entry = replace(PRECERTIFICATE, **change)
    with pytest.raises(VerificationError) as caught:
        verify_sct(SCT, entry, SPKI)
    assert caught.value.check == check
    assert caught.value.evidence == {"sct": SCT.encode(), "leaf": entry.merkle_tree_leaf(), "key": SPKI}
    with pytest.raises(VerificationError):
        verify_sct(SCT, CERTIFICATE, SPKI)


def test_another_log() -> None:
    """An SCT is not another log's, whether it says so or not."""
    with pytest.raises(VerificationError) as caught:
        verify_sct(SCT, PRECERTIFICATE, OTHER_SPKI)
    assert caught.value.check == "sct-log"
    forged = replace(sign_sct(PRECERTIFICATE, LOG_ID, OTHER_KEY), log_id=LOG_ID)
    with pytest.raises(SignatureError):
        verify_sct(forged, PRECERTIFICATE, SPKI)
    with pytest.raises(SignatureError):
        verify_sct(replace(SCT, signature=b"garbage"), PRECERTIFICATE, SPKI)


def test_scts_of_other_logs() -> None:
    """An SCT without extensions is read, and has no index to tell."""
    sct = replace(SCT, extensions=b"")
    assert parse_sct(sct.encode()) == sct
    with pytest.raises(ParseError):
        _ = sct.leaf_index


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01" + SCT.encode()[1:],
        SCT.encode()[:-1],
        SCT.encode() + b"\x00",
        SCT.encode()[:33] + b"\x80" + SCT.encode()[34:],
        SCT.encode().replace(b"\x04\x03", b"\x04\x01"),
        SCT.encode()[: -len(SCT.digitally_signed)] + b"\x04\x03\x00\x00",
    ],
)
def test_what_is_no_sct(data: bytes) -> None:
    """Another version or algorithm, a time beyond 2^63 - 1, bytes too many or too few: refused."""
    with pytest.raises(ParseError):
        parse_sct(data)


@pytest.mark.parametrize(
    "change",
    [
        {"log_id": bytes(31)},
        {"timestamp": -1},
        {"timestamp": 2**63},
        {"extensions": bytes(2**16)},
        {"signature": b""},
        {"signature": bytes(2**16)},
    ],
)
def test_scts_that_cannot_be(change: dict[str, Any]) -> None:
    """A value outside its field makes no SCT."""
    values: dict[str, Any] = {"log_id": LOG_ID, "timestamp": 5, "extensions": b"", "signature": b"s"}
    assert SignedCertificateTimestamp(**values)
    with pytest.raises(ParseError):
        SignedCertificateTimestamp(**(values | change))


def test_list_bytes() -> None:
    """Lengths in two bytes around the list and around each SCT; DER's OCTET STRING around that."""
    data = b"\x00\x09\x00\x03abc\x00\x02de"
    assert encode_sct_list([b"abc", b"de"]) == data
    assert parse_sct_list(data) == [b"abc", b"de"]
    assert sct_list_extension_value([b"abc", b"de"]) == b"\x04\x0b" + data
    assert parse_sct_list_extension_value(b"\x04\x0b" + data) == [b"abc", b"de"]
    value = sct_list_extension_value([SCT.encode(), SCT.encode()])
    assert [parse_sct(sct) for sct in parse_sct_list_extension_value(value)] == [SCT, SCT]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x00",
        b"\x00\x02\x00\x00",
        b"\x00\x03\x00\x01",
        b"\x00\x03\x00\x02a",
        b"\x00\x03\x00\x01a\x00",
        b"\x00\x04\x00\x01a\x00",
        b"\x00\x05\x00\x01a\x00\x00",
    ],
)
def test_what_is_no_list(data: bytes) -> None:
    """Nothing in it, an SCT of no bytes, bytes too many or too few: refused, in DER as well."""
    with pytest.raises(ParseError):
        parse_sct_list(data)
    with pytest.raises(ParseError):
        parse_sct_list_extension_value(b"\x04" + bytes((len(data),)) + data)


def test_what_is_no_extension_value() -> None:
    """The list must be in exactly one OCTET STRING."""
    for value in (b"", b"\x05\x00", b"\x04\x05\x00\x03\x00\x01a\x00", b"\x03\x05\x00\x03\x00\x01a"):
        with pytest.raises(ParseError):
            parse_sct_list_extension_value(value)


def test_lists_that_cannot_be() -> None:
    """An empty list, an empty SCT, or more than fits is not written."""
    for scts in ([], [b""], [b"a", b""], [bytes(2**16)], 2 * [bytes(40_000)]):
        with pytest.raises(ParseError):
            encode_sct_list(scts)


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=20))
@FUZZ
def test_every_list_is_read_back(scts: list[bytes]) -> None:
    """SCTs in a list are opaque and survive."""
    assert parse_sct_list(encode_sct_list(scts)) == scts
    assert parse_sct_list_extension_value(sct_list_extension_value(scts)) == scts


@given(damaged(SCT.encode()))
@FUZZ
def test_scts_from_strangers(data: bytes) -> None:
    """A damaged SCT is refused, or encodes to what was read; none verifies but what was signed."""
    sct = only_our_errors(parse_sct, data)
    if sct is not None:
        assert sct.encode() == data
        try:
            verify_sct(sct, PRECERTIFICATE, SPKI)
        except VerificationError:
            return
        assert data == SCT.encode()


@given(damaged(sct_list_extension_value([SCT.encode(), b"other"])))
@FUZZ
def test_lists_from_strangers(data: bytes) -> None:
    """A damaged list is refused, or encodes to what was read."""
    scts = only_our_errors(parse_sct_list_extension_value, data)
    if scts is not None:
        assert sct_list_extension_value(scts) == data
