# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: real ones of Certificate Transparency logs, our own with both signatures, and false ones."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given

from keystead.errors import ParseError, SignatureError, VerificationError
from keystead.tlog.checkpoint import (
    Checkpoint,
    LogKey,
    RFC6962NoteSignature,
    parse_checkpoint,
    parse_tree_head_signature,
    sign_checkpoint,
    tree_head_input,
    tree_head_signature,
    verify_checkpoint,
)
from keystead.tlog.merkle import EMPTY_ROOT, hash_leaf
from keystead.tlog.note import COSIGNATURE_V1, NoteSignature, SignedNote, VerifierKey, ed25519_vkey, sign_note
from support.fuzzing import FUZZ, damaged, damaged_text, only_our_errors

ROME_KEY = base64.b64decode(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAXM8Ld9qn64g1zVFDh5FtgxS3zj5sqQDwYMs3wrBV3MCBiFhK/iRLxdKF4YsAcJaEglMlu4L"
    "ewvzxs0xO2uwEw=="
)
ROME_CHECKPOINT = (
    "rome.ct.filippo.io/2024h1\n"
    "115474666\n"
    "2q1K6aiIJR+F7TyhiWOghoWOjY0/3dVBLsBbAvB4xCw=\n"
    "\n"
    "— rome.ct.filippo.io/2024h1 ePSrrgAAAY5+gVlSBAMARzBFAiEAv8bOMzo3Ed/GbU9fzzJvaStX6i8xTsmEF+NqvpGhIO0CIEn1X+zzVEer"
    "dix64GEn97XCXObA2G5JQ8UDDqCKdG5m\n"
)
ARGON_KEY = base64.b64decode(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHblsqctplMVc5ramA7vSuNxUQxcomQwGAVAdnWTAWUYr3MgDHQW0LagJ95lB7QT75Ve6JgT2"
    "EVLOFGU7L3YrwA=="
)
ARGON_TREE_HEAD = {
    "tree_size": 1267285836,
    "timestamp": 1711642477482,
    "sha256_root_hash": "SHySaYoaGIV5oCMANTytRfUjfzXb7wvO9xQiGkDJlfQ=",
    "tree_head_signature": (
        "BAMARzBFAiAQWbsL/MbJdeR4jk8xYKWDBDGHyDcntBim9Jr1BvwPnAIhAMedQo0YuBo+ajNd9xyVOMvhOdVAeJYgOhBLQn8rca94"
    ),
}

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SCT_KEY = ec.derive_private_key(11, ec.SECP256R1())
SPKI = SCT_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
ORIGIN = "log.example/issuance"
VKEY = ed25519_vkey(ORIGIN, KEY.public_key().public_bytes_raw())
LOG = LogKey(ORIGIN, VKEY, SPKI)
NOTE_ONLY = LogKey(ORIGIN, VKEY)
CHECKPOINT = Checkpoint(ORIGIN, 7, hash_leaf(b"root"))
RAW = sign_checkpoint(CHECKPOINT, KEY, sct_key=SCT_KEY, timestamp=1_700_000_000_123)


def test_checkpoint_of_a_static_ct_log() -> None:
    """A real log's checkpoint verifies with its SCT key alone, and tells its time."""
    log = LogKey("rome.ct.filippo.io/2024h1", sct_key=ROME_KEY)
    verified = verify_checkpoint(ROME_CHECKPOINT.encode(), log)
    assert log.log_id is not None
    assert log.log_id.hex() == "a93d0744b938f75418cf65e8a77f18337f937bb5fa85f44db53bae2c14c11acb"
    assert log.tree_head_vkey is not None
    assert log.tree_head_vkey.key_id.hex() == "78f4abae"
    assert (verified.checkpoint.size, verified.timestamp) == (115474666, 1711519390034)
    assert verified.checkpoint.encode() == verified.note.text
    assert verified.raw == verified.note.encode() == ROME_CHECKPOINT.encode()


def test_signed_tree_head_as_checkpoint() -> None:
    """What get-sth of an RFC 6962 log answers is a checkpoint in other clothes, with the same signature."""
    log = LogKey("ct.googleapis.com/logs/us1/argon2024", sct_key=ARGON_KEY)
    head = ARGON_TREE_HEAD
    checkpoint = Checkpoint(log.origin, head["tree_size"], base64.b64decode(head["sha256_root_hash"]))
    body = head["timestamp"].to_bytes(8, "big") + base64.b64decode(head["tree_head_signature"])
    assert log.tree_head_vkey is not None
    assert log.tree_head_vkey.key_id.hex() == "7deb49d0"
    line = NoteSignature(log.origin, log.tree_head_vkey.key_id, body)
    raw = SignedNote(checkpoint.encode(), (line,)).encode()
    assert verify_checkpoint(raw, log).timestamp == 1711642477482
    assert parse_tree_head_signature(body).encode() == body


