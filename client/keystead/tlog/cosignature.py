# SPDX-License-Identifier: Apache-2.0
"""Cosignatures: C2SP tlog-cosignature, with Ed25519 (`cosignature/v1`, type 0x04) or ML-DSA-44 (type 0x06).

A witness says that it saw a checkpoint at a time, and that it was consistent with all that it saw before.

Invariants:

* with Ed25519, what is signed covers the whole text of the checkpoint, extension lines included; with ML-DSA-44,
  its origin, size and root, and the cosigner's name;
* a wrong line by the cosigner's key is an error even beside a good one.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.tls import Reader, opaque8, uint64
from keystead.errors import ParseError, SignatureError
from keystead.tlog.checkpoint import Checkpoint, parse_checkpoint
from keystead.tlog.note import (
    COSIGNATURE_V1,
    ML_DSA_COSIGNATURE,
    NoteSignature,
    SignedNote,
    VerifierKey,
    is_key_name,
    verify_ed25519,
)

__all__ = [
    "COSIGNATURES",
    "cosignature_input",
    "cosignature_vkey",
    "ml_dsa_cosignature_input",
    "sign_cosignature",
    "verify_cosignature",
]

COSIGNATURES = frozenset({COSIGNATURE_V1, ML_DSA_COSIGNATURE})
"""The types of keys that cosign."""

_SIGNATURE_SIZES = {COSIGNATURE_V1: 64, ML_DSA_COSIGNATURE: 2420}


def cosignature_input(text: str, time: int) -> bytes:
    """What a cosigner signs: two lines of its own, then the checkpoint.

    Args:
        text: the checkpoint's, as in its note.
        time: seconds since the epoch.
    """
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def ml_dsa_cosignature_input(checkpoint: Checkpoint, name: str, time: int) -> bytes:
    """What a cosigner signs with ML-DSA-44: the tree as the subtree from leaf 0 on; no extension lines.

    Args:
        checkpoint: its origin has at most 255 bytes.
        name: the cosigner's, at most 255 bytes.
        time: seconds since the epoch.

    Raises:
        ParseError: a name is too long.
    """
    names = [text.encode() for text in (name, checkpoint.origin)]
    if any(len(encoded) > 255 for encoded in names):
        raise ParseError("an ML-DSA cosignature has names of at most 255 bytes")
    cosigner, origin = (opaque8(encoded) for encoded in names)
    return (
        b"subtree/v1\n\0"
        + cosigner
        + uint64(time)
        + origin
        + uint64(0)
        + uint64(checkpoint.size)
        + checkpoint.root
    )


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
    if key.type not in COSIGNATURES:
        raise ParseError(f"the key {key.name} is of type {key.type:#04x}, which does not cosign")
    checkpoint = parse_checkpoint(note.text)
    times = []
    for line in note.by(key):
        reader = Reader(line, "a cosignature")
        time = reader.uint64()
        signature = reader.fixed(_SIGNATURE_SIZES[key.type])
        reader.finish()
        if time > MAXIMUM:
            raise ParseError("a cosignature's time is out of range")
        if key.type == COSIGNATURE_V1:
            verify_ed25519(key, signature, cosignature_input(note.text, time))
        else:
            _verify_ml_dsa(key, signature, ml_dsa_cosignature_input(checkpoint, key.name, time))
        times.append(time)
    if not times:
        raise SignatureError(
            f"the checkpoint is not cosigned by {key.name}",
            check="unsigned",
            evidence={"note": note.encode()},
        )
    return max(times)


def _verify_ml_dsa(key: VerifierKey, signature: bytes, message: bytes) -> None:
    try:
        MLDSA44PublicKey.from_public_bytes(key.key).verify(signature, message)
    except InvalidSignature as error:
        evidence = {"key": key.key, "signature": signature, "message": message}
        raise SignatureError(
            f"the signature by {key.name} is wrong", check="signature", evidence=evidence
        ) from error
    except (UnsupportedAlgorithm, ValueError) as error:
        raise ParseError(f"the ML-DSA key {key.name} cannot be used here") from error
