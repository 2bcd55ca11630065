# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: C2SP tlog-checkpoint v1.0.0, with the tree heads of static-ct-api v1.1.0 as signatures.

A checkpoint is a note whose text is a log's origin, its size and its root. The log signs it as a note, with
Ed25519; a Certificate Transparency log signs a tree head (RFC 6962 section 3.5) as well, in a line of type
0x05, which is where the time comes from.

Invariants:

* a verified checkpoint bears a good signature by every key that the log is known to have, and none by these
  keys that is wrong; where the reader asks for a quorum of witnesses, it is cosigned by one; lines by other
  keys are ignored;
* a tree head does not cover the origin, which is why a log with two keys must sign with both;
* the same checkpoint, keys and time are signed alike, byte for byte.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.encoding.decimal import parse_decimal
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.encoding.tls import Reader, uint64
from keystead.errors import ParseError, SignatureError, VerificationError
from keystead.tlog.digitally_signed import (
    encode_digitally_signed,
    load_p256_key,
    read_digitally_signed,
    sign_p256,
    verify_p256,
)
from keystead.tlog.merkle import EMPTY_ROOT, HASH_SIZE
from keystead.tlog.note import (
    ED25519,
    TREE_HEAD_SIGNATURE,
    NoteSignature,
    SignedNote,
    VerifierKey,
    is_key_name,
    parse_note,
    sign_note,
    verify_note,
)

__all__ = [
    "Checkpoint",
    "LogKey",
    "Quorum",
    "RFC6962NoteSignature",
    "VerifiedCheckpoint",
    "parse_checkpoint",
    "parse_tree_head_signature",
    "sign_checkpoint",
    "tree_head_input",
    "tree_head_signature",
    "verify_checkpoint",
]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log commits to.

    Attributes:
        origin: the log's name.
        size: leaves in its tree.
        root: 32 bytes.
        extensions: opaque lines; Keystead's own logs write none.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no checkpoint can say.

        Raises:
            ParseError: a line would be empty or have a control character, or the root cannot be a root.
        """
        for line in (self.origin, *self.extensions):
            if not line or any(char < " " for char in line):
                raise ParseError("a checkpoint has an empty line or a control character")
        if self.size < 0 or len(self.root) != HASH_SIZE:
            raise ParseError(f"a checkpoint has a negative size or a root that is not {HASH_SIZE} bytes long")
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise ParseError("a checkpoint of an empty tree has another root than the empty tree")

    def encode(self) -> str:
        """The note's text."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "\n".join(lines) + "\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note.

    Raises:
        ParseError: it is no checkpoint.
    """
    if not text.endswith("\n"):
        raise ParseError("a checkpoint does not end in a line feed")
    lines = text[:-1].split("\n")
    if len(lines) < 3:
        raise ParseError("a checkpoint has fewer than three lines")
    size = parse_decimal(lines[1], "a checkpoint's size")
    root = decode_base64(lines[2], "a checkpoint's root")
    return Checkpoint(lines[0], size, root, tuple(lines[3:]))


def tree_head_input(timestamp: int, size: int, root: bytes) -> bytes:
    """The 50 bytes that a tree head signature signs: `TreeHeadSignature` of RFC 6962 section 3.5.

    Args:
        timestamp: milliseconds since the epoch.
        size: leaves in the tree.
        root: 32 bytes.
    """
    # Version v1 (0), signature type tree_hash (1).
    return b"\x00\x01" + uint64(timestamp) + uint64(size) + root


@dataclass(frozen=True, slots=True)
class RFC6962NoteSignature:
    """The signature on a line of type 0x05 (static-ct-api, "Checkpoints").

    Attributes:
        timestamp: milliseconds since the epoch.
        signature: DER ECDSA.
    """

    timestamp: int
    signature: bytes

    def encode(self) -> bytes:
        """What follows the key id on the line."""
        return uint64(self.timestamp) + encode_digitally_signed(self.signature)


def parse_tree_head_signature(data: bytes) -> RFC6962NoteSignature:
    """Read an `RFC6962NoteSignature`.

    Raises:
        ParseError: it is none, or not ECDSA with SHA-256.
    """
    reader = Reader(data, "a tree head signature")
    signature = RFC6962NoteSignature(reader.uint64(), read_digitally_signed(reader))
    reader.finish()
    return signature


def tree_head_signature(
    checkpoint: Checkpoint, timestamp: int, sct_key: EllipticCurvePrivateKey
) -> RFC6962NoteSignature:
    """Sign a checkpoint as a tree head, deterministically.

    Args:
        checkpoint: its extension lines, if any, are not covered.
        timestamp: milliseconds since the epoch.
        sct_key: on P-256, the key that signs the log's SCTs.
    """
    message = tree_head_input(timestamp, checkpoint.size, checkpoint.root)
    return RFC6962NoteSignature(timestamp, sign_p256(sct_key, message))


class Quorum(Protocol):
    """What a reader asks of witnesses: `policy.WitnessPolicy` is one."""

    def check(self, note: SignedNote) -> None:
        """Raise SignatureError where the checkpoint in `note` is not cosigned as asked."""
        ...


@dataclass(frozen=True, slots=True)
class LogKey:
    """What a verifier knows of a log, and asks of its checkpoints.

    Attributes:
        origin: the first line of its checkpoints.
        vkey: its Ed25519 note key; none for a Certificate Transparency log that signs tree heads only.
        sct_key: DER SubjectPublicKeyInfo of the P-256 key of a Certificate Transparency log.
        quorum: the witnesses without which no checkpoint is believed; None asks for none.
    """

    origin: str
    vkey: VerifierKey | None = None
    sct_key: bytes | None = None
    quorum: Quorum | None = None

    def __post_init__(self) -> None:
        """Refuse a log that nothing could be verified of.

        Raises:
            ParseError: there is no key, the note key is not of type 0x01, or the SCT key is not on P-256.
        """
        if self.vkey is None and self.sct_key is None:
            raise ParseError(f"no key is known of the log {self.origin}")
        if self.vkey is not None and self.vkey.type != ED25519:
            raise ParseError(f"the note key of the log {self.origin} is not Ed25519")
        if self.sct_key is not None:
            load_p256_key(self.sct_key)

    @property
    def unwitnessed(self) -> "LogKey":
        """The same log and keys, asking for no witnesses."""
        return replace(self, quorum=None)

    @property
    def log_id(self) -> bytes | None:
        """The log id of RFC 6962: SHA-256 of the SCT key; none without one."""
        return None if self.sct_key is None else sha256(self.sct_key).digest()

    @property
    def tree_head_vkey(self) -> VerifierKey | None:
        """The SCT key as the key of type 0x05 that signs tree heads; its name is the origin."""
        return None if self.sct_key is None else VerifierKey(self.origin, TREE_HEAD_SIGNATURE, self.sct_key)


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint whose signatures were found good.

    Attributes:
        checkpoint: what the log commits to.
        timestamp: of the tree head, in milliseconds since the epoch; None where the log signs none.
        note: the text and all its lines.
        raw: the bytes that were verified.
    """

    checkpoint: Checkpoint
    timestamp: int | None
    note: SignedNote
    raw: bytes