@pytest.mark.samples
def test_published_checkpoint_of_a_test_log(samples: Path) -> None:
    """Sunlight's test log: its metadata gives the key, its checkpoint verifies, alone and beside a cosignature."""
    folder = samples / "vectors/static-ct-log"
    metadata = json.loads((folder / "log.v3.json").read_bytes())
    log = LogKey("rome2026h1.example.org", sct_key=base64.b64decode(metadata["key"]))
    assert log.log_id == base64.b64decode(metadata["log_id"])
    assert log.tree_head_vkey is not None
    assert log.tree_head_vkey.key_id.hex() == "91507526"
    witnessed = next((samples / "vectors/static-ct-log-witness/witness").glob("000de184*/checkpoint"))
    for file in (folder / "checkpoint", witnessed):
        verified = verify_checkpoint(file.read_bytes(), log)
        assert verified.timestamp == metadata["final_tree_head"]["timestamp"]
        assert verified.checkpoint.size == metadata["final_tree_head"]["tree_size"]
        assert verified.checkpoint.root == base64.b64decode(metadata["final_tree_head"]["sha256_root_hash"])


def test_text_of_the_specification() -> None:
    """The text that Go's sumdb tests publish is read, white space in its origin and all, and written again."""
    text = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"
    checkpoint = parse_checkpoint(text)
    assert checkpoint == Checkpoint("go.sum database tree", 123456789012, hash_leaf(b"hello world"))
    assert checkpoint.encode() == text


def test_extension_lines_are_kept() -> None:
    """Lines that the format leaves open are tolerated, kept and signed with the rest."""
    text = CHECKPOINT.encode() + "more\nand more\n"
    assert parse_checkpoint(text).extensions == ("more", "and more")
    assert parse_checkpoint(text).encode() == text
    verified = verify_checkpoint(SignedNote(text, (sign_note(text, ORIGIN, KEY),)).encode(), NOTE_ONLY)
    assert verified.checkpoint.extensions == ("more", "and more")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        CHECKPOINT.encode()[:-1],
        CHECKPOINT.encode() + "\n",
        CHECKPOINT.encode() + "\nmore\n",
        CHECKPOINT.encode().replace(ORIGIN, ""),
        CHECKPOINT.encode().replace("\n7\n", "\n07\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n+7\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n-7\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n 7\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n٧\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n\n"),
        CHECKPOINT.encode().replace("\n7\n", f"\n{2**63}\n"),
        CHECKPOINT.encode().replace("\n7\n", "\n0\n"),
        CHECKPOINT.encode().replace("=\n", "\n"),
        CHECKPOINT.encode().replace("=\n", "=\r\n"),
        f"{ORIGIN}\n7\nAAAA\n",
        f"{ORIGIN}\n7\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    """Sizes and roots have one spelling, lines are not empty, and the empty tree has its own root."""
    with pytest.raises(ParseError):
        parse_checkpoint(text)


def test_an_empty_log_can_sign() -> None:
    """Size 0 goes with the root of the empty tree, which verifies like any other."""
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert verify_checkpoint(sign_checkpoint(empty, KEY), NOTE_ONLY).checkpoint == empty


def test_our_checkpoints_have_both_signatures_and_no_chance() -> None:
    """The same checkpoint and time are signed to the same bytes; both keys' lines stand under the text."""
    assert sign_checkpoint(CHECKPOINT, KEY, sct_key=SCT_KEY, timestamp=1_700_000_000_123) == RAW
    verified = verify_checkpoint(RAW, LOG)
    assert (verified.checkpoint, verified.timestamp) == (CHECKPOINT, 1_700_000_000_123)
    assert LOG.tree_head_vkey is not None
    assert [line.key_id for line in verified.note.signatures] == [VKEY.key_id, LOG.tree_head_vkey.key_id]
    assert verify_checkpoint(RAW, NOTE_ONLY).timestamp is None
    assert verify_checkpoint(RAW, LogKey(ORIGIN, sct_key=SPKI)).timestamp == 1_700_000_000_123


def test_tree_head_bytes() -> None:
    """A tree head signs version, type, time, size and root: 50 bytes."""
    message = tree_head_input(2, 3, bytes(32))
    assert message == b"\x00\x01" + bytes(7) + b"\x02" + bytes(7) + b"\x03" + bytes(32)
    assert len(message) == 50
    assert tree_head_signature(CHECKPOINT, 5, SCT_KEY).encode().startswith(bytes(7) + b"\x05\x04\x03\x00")


def test_a_log_with_two_keys_signs_with_both() -> None:
    """A checkpoint that lacks one of the log's lines is refused, whichever it is."""
    lines = RAW.decode().split("\n\n")[1].splitlines(keepends=True)
    for line in lines:
        with pytest.raises(SignatureError) as caught:
            verify_checkpoint(f"{CHECKPOINT.encode()}\n{line}".encode(), LOG)
        assert caught.value.check == "unsigned"
    reordered = f"{CHECKPOINT.encode()}\n{lines[1]}{lines[0]}".encode()
    assert verify_checkpoint(reordered, LOG).timestamp == 1_700_000_000_123


