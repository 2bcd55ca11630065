# SPDX-License-Identifier: Apache-2.0
"""Evidence has one encoding and one JSON form; everything else is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.evidence import (
    MAGIC,
    MAX_EVIDENCE_BYTES,
    Evidence,
    evidence_from_json,
    evidence_to_json,
    parse_evidence,
)
from keystead.encoding.rfc4648 import decode_base16
from keystead.errors import ParseError
from support.fuzzing import FUZZ, damaged, only_our_errors

GOOD = Evidence("yubikey-piv", b"leaf", (b"f9", b"root"))

FORMAT_NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=32)
PARTS = st.binary(min_size=1, max_size=300)


def test_encoding_is_as_specified() -> None:
    """Magic, format behind one byte of length, data behind three, the count, the elements behind three."""
    assert GOOD.encode() == (
        b"keystead/evidence/v1\n\x0byubikey-piv\x00\x00\x04leaf\x00\x02\x00\x00\x02f9\x00\x00\x04root"
    )


def test_digest_is_sha256_of_the_encoding() -> None:
    """The name of evidence is the SHA-256 of its encoding."""
    assert GOOD.digest == hashlib.sha256(GOOD.encode()).digest()


@pytest.mark.samples
def test_published_vectors_reproduce(samples: Path) -> None:
    """The vectors for evidence encode, parse and hash as stated."""
    vectors = json.loads((samples / "vectors" / "identity.json").read_bytes())["evidence"]
    assert vectors
    for vector in vectors:
        chain = tuple(decode_base16(part) for part in vector["chain"])
        evidence = Evidence(vector["format"], decode_base16(vector["data"]), chain)
        assert evidence.encode().hex() == vector["encoded"]
        assert evidence.digest.hex() == vector["digest"]
        assert parse_evidence(decode_base16(vector["encoded"])) == evidence


@FUZZ
@given(FORMAT_NAMES, PARTS, st.lists(PARTS, max_size=6))
def test_what_is_encoded_parses_to_the_same(name: str, data: bytes, chain: list[bytes]) -> None:
    """Encoding and JSON both lead back to the evidence."""
    evidence = Evidence(name, data, tuple(chain))
    assert parse_evidence(evidence.encode()) == evidence
    assert evidence_from_json(json.loads(json.dumps(evidence_to_json(evidence)))) == evidence


@FUZZ
@given(damaged(GOOD.encode(), Evidence("luna-pkc", b"\x30\x00", ()).encode()))
def test_damaged_encodings_parse_canonically_or_not_at_all(data: bytes) -> None:
    """Whatever parses encodes to the very bytes it was parsed from; nothing but our errors escapes."""
    evidence = only_our_errors(parse_evidence, data)
    if evidence is not None:
        assert evidence.encode() == data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@FUZZ
@given(st.fixed_dictionaries({"format": JSON, "data": JSON, "chain": JSON}) | JSON)
def test_any_json_value_is_read_or_refused(value: Any) -> None:
    """No JSON value makes anything but our errors."""
    only_our_errors(evidence_from_json, value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAGIC,
        MAGIC.replace(b"v1", b"v2") + GOOD.encode()[len(MAGIC) :],
        GOOD.encode()[:-1],
        GOOD.encode() + b"\0",
        MAGIC + b"\x00" + b"\x00\x00\x01a" + b"\x00\x00",
        MAGIC + b"\x01A" + b"\x00\x00\x01a" + b"\x00\x00",
        MAGIC + b"\x02\xc3\xa4" + b"\x00\x00\x01a" + b"\x00\x00",
        MAGIC + b"\x21" + b"a" * 33 + b"\x00\x00\x01a" + b"\x00\x00",
        MAGIC + b"\x01a" + b"\x00\x00\x00" + b"\x00\x00",
        MAGIC + b"\x01a" + b"\x00\x00\x01a" + b"\x00\x01" + b"\x00\x00\x00",
        MAGIC + b"\x01a" + b"\x00\x00\x01a" + b"\xff\xff",
    ],
    ids=[
        "empty",
        "magic alone",
        "another version",
        "cut short",
        "trailing byte",
        "format without a name",
        "upper case format",
        "format not ASCII",
        "format too long",
        "no data",
        "empty element",
        "more elements announced than there are",
    ],
)
def test_other_encodings_are_refused(data: bytes) -> None:
    """Every deviation from the one encoding is an error of ours."""
    with pytest.raises(ParseError):
        parse_evidence(data)


def test_evidence_is_limited_in_size() -> None:
    """The longest evidence has exactly 65,536 bytes; one byte more cannot be made, parsed or read from JSON."""
    overhead = len(Evidence("a", b"x").encode()) - 1
    longest = Evidence("a", b"x" * (MAX_EVIDENCE_BYTES - overhead))
    assert len(longest.encode()) == MAX_EVIDENCE_BYTES
    assert parse_evidence(longest.encode()) == longest
    with pytest.raises(ParseError, match="65537"):
        Evidence("a", longest.data + b"x")
    with pytest.raises(ParseError, match="more than 65536"):
        parse_evidence(longest.encode() + b"x")
    value = evidence_to_json(longest)
    value["chain"] = [value["data"]]
    with pytest.raises(ParseError, match="65536"):
        evidence_from_json(value)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"format": "Yubikey-Piv"},
        {"data": None},
        {"data": ""},
        {"data": "bGVhZg"},
        {"data": "bGVh Zg=="},
        {"data": "bGVhZh=="},
        {"chain": "Zjk="},
        {"chain": [1]},
        {"chain": [""]},
        {"note": "x"},
    ],
    ids=str,
)
def test_other_json_is_refused(change: dict[str, Any]) -> None:
    """The JSON form has exactly three members, of their types, with canonical base64."""
    with pytest.raises(ParseError):
        evidence_from_json({**evidence_to_json(GOOD), **change})


def test_json_without_a_chain_is_refused() -> None:
    """An absent chain is no empty chain."""
    value = evidence_to_json(GOOD)
    del value["chain"]
    with pytest.raises(ParseError, match="exactly"):
        evidence_from_json(value)
