# SPDX-License-Identifier: Apache-2.0
"""Cosignatures: those of published witnesses and mirrors, a deterministic one of our own, and false ones."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given

from keystead.encoding.tls import uint64
from keystead.errors import ParseError, SignatureError
from keystead.tlog.checkpoint import Checkpoint, parse_checkpoint
from keystead.tlog.cosignature import (
    cosignature_input,
    cosignature_vkey,
    ml_dsa_cosignature_input,
    sign_cosignature,
    verify_cosignature,
)
from keystead.tlog.merkle import root_of, tree_root
from keystead.tlog.note import (
    ML_DSA_COSIGNATURE,
    NoteSignature,
    SignedNote,
    VerifierKey,
    parse_note,
    parse_skey,
    parse_vkey,
)
from keystead.tlog.tiles import TileNodes, decode_tile, tile_path
from support.fuzzing import FUZZ, damaged, only_our_errors

WITNESS = parse_vkey("witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN")
WITNESS_2 = parse_vkey("witness2.example.org+2e55b896+BIZ7fpceQWd60IfqQeS9IAnmNOCZjMDne8lZuguz/bi9")
MIRROR = parse_vkey("mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O")
ORIGIN_HASH = "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706"

TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
NAME, KEY = parse_skey("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
VKEY = cosignature_vkey(NAME, KEY.public_key().public_bytes_raw())
LINE = sign_cosignature(TEXT, NAME, KEY, 1679315147)
NOTE = SignedNote(TEXT, (LINE,))


@pytest.mark.samples
def test_published_witnesses(samples: Path) -> None:
    """What two witnesses published verifies under their keys, with the time that they state."""
    folder = samples / "vectors/static-ct-log-witness"
    note = parse_note((folder / "witness" / ORIGIN_HASH / "checkpoint").read_bytes())
    assert verify_cosignature(note, WITNESS) == 1767139200
    (file,) = (folder / "witness2").glob("*/checkpoint")
    assert verify_cosignature(parse_note(file.read_bytes()), WITNESS_2) == 1767139200
    with pytest.raises(SignatureError):
        verify_cosignature(note, WITNESS_2)


@pytest.mark.samples
def test_published_mirror(samples: Path) -> None:
    """A mirror's hash tiles have the root that it cosigned."""
    folder = samples / "vectors/static-ct-log-witness/witness/mirror" / ORIGIN_HASH
    note = parse_note((folder / "checkpoint").read_bytes())
    assert verify_cosignature(note, MIRROR) == 1767139200
    checkpoint = parse_checkpoint(note.text)
    nodes = TileNodes(checkpoint.size, lambda *tile: (folder / tile_path(*tile)).read_bytes())
    assert tree_root(checkpoint.size, nodes) == checkpoint.root
    full = decode_tile((folder / tile_path(0, 0)).read_bytes(), 256)
    assert (folder / tile_path(1, 0, 1)).read_bytes() == root_of(full)


def test_a_cosignature_is_reproduced() -> None:
    """Key, time and text give one line: the vector that others can check themselves with."""
    assert LINE.encode() == (
        "— PeterNeumann "
        "GLl4CwAAAABkGFDLJeR//pqzhnEKVvEm2wWbh2RJ6oru5+cUUfm5X9NnlaGr8aSH9QE5RVZD4QGlxl2F5UpVIIi94p178KLfqPPsAA==\n"
    )
    assert VKEY.key_id.hex() == "18b9780b"
    assert verify_cosignature(NOTE, VKEY) == 1679315147
    assert cosignature_input(TEXT, 5) == b"cosignature/v1\ntime 5\n" + TEXT.encode()


def test_every_part_is_covered() -> None:
    """Another size, root, extension line or time under the same signature is refused."""
    for text in (TEXT.replace("2085", "2086"), TEXT.replace("CsUY", "DsUY"), TEXT + "more\n"):
        with pytest.raises(SignatureError):
            verify_cosignature(SignedNote(text, (LINE,)), VKEY)
    later = NoteSignature(LINE.name, LINE.key_id, bytes(8) + LINE.signature[8:])
    with pytest.raises(SignatureError):
        verify_cosignature(SignedNote(TEXT, (later,)), VKEY)


@pytest.mark.parametrize("time", [0, 2**63 - 1])
def test_first_and_last_time(time: int) -> None:
    """Time is any second from the epoch to what 63 bits hold."""
    assert verify_cosignature(SignedNote(TEXT, (sign_cosignature(TEXT, NAME, KEY, time),)), VKEY) == time


