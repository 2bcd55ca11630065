# SPDX-License-Identifier: Apache-2.0
"""Signed notes: the vectors of C2SP and of Go's note package, the rules of the format, and strangers' bytes."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given

from keystead.errors import ParseError, SignatureError
from keystead.tlog.note import (
    COSIGNATURE_V1,
    MAX_NOTE_SIZE,
    NoteSignature,
    SignedNote,
    VerifierKey,
    ed25519_vkey,
    parse_note,
    parse_skey,
    parse_vkey,
    sign_note,
    verify_note,
)
from support.fuzzing import FUZZ, damaged, damaged_text, only_our_errors

C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
GO_SKEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GREASE = f"— grease.invalid/+x {base64.b64encode(bytes(68)).decode()}\n".replace("+x", "x")


def _signed(
    text: str = "text\n", name: str = "a.example", seed: int = 1
) -> tuple[NoteSignature, VerifierKey]:
    key = Ed25519PrivateKey.from_private_bytes(bytes((seed,)) * 32)
    return sign_note(text, name, key), ed25519_vkey(name, key.public_key().public_bytes_raw())


def test_note_of_the_specification() -> None:
    """C2SP's example note is signed by C2SP's example key."""
    key = parse_vkey(C2SP_VKEY)
    note = parse_note(C2SP_NOTE.encode())
    assert note.text == "This is an example message.\n"
    assert verify_note(note, [key]) == (key,)
    assert note.encode() == C2SP_NOTE.encode()
    assert key.encode() == C2SP_VKEY


def test_signature_of_the_go_package_is_reproduced() -> None:
    """Ed25519 is deterministic: Go's key, text and name give Go's line."""
    name, key = parse_skey(GO_SKEY)
    assert ed25519_vkey(name, key.public_key().public_bytes_raw()).encode() == GO_VKEY
    line = sign_note(GO_TEXT, name, key)
    assert line.encode() == GO_LINE
    verify_note(parse_note(f"{GO_TEXT}\n{GO_LINE}".encode()), [parse_vkey(GO_VKEY)])


def test_a_cosigner_key_has_another_id() -> None:
    """The key id covers the type: one key as signer and as cosigner has two ids."""
    key = parse_vkey(GO_VKEY)
    assert key.key_id.hex() == "c74f20a3"
    assert VerifierKey(key.name, COSIGNATURE_V1, key.key).key_id.hex() == "18b9780b"


@pytest.mark.parametrize(
    "text",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_VKEY.replace("c74f20a3", "c74f20a4"),
        GO_VKEY.replace("c74f20a3", "C74F20A3"),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"),
        GO_VKEY.replace("PeterNeumann", ""),
        GO_VKEY.replace("+", " "),
        GO_VKEY + "\n",
        "PeterNeumann+c74f20a3+",
        "PeterNeumann+c74f20a3",
        "\ud800+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
    ],
)
def test_bad_verifier_keys(text: str) -> None:
    """A key of the wrong length, of an unknown type, with a false id or an impossible name is refused."""
    with pytest.raises(ParseError):
        parse_vkey(text)


@pytest.mark.parametrize(
    "text",
    [
        GO_VKEY,
        GO_SKEY.removeprefix("PRIVATE+KEY+"),
        GO_SKEY.replace("c74f20a3", "c74f20a4"),
        GO_SKEY.replace("+AYEK", "+AoEK"),
        GO_SKEY[:-4],
        "PRIVATE+KEY+",
    ],
)
def test_bad_private_keys(text: str) -> None:
    """A private key that is not whole is refused, and the error does not repeat it."""
    with pytest.raises(ParseError) as caught:
        parse_skey(text)
    assert "AYEK" not in str(caught.value)


def test_only_known_keys_are_looked_at() -> None:
    """Lines by other keys, grease and false ids among them, do no harm, wherever they stand."""
    line, key = _signed()
    others = (_signed(name="b.example", seed=2)[0].encode(), GREASE)
    for lines in ((*others, line.encode()), (line.encode(), *others), (others[0], line.encode(), others[1])):
        note = parse_note(("text\n\n" + "".join(lines)).encode())
        assert verify_note(note, [key]) == (key,)
    same_name = _signed(seed=2)[1]
    assert verify_note(note, [same_name, key]) == (key,)


def test_a_wrong_line_by_a_known_key_spoils_the_note() -> None:
    """One good signature does not excuse a bad one by a known key, not even by the same key."""
    good, key = _signed()
    other_good, other = _signed(name="b.example", seed=2)
    bad = NoteSignature(good.name, good.key_id, bytes(64))
    for lines in ((other_good, bad), (bad, other_good), (good, bad), (bad, good)):
        with pytest.raises(SignatureError) as caught:
            verify_note(SignedNote("text\n", lines), [key, other])
        assert caught.value.check == "signature"
        assert caught.value.evidence["message"] == b"text\n"
    with pytest.raises(SignatureError):
        verify_note(SignedNote("text\n", (NoteSignature(good.name, good.key_id, b"short"),)), [key])


def test_a_note_needs_a_known_signer() -> None:
    """A note that nobody known signed is refused, as is one whose text was changed."""
    line, key = _signed()
    with pytest.raises(SignatureError, match="not signed by a known key"):
        verify_note(SignedNote("text\n", (line,)), [_signed(seed=2)[1]])
    with pytest.raises(SignatureError, match="not signed by a known key"):
        verify_note(SignedNote("text\n", (line,)), [])
    with pytest.raises(SignatureError, match="is wrong"):
        verify_note(SignedNote("next\n", (line,)), [key])
    with pytest.raises(ParseError, match="0x04"):
        verify_note(SignedNote("text\n", (line,)), [VerifierKey(key.name, COSIGNATURE_V1, key.key)])


def test_the_last_empty_line_divides() -> None:
    """A text may hold empty lines and the line separators that Unicode has beside the line feed."""
    text = "one\n\n— not a signature\n\n\x85\u2028two\n"
    line, key = _signed(text)
    note = parse_note(SignedNote(text, (line,)).encode())
    assert note.text == text
    verify_note(note, [key])


GOOD_LINE = "— a.example AAAAAAAA\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        f"text\n{GOOD_LINE}".encode(),
        f"text\n\n{GOOD_LINE}"[:-1].encode(),
        f"text\n\n{GOOD_LINE}\n".encode(),
        f"text\n\n{GOOD_LINE} ".encode(),
        f"text\n\nx{GOOD_LINE}".encode(),
        b"text\n\n- a.example AAAAAAAA\n",
        "text\n\n— a.example\n".encode(),
        "text\n\n— a.example AAAAA\n".encode(),
        "text\n\n— a.example AAAAAA==\n".encode(),
        "text\n\n— a.example AAAAAAB=\n".encode(),
        "text\n\n— a.example AAAAAAAA \n".encode(),
        "text\n\n—  AAAAAAAA\n".encode(),
        "text\n\n— a+b AAAAAAAA\n".encode(),
        "text\n\n— a\u00a0b AAAAAAAA\n".encode(),
        f"te\txt\n\n{GOOD_LINE}".encode(),
        f"te\rxt\n\n{GOOD_LINE}".encode(),
        f"te\0xt\n\n{GOOD_LINE}".encode(),
        b"te\xffxt\n\n" + GOOD_LINE.encode(),
        ("text\n\n" + 101 * GOOD_LINE).encode(),
        b"x" * MAX_NOTE_SIZE + f"\n\n{GOOD_LINE}".encode(),
    ],
)
def test_what_is_no_note(data: bytes) -> None:
    """Each rule of the format refuses what breaks it."""
    with pytest.raises(ParseError):
        parse_note(data)


def test_the_longest_note() -> None:
    """A megabyte is read, a byte more is not."""
    end = f"\n\n{GOOD_LINE}".encode()
    longest = b"x" * (MAX_NOTE_SIZE - len(end)) + end
    assert parse_note(longest).encode() == longest
    with pytest.raises(ParseError):
        parse_note(b"x" + longest)


def test_many_signatures() -> None:
    """A hundred lines are read, and the good one among them is found."""
    line, key = _signed()
    note = parse_note(
        SignedNote("text\n", (*99 * (NoteSignature("b", bytes(4), bytes(5000)),), line)).encode()
    )
    assert len(note.signatures) == 100
    assert verify_note(note, [key]) == (key,)


@pytest.mark.parametrize(
    ("text", "name"),
    [("text", "a"), ("", "a"), ("te\rxt\n", "a"), ("\ud800\n", "a"), ("text\n", "a b"), ("text\n", "")],
)
def test_what_cannot_be_signed(text: str, name: str) -> None:
    """A text that no note has, or a name that no key has, is not signed."""
    with pytest.raises(ParseError):
        sign_note(text, name, Ed25519PrivateKey.from_private_bytes(bytes(32)))


@given(damaged(C2SP_NOTE.encode(), f"a\n\nb\n\n{GO_LINE}{GREASE}".encode()))
@FUZZ
def test_notes_from_strangers(data: bytes) -> None:
    """Damaged notes are refused, or encode to the bytes that were read; none verifies but the original text."""
    note = only_our_errors(parse_note, data)
    if note is not None:
        assert note.encode() == data
        if only_our_errors(lambda note: verify_note(note, [parse_vkey(C2SP_VKEY)]), note):
            assert note.text == "This is an example message.\n"


@given(damaged_text(C2SP_VKEY, GO_VKEY))
@FUZZ
def test_verifier_keys_from_strangers(text: str) -> None:
    """A damaged key is refused, or has the spelling that was read."""
    key = only_our_errors(parse_vkey, text)
    if key is not None:
        assert key.encode() == text


@given(damaged_text(GO_SKEY))
@FUZZ
def test_private_keys_from_strangers(text: str) -> None:
    """Nothing but our errors comes of a damaged private key."""
    only_our_errors(parse_skey, text)