def test_another_text_under_the_same_signatures_is_refused() -> None:
    """A changed size, root or time breaks a signature; another origin is said to be another log's."""
    other_root = Checkpoint(ORIGIN, 7, hash_leaf(b"other"))
    for lie in (other_root, Checkpoint(ORIGIN, 8, CHECKPOINT.root)):
        raw = RAW.replace(CHECKPOINT.encode().encode(), lie.encode().encode())
        for log in (LOG, NOTE_ONLY, LogKey(ORIGIN, sct_key=SPKI)):
            with pytest.raises(SignatureError):
                verify_checkpoint(raw, log)
    raw = RAW.replace(ORIGIN.encode() + b"\n7", b"log.example/other\n7")
    with pytest.raises(VerificationError) as caught:
        verify_checkpoint(raw, LOG)
    assert (caught.value.check, caught.value.evidence) == ("origin", {"checkpoint": raw})
    head = tree_head_signature(CHECKPOINT, 5, SCT_KEY)
    assert LOG.tree_head_vkey is not None
    line = NoteSignature(ORIGIN, LOG.tree_head_vkey.key_id, RFC6962NoteSignature(6, head.signature).encode())
    with pytest.raises(SignatureError):
        verify_checkpoint(SignedNote(CHECKPOINT.encode(), (line,)).encode(), LogKey(ORIGIN, sct_key=SPKI))


def test_the_latest_of_several_tree_heads_counts() -> None:
    """A log that signed one tree twice was alive at the later time; a bad line beside a good one is refused."""
    log = LogKey(ORIGIN, sct_key=SPKI)
    assert log.tree_head_vkey is not None
    key_id = log.tree_head_vkey.key_id
    lines = [
        NoteSignature(ORIGIN, key_id, tree_head_signature(CHECKPOINT, time, SCT_KEY).encode())
        for time in (4, 9, 6)
    ]
    assert verify_checkpoint(SignedNote(CHECKPOINT.encode(), tuple(lines)).encode(), log).timestamp == 9
    lines.append(NoteSignature(ORIGIN, key_id, lines[0].signature[:-1]))
    with pytest.raises(ParseError):
        verify_checkpoint(SignedNote(CHECKPOINT.encode(), tuple(lines)).encode(), log)


def test_a_log_needs_a_key_of_the_right_kind() -> None:
    """Without a key, or with a cosigner's, there is nothing to verify with."""
    with pytest.raises(ParseError):
        LogKey(ORIGIN)
    with pytest.raises(ParseError):
        LogKey(ORIGIN, VerifierKey(ORIGIN, COSIGNATURE_V1, VKEY.key))
    with pytest.raises(ParseError):
        LogKey(ORIGIN, VKEY, b"no key")
    assert NOTE_ONLY.log_id is None
    assert NOTE_ONLY.tree_head_vkey is None


def test_what_cannot_be_signed() -> None:
    """A key without a time, a time without a key, and an origin that cannot name a key are refused."""
    for arguments in ({"sct_key": SCT_KEY}, {"timestamp": 5}):
        with pytest.raises(ParseError):
            sign_checkpoint(CHECKPOINT, KEY, **arguments)
    with pytest.raises(ParseError):
        sign_checkpoint(Checkpoint("go.sum database tree", 7, CHECKPOINT.root), KEY)
    for origin, size, root in (
        ("", 7, bytes(32)),
        ("a\nb", 7, bytes(32)),
        (ORIGIN, -1, bytes(32)),
        (ORIGIN, 7, b""),
    ):
        with pytest.raises(ParseError):
            Checkpoint(origin, size, root)


@given(damaged(RAW, ROME_CHECKPOINT.encode()))
@FUZZ
def test_checkpoints_from_strangers(raw: bytes) -> None:
    """Nothing but our errors comes of damaged checkpoints, and what still verifies says what was signed."""
    verified = only_our_errors(lambda raw: verify_checkpoint(raw, LOG), raw)
    if verified is not None:
        assert (verified.checkpoint, verified.timestamp) == (CHECKPOINT, 1_700_000_000_123)
    verified = only_our_errors(
        lambda raw: verify_checkpoint(raw, LogKey("rome.ct.filippo.io/2024h1", sct_key=ROME_KEY)), raw
    )
    if verified is not None:
        assert verified.checkpoint.encode() == ROME_CHECKPOINT.split("\n\n", maxsplit=1)[0] + "\n"


@given(damaged_text(CHECKPOINT.encode(), CHECKPOINT.encode() + "more\n"))
@FUZZ
def test_texts_from_strangers(text: str) -> None:
    """A damaged text is refused, or encodes to what was read."""
    checkpoint = only_our_errors(parse_checkpoint, text)
    if checkpoint is not None:
        assert checkpoint.encode() == text


@given(damaged(tree_head_signature(CHECKPOINT, 5, SCT_KEY).encode()))
@FUZZ
def test_tree_head_signatures_from_strangers(data: bytes) -> None:
    """A damaged line is refused, or encodes to what was read."""
    head = only_our_errors(parse_tree_head_signature, data)
    if head is not None:
        assert head.encode() == data
