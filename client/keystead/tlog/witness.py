# SPDX-License-Identifier: Apache-2.0
"""What a log and a witness say to each other: `add-checkpoint` of C2SP tlog-witness v1.0.0, the log's side.

The request is the size that the log believes the witness to be at, the consistency proof from there, an empty line
and the checkpoint. The answer to 200 is signature lines, that to 409 the size that the witness is at.

Invariants:

* a proof has no more than 63 hashes;
* a line is taken only by the key that is asked for, and only if it covers the checkpoint that was sent.
"""

from collections.abc import Sequence

from keystead.encoding.decimal import parse_decimal
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError, SignatureError
from keystead.tlog.cosignature import verify_cosignature
from keystead.tlog.note import NoteSignature, SignedNote, VerifierKey, parse_note

__all__ = [
    "MAX_ANSWER_SIZE",
    "MAX_PROOF_HASHES",
    "SIZE_MEDIA_TYPE",
    "encode_add_checkpoint",
    "parse_witness_size",
    "read_cosignature",
]

MAX_PROOF_HASHES = 63
"""Lines of a consistency proof."""

MAX_ANSWER_SIZE = 65_536
"""Bytes of an answer that are read; a post-quantum line is 3.3 kB, and a witness has few keys."""

SIZE_MEDIA_TYPE = "text/x.tlog.size"
"""The media type of the answer to 409."""


def encode_add_checkpoint(old_size: int, proof: Sequence[bytes], checkpoint: bytes) -> bytes:
    """The body of a request.

    Args:
        old_size: what the witness is believed to have cosigned last; 0 for nothing.
        proof: from there to the checkpoint; empty where `old_size` is 0 or the checkpoint's.
        checkpoint: the signed note.

    Raises:
        ParseError: the proof is too long.
    """
    if len(proof) > MAX_PROOF_HASHES:
        raise ParseError(f"a witness takes proofs of at most {MAX_PROOF_HASHES} hashes")
    lines = [f"old {old_size}", *(encode_base64(value) for value in proof)]
    return ("\n".join(lines) + "\n\n").encode() + checkpoint


def parse_witness_size(body: bytes) -> int:
    """The size in the answer to 409.

    Raises:
        ParseError: it is not one decimal and a line feed.
    """
    text = body.decode("latin-1")
    if not text.endswith("\n"):
        raise ParseError("a witness's size does not end in a line feed")
    return parse_decimal(text[:-1], "a witness's size")


def read_cosignature(body: bytes, note: SignedNote, key: VerifierKey) -> NoteSignature:
    """The witness's line in the answer to 200.

    Args:
        body: signature lines, by this and perhaps other keys.
        note: the checkpoint that was sent.
        key: the witness's.

    Raises:
        ParseError: the answer is no signature lines.
        SignatureError: no line is by the witness, or its line does not cover this checkpoint, or has no time.
    """
    answered = parse_note(note.text.encode() + b"\n" + body)
    # The specification asks that a cosignature on a whole tree be timestamped.
    if verify_cosignature(answered, key) == 0:
        raise SignatureError(f"the cosignature by {key.name} has no time", check="signature")
    signature = answered.by(key)[-1]
    return NoteSignature(key.name, key.key_id, signature)
