# SPDX-License-Identifier: Apache-2.0
"""The log's side of tlog-witness: requests as the specification spells them, and answers that are believed or not."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from keystead.errors import ParseError, SignatureError
from keystead.tlog.cosignature import cosignature_vkey, sign_cosignature
from keystead.tlog.note import SignedNote, parse_note
from keystead.tlog.witness import encode_add_checkpoint, parse_witness_size, read_cosignature
from support.fuzzing import FUZZ, damaged, only_our_errors

TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
NOTE = parse_note(TEXT.encode() + "\n— example.com/behind-the-sofa AQIDBAU=\n".encode())
KEY = Ed25519PrivateKey.from_private_bytes(b"the key of a witness, 32 octets.")
VKEY = cosignature_vkey("witness.example", KEY.public_key().public_bytes_raw())
LINE = sign_cosignature(TEXT, "witness.example", KEY, 1_700_000_000)
STRANGER = sign_cosignature(TEXT, "other.example", Ed25519PrivateKey.from_private_bytes(bytes(32)), 1)


def test_a_request_is_spelled_as_specified() -> None:
    """Old size, a line for each hash, an empty line, the checkpoint."""
    hashes = [bytes(32), b"\xff" * 32]
    assert encode_add_checkpoint(20852014, hashes, NOTE.encode()) == (
        b"old 20852014\n"
        b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
        b"//////////////////////////////////////////8=\n"
        b"\n" + NOTE.encode()
    )
    assert encode_add_checkpoint(0, [], b"note") == b"old 0\n\nnote"
    with pytest.raises(ParseError, match="at most 63"):
        encode_add_checkpoint(1, [bytes(32)] * 64, b"note")


def test_the_size_of_a_conflict() -> None:
    """One decimal and a line feed, nothing else."""
    assert parse_witness_size(b"20852014\n") == 20852014
    for body in (
        b"",
        b"5",
        b"05\n",
        b"5\n\n",
        b"-1\n",
        b" 5\n",
        b"5\r\n",
        b"<html>\n",
        b"9" * 20 + b"\n",
        b"\xff\n",
    ):
        with pytest.raises(ParseError):
            parse_witness_size(body)


def test_the_witness_line_is_taken_and_no_other() -> None:
    """Lines by other keys are passed over; what comes back is the witness's own."""
    body = STRANGER.encode() + LINE.encode()
    assert read_cosignature(body.encode(), NOTE, VKEY) == LINE


def test_what_does_not_cosign_this_checkpoint_is_refused() -> None:
    """No line by the witness, one for another size, one without a time."""
    with pytest.raises(SignatureError) as caught:
        read_cosignature(STRANGER.encode().encode(), NOTE, VKEY)
    assert caught.value.check == "unsigned"
    elsewhere = sign_cosignature(TEXT.replace("2085", "2086"), "witness.example", KEY, 1_700_000_000)
    timeless = sign_cosignature(TEXT, "witness.example", KEY, 0)
    for line in (elsewhere, timeless):
        with pytest.raises(SignatureError) as caught:
            read_cosignature(line.encode().encode(), NOTE, VKEY)
        assert caught.value.check == "signature"


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"<html></html>\n", b"\xff\xfe\n", LINE.encode().encode()[:-1], b"5\n"]
)
def test_what_is_no_answer(body: bytes) -> None:
    """Bodies that are no signature lines."""
    with pytest.raises(ParseError):
        read_cosignature(body, NOTE, VKEY)


def test_an_answer_cannot_change_the_text() -> None:
    """A body that begins another note leaves nothing by the witness on this text."""
    smuggled = SignedNote(TEXT.replace("2085", "2086"), (LINE,)).encode()
    with pytest.raises((ParseError, SignatureError)):
        read_cosignature(smuggled, NOTE, VKEY)


@given(damaged((STRANGER.encode() + LINE.encode()).encode()))
@FUZZ
def test_answers_from_strangers(body: bytes) -> None:
    """Nothing but our errors; what is taken is the line itself."""
    assert only_our_errors(lambda body: read_cosignature(body, NOTE, VKEY), body) in {None, LINE}