def verify_checkpoint(raw: bytes, log: LogKey) -> VerifiedCheckpoint:
    """Check that `raw` is a checkpoint signed by `log`.

    Raises:
        ParseError: it is no note, no checkpoint, or has a malformed tree head signature by the log.
        VerificationError: it is another log's.
        SignatureError: a signature by a key of the log is missing or wrong, or (`check` is `quorum`) the
            witnesses that `log` asks for have not cosigned it.
    """
    # (1) The note, and the checkpoint in it, are well formed.
    note = parse_note(raw)
    checkpoint = parse_checkpoint(note.text)
    # (2) It is of this log.
    if checkpoint.origin != log.origin:
        raise VerificationError(
            f"the checkpoint is of another log than {log.origin}",
            check="origin",
            evidence={"checkpoint": raw},
        )
    # (3) The log signed the text.
    if log.vkey is not None:
        verify_note(note, (log.vkey,))
    # (4) A Certificate Transparency log signed the tree head too. Should there be several, the latest counts.
    timestamp = None
    tree_head_key = log.tree_head_vkey
    if tree_head_key is not None:
        timestamps = [_verify_tree_head(line, checkpoint, tree_head_key) for line in note.by(tree_head_key)]
        if not timestamps:
            raise SignatureError(
                f"the checkpoint has no tree head signature by {log.origin}",
                check="unsigned",
                evidence={"checkpoint": raw},
            )
        timestamp = max(timestamps)
    # (5) Enough witnesses say that they saw it, and nothing that contradicts it.
    if log.quorum is not None:
        log.quorum.check(note)
    return VerifiedCheckpoint(checkpoint, timestamp, note, raw)


def _verify_tree_head(line: bytes, checkpoint: Checkpoint, key: VerifierKey) -> int:
    head = parse_tree_head_signature(line)
    message = tree_head_input(head.timestamp, checkpoint.size, checkpoint.root)
    verify_p256(key.key, head.signature, message, f"the tree head of {checkpoint.origin}")
    return head.timestamp


def sign_checkpoint(
    checkpoint: Checkpoint,
    key: Ed25519PrivateKey,
    *,
    sct_key: EllipticCurvePrivateKey | None = None,
    timestamp: int | None = None,
) -> bytes:
    """Sign a checkpoint as its log, under the origin as key name.

    Args:
        checkpoint: what to sign.
        key: the log's note key.
        sct_key: a Certificate Transparency log's P-256 key.
        timestamp: milliseconds since the epoch; needed with `sct_key`.

    Raises:
        ParseError: the origin cannot name a key, or a key is given without a time, or a time without a key.
    """
    if (sct_key is None) != (timestamp is None) or not is_key_name(checkpoint.origin):
        raise ParseError("a checkpoint is signed under a key name, a tree head with a key and a time")
    lines = [sign_note(checkpoint.encode(), checkpoint.origin, key)]
    if sct_key is not None and timestamp is not None:
        spki = sct_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        verifier = VerifierKey(checkpoint.origin, TREE_HEAD_SIGNATURE, spki)
        head = tree_head_signature(checkpoint, timestamp, sct_key)
        lines.append(NoteSignature(checkpoint.origin, verifier.key_id, head.encode()))
    return SignedNote(checkpoint.encode(), tuple(lines)).encode()