def test_other_lines_do_not_matter_and_own_lines_all_do() -> None:
    """A stranger's line is passed over; a bad line by the cosigner spoils its good one; the latest time counts."""
    stranger = NoteSignature("stranger", LINE.key_id, bytes(72))
    assert verify_cosignature(SignedNote(TEXT, (stranger, LINE)), VKEY) == 1679315147
    bad = NoteSignature(LINE.name, LINE.key_id, LINE.signature[:8] + bytes(64))
    with pytest.raises(SignatureError) as caught:
        verify_cosignature(SignedNote(TEXT, (LINE, bad)), VKEY)
    assert caught.value.check == "signature"
    again = sign_cosignature(TEXT, NAME, KEY, 1679315148)
    assert verify_cosignature(SignedNote(TEXT, (again, LINE)), VKEY) == 1679315148


def test_no_cosignature() -> None:
    """A checkpoint that the cosigner did not sign is refused, and the note kept as evidence."""
    note = SignedNote(TEXT, (NoteSignature("stranger", bytes(4), bytes(72)),))
    with pytest.raises(SignatureError, match="not cosigned by PeterNeumann") as caught:
        verify_cosignature(note, VKEY)
    assert (caught.value.check, caught.value.evidence) == ("unsigned", {"note": note.encode()})


def test_malformed_cosignatures() -> None:
    """A line of another length, a time beyond 2^63 - 1, or a text that is no checkpoint is malformed."""
    for body in (LINE.signature[:-1], LINE.signature + b"\x00", b"\xff" + LINE.signature[1:], bytes(3)):
        with pytest.raises(ParseError):
            verify_cosignature(SignedNote(TEXT, (NoteSignature(LINE.name, LINE.key_id, body),)), VKEY)
    with pytest.raises(ParseError):
        verify_cosignature(SignedNote("no checkpoint\n", (LINE,)), VKEY)


def test_what_cannot_cosign() -> None:
    """A log's key is no cosigner's, and only checkpoints are cosigned, at a time that fits."""
    with pytest.raises(ParseError, match="does not cosign"):
        verify_cosignature(
            NOTE, parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        )
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    for text, name, time in (("text\n", NAME, 5), (TEXT, "a b", 5), (TEXT, NAME, -1), (TEXT, NAME, 2**63)):
        with pytest.raises(ParseError):
            sign_cosignature(text, name, key, time)
    with pytest.raises(ParseError):
        cosignature_vkey("a", bytes(31))


def test_ml_dsa_cosignatures() -> None:
    """Type 0x06 covers the cosigner's name, the time, origin, size and root, and no extension line."""
    key = MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    vkey = VerifierKey("witness.example/w1", ML_DSA_COSIGNATURE, key.public_key().public_bytes_raw())
    assert vkey.key_id.hex() == "481cf053"
    assert parse_vkey(vkey.encode()) == vkey
    message = ml_dsa_cosignature_input(parse_checkpoint(TEXT), vkey.name, 1679315147)
    assert message == (
        b"subtree/v1\n\x00\x12witness.example/w1"
        + uint64(1679315147)
        + b"\x1bexample.com/behind-the-sofa"
        + uint64(0)
        + uint64(20852163)
        + parse_checkpoint(TEXT).root
    )
    line = NoteSignature(vkey.name, vkey.key_id, uint64(1679315147) + key.sign(message))
    assert verify_cosignature(SignedNote(TEXT, (line,)), vkey) == 1679315147
    assert verify_cosignature(SignedNote(TEXT + "extension\n", (line,)), vkey) == 1679315147
    for text in (TEXT.replace("2085", "2086"), TEXT.replace("sofa", "sofb"), TEXT.replace("CsUY", "DsUY")):
        with pytest.raises(SignatureError):
            verify_cosignature(SignedNote(text, (line,)), vkey)
    with pytest.raises(ParseError):
        verify_cosignature(SignedNote(TEXT, (LINE, NoteSignature(vkey.name, vkey.key_id, bytes(72)))), vkey)
    with pytest.raises(ParseError, match="255"):
        ml_dsa_cosignature_input(Checkpoint("o" * 256, 1, bytes(32)), vkey.name, 1)
    with pytest.raises(ParseError, match="1312 bytes"):
        parse_vkey(VerifierKey("w", ML_DSA_COSIGNATURE, bytes(32)).encode())


@given(damaged(NOTE.encode()))
@FUZZ
def test_cosigned_checkpoints_from_strangers(raw: bytes) -> None:
    """Nothing but our errors comes of damaged notes, and what still verifies is what was signed."""
    note = only_our_errors(parse_note, raw)
    if note is not None:
        time = only_our_errors(lambda note: verify_cosignature(note, VKEY), note)
        assert time is None or (time, note.text) == (1679315147, TEXT)
