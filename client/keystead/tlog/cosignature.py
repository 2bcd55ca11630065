# SPDX-License-Identifier: Apache-2.0
"""Cosignatures: C2SP tlog-cosignature, the Ed25519 form `cosignature/v1` (signature type 0x04).

A witness says that it saw a checkpoint at a time, and that it was consistent with all that it saw before.

Invariants:

* what is signed covers the whole text of the checkpoint, extension lines included;
* a wrong line by the cosigner's key is an error even beside a good one.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.tls import Reader, uint64
from keystead.errors import ParseError, SignatureError
from keystead.tlog.checkpoint import parse_checkpoint
from keystead.tlog.note import (
    COSIGNATURE_V1,
    NoteSignature,
    SignedNote,
    VerifierKey,
    is_key_name,
    verify_ed25519,
)

__all__ = ["cosignature_input", "cosignature_vkey", "sign_cosignature", "verify_cosignature"]

_SIGNATURE_SIZE = 64


def cosignature_input(text: str, time: int) -> bytes:
    """What a cosigner signs: two lines of its own, then the checkpoint.

    Args:
        text: the checkpoint's, as in its note.
        time: seconds since the epoch.
    """
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosignature_vkey(name: str, public_key: bytes) -> VerifierKey:
    """The verifier key of a cosigner for 32 bytes of Ed25519.

    Raises:
        ParseError: no key can have that name, or that length.
    """
    if not is_key_name(name) or len(public_key) != 32:
        raise ParseError("a cosigner has a key name and an Ed25519 key of 32 bytes")
    return VerifierKey(name, COSIGNATURE_V1, public_key)


def sign_cosignature(text: str, name: str, key: Ed25519PrivateKey, time: int) -> NoteSignature:
    """Cosign a checkpoint.

    Args:
        text: the checkpoint's, as in its note.
        name: the cosigner's.
        key: one that signs nothing else: what it signs does not name the cosigner.
        time: seconds since the epoch.

    Raises:
        ParseError: the text is no checkpoint, no key can have that name, or the time is out of range.
    """
    parse_checkpoint(text)
    if not 0 <= time <= MAXIMUM:
        raise ParseError("a cosignature's time is out of range")
    vkey = cosignature_vkey(name, key.public_key().public_bytes_raw())
    return NoteSignature(name, vkey.key_id, uint64(time) + key.sign(cosignature_input(text, time)))


def verify_cosignature(note: SignedNote, key: VerifierKey) -> int:
    """Check that the cosigner `key` cosigned the checkpoint in `note`. The log's signature is not looked at.

    Returns:
        When, in seconds since the epoch; the latest time, should it have signed more than once.

    Raises:
        ParseError: the note holds no checkpoint, the key is no cosigner's, or a line by it is malformed.
        SignatureError: there is no line by it, or one that is wrong.
    """
    if key.type != COSIGNATURE_V1:
        raise ParseError(f"the key {key.name} is of type {key.type:#04x}, which does not cosign")
    parse_checkpoint(note.text)
    times = []
    for line in note.by(key):
        reader = Reader(line, "a cosignature")
        time = reader.uint64()
        signature = reader.fixed(_SIGNATURE_SIZE)
        reader.finish()
        if time > MAXIMUM:
            raise ParseError("a cosignature's time is out of range")
        verify_ed25519(key, signature, cosignature_input(note.text, time))
        times.append(time)
    if not times:
        raise SignatureError(
            f"the checkpoint is not cosigned by {key.name}",
            check="unsigned",
            evidence={"note": note.encode()},
        )
    return max(times)
