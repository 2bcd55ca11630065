# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes, as submitted and as logged."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.errors import ParseError, SignatureError
from keystead.statements.dsse import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    parse_canonical_envelope,
    parse_envelope,
    pre_authentication_encoding,
    sign_envelope,
    verify_envelope,
)
from keystead.statements.statement_key import spki_of
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.statements import AUDITOR, CA

TYPE = "application/vnd.keystead.example.v1+json"
ENVELOPE = sign_envelope(AUDITOR, TYPE, b'{"a":1}')


def test_pre_authentication_encoding_of_the_specification() -> None:
    """The example of the DSSE protocol, version 1."""
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_canonical_form() -> None:
    """Members in their order, no white space, and it parses back."""
    data = ENVELOPE.encode()
    assert data.startswith(
        b'{"payloadType":"' + TYPE.encode() + b'","payload":"eyJhIjoxfQ==","signatures":[{'
    )
    assert parse_canonical_envelope(data) == ENVELOPE
    assert parse_envelope(data) == ENVELOPE


def respelled(envelope: Envelope) -> bytes:
    value = json.loads(envelope.encode())
    value["signatures"] = [dict(reversed(value["signatures"][0].items()))]
    return (
        json.dumps(dict(reversed(value.items())), indent=3)
        .encode()
        .replace(b"payloadType", b"payload\\u0054ype")
    )


def test_submitters_may_spell_as_they_like() -> None:
    """Another order, white space and escapes are read, and become the one canonical form; a log has no others."""
    data = respelled(ENVELOPE)
    assert parse_envelope(data).encode() == ENVELOPE.encode()
    with pytest.raises(ParseError, match="canonical"):
        parse_canonical_envelope(data)


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    value = json.loads(ENVELOPE.encode())
    change(value)
    return json.dumps(value).encode()


REFUSED = {
    "no object": b"[]",
    "empty": b"",
    "two members of one name": ENVELOPE.encode().replace(b'{"payloadType"', b'{"payload":"","payloadType"'),
    "duplicate in the signature": ENVELOPE.encode().replace(b'{"keyid"', b'{"sig":"AA==","keyid"'),
    "trailing bytes": ENVELOPE.encode() + b"{}",
    "unknown member": changed(lambda v: v.update(extra=1)),
    "unknown member in the signature": changed(lambda v: v["signatures"][0].update(extra=1)),
    "no signature": changed(lambda v: v.update(signatures=[])),
    "two signatures": changed(lambda v: v["signatures"].append(v["signatures"][0])),
    "signatures no array": changed(lambda v: v.update(signatures={})),
    "missing payload": changed(lambda v: v.pop("payload")),
    "missing keyid": changed(lambda v: v["signatures"][0].pop("keyid")),
    "payload unpadded": changed(lambda v: v.update(payload="eyJhIjoxfQ")),
    "payload with pad bits": changed(lambda v: v.update(payload="eyJhIjoxfR==")),
    "payload URL-safe": changed(lambda v: v.update(payload="-_-_")),
    "payload no string": changed(lambda v: v.update(payload=7)),
    "keyid upper case": changed(lambda v: v["signatures"][0].update(keyid="AB" * 32)),
    "keyid short": changed(lambda v: v["signatures"][0].update(keyid="ab")),
    "sig empty": changed(lambda v: v["signatures"][0].update(sig="")),
    "sig long": changed(lambda v: v["signatures"][0].update(sig="AAAA" * 86)),
    "payloadType empty": changed(lambda v: v.update(payloadType="")),
    "payloadType with a quote": changed(lambda v: v.update(payloadType='a"b')),
    "payloadType not ASCII": changed(lambda v: v.update(payloadType="é")),
    "payloadType long": changed(lambda v: v.update(payloadType="a" * 128)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_envelope_is_refused(name: str) -> None:
    """Each rule of the form, broken once."""
    with pytest.raises(ParseError):
        parse_envelope(REFUSED[name])


def test_limit_is_on_the_canonical_form() -> None:
    """The longest envelope is accepted, however much white space it comes with, and the next longer refused."""
    overhead = len(Envelope("t", b"", "0" * 64, bytes(64)).encode())
    payload = bytes((MAX_ENVELOPE_BYTES - overhead) // 4 * 3)
    longest = Envelope("t", payload, "0" * 64, bytes(64))
    assert MAX_ENVELOPE_BYTES - 4 < len(longest.encode()) <= MAX_ENVELOPE_BYTES
    assert parse_envelope(longest.encode().replace(b":", b":" + b" " * 1000)) == longest
    assert parse_canonical_envelope(longest.encode()) == longest
    too_long = json.dumps(json.loads(longest.encode()) | {"payload": "AAAA" + "A" * (len(payload) // 3 * 4)})
    with pytest.raises(ParseError, match="longer"):
        parse_envelope(too_long.encode())
    with pytest.raises(ParseError, match="longer"):
        Envelope("t", payload + b"abc", "0" * 64, bytes(64))


def test_signature_is_over_type_and_payload() -> None:
    """The signer's key verifies; another key, another payload and another type do not."""
    verify_envelope(ENVELOPE, spki_of(AUDITOR))
    with pytest.raises(SignatureError) as other_key:
        verify_envelope(ENVELOPE, spki_of(CA))
    assert other_key.value.check == "unknown-key"
    for forged in (
        Envelope(TYPE, b"{}", ENVELOPE.keyid, ENVELOPE.signature),
        Envelope(TYPE + "x", ENVELOPE.payload, ENVELOPE.keyid, ENVELOPE.signature),
    ):
        with pytest.raises(SignatureError) as refused:
            verify_envelope(forged, spki_of(AUDITOR))
        assert refused.value.check == "bad-signature"


def test_identity_leaves_the_signature_out() -> None:
    """Two signatures of one payload by one key are duplicates; another type, payload or key is not."""
    again = Envelope(TYPE, ENVELOPE.payload, ENVELOPE.keyid, bytes(64))
    assert again.identity == ENVELOPE.identity
    others = {
        Envelope(TYPE + "x", ENVELOPE.payload, ENVELOPE.keyid, bytes(64)).identity,
        Envelope(TYPE, ENVELOPE.payload + b" ", ENVELOPE.keyid, bytes(64)).identity,
        Envelope(TYPE, ENVELOPE.payload, "0" * 64, bytes(64)).identity,
    }
    assert len(others | {ENVELOPE.identity}) == 4


@FUZZ
@given(damaged(ENVELOPE.encode(), respelled(ENVELOPE)))
def test_damaged_envelopes_raise_only_our_errors(data: bytes) -> None:
    """And what is read has one canonical form."""
    envelope = only_our_errors(parse_envelope, data)
    if envelope is not None:
        assert parse_canonical_envelope(envelope.encode()) == envelope


@FUZZ
@given(
    st.binary(max_size=500), st.text("abc/.+", min_size=1, max_size=127), st.binary(min_size=1, max_size=255)
)
def test_every_envelope_parses_back(payload: bytes, payload_type: str, signature: bytes) -> None:
    """Whatever it holds."""
    envelope = Envelope(payload_type, payload, "ab" * 32, signature)
    assert parse_canonical_envelope(envelope.encode()) == envelope
