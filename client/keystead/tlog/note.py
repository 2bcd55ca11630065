# SPDX-License-Identifier: Apache-2.0
"""Signed notes: C2SP signed-note v1.0.0.

A note is a text, an empty line, and signature lines `— <key name> <base64 of key id and signature>`. A key is
known by its name and its four-byte id; who verifies a note ignores the lines of keys that it does not know.

Invariants:

* what is parsed encodes to the same bytes;
* a line by a known key that does not verify spoils the whole note, and a note needs one good line;
* notes of more than a megabyte or of more than 100 lines are refused before anything is verified.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keystead.encoding.rfc4648 import decode_base16, decode_base64, encode_base64
from keystead.errors import ParseError, SignatureError

__all__ = [
    "COSIGNATURE_V1",
    "ED25519",
    "MAX_NOTE_SIZE",
    "MAX_SIGNATURES",
    "ML_DSA_COSIGNATURE",
    "TREE_HEAD_SIGNATURE",
    "NoteSignature",
    "SignedNote",
    "VerifierKey",
    "ed25519_vkey",
    "is_key_name",
    "parse_note",
    "parse_skey",
    "parse_vkey",
    "sign_note",
    "verify_ed25519",
    "verify_note",
]

ED25519 = 0x01
"""Signature type: Ed25519 over the note's text."""

COSIGNATURE_V1 = 0x04
"""Signature type: timestamped Ed25519 cosignature (tlog-cosignature)."""

TREE_HEAD_SIGNATURE = 0x05
"""Signature type: RFC 6962 tree head signature (static-ct-api)."""

ML_DSA_COSIGNATURE = 0x06
"""Signature type: timestamped ML-DSA-44 cosignature (tlog-cosignature)."""

_KEY_SIZES = {ED25519: 32, COSIGNATURE_V1: 32, ML_DSA_COSIGNATURE: 1312}
# A tree head key (0x05) is a SubjectPublicKeyInfo, of any length.

MAX_NOTE_SIZE = 1_000_000
"""Bytes in a note: 100 post-quantum lines of 5 kB fit."""

MAX_SIGNATURES = 100
"""Signature lines in a note; the specification asks for no fewer than 16."""

_LINE_START = "— "
_SKEY_START = "PRIVATE+KEY+"


def is_key_name(name: str) -> bool:
    """Whether `name` may name a key: not empty, no white space, no control character, no plus sign."""
    return bool(name) and "+" not in name and not any(char.isspace() or char < " " for char in name)


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line.

    Attributes:
        name: the key's name.
        key_id: four bytes.
        signature: what follows the key id; its form depends on the key's type.
    """

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> str:
        """The line, with its line feed."""
        return f"{_LINE_START}{self.name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text and the signature lines under it.

    Attributes:
        text: ends in a line feed.
        signatures: as they stand, by known and unknown keys.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return f"{self.text}\n{''.join(line.encode() for line in self.signatures)}".encode()

    def by(self, key: "VerifierKey") -> list[bytes]:
        """The signatures on the lines by `key`, not verified."""
        key_id = key.key_id
        return [line.signature for line in self.signatures if line.name == key.name and line.key_id == key_id]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that verifies notes.

    Attributes:
        name: the key's name.
        type: the signature type.
        key: 32 bytes of Ed25519 for types 0x01 and 0x04; a DER SubjectPublicKeyInfo for 0x05; 1,312 bytes of
            ML-DSA-44 for 0x06.
    """

    name: str
    type: int
    key: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name || 0x0A || type || key); for 0x05 the key is the log id."""
        key = sha256(self.key).digest() if self.type == TREE_HEAD_SIGNATURE else self.key
        return sha256(self.name.encode() + b"\n" + bytes((self.type,)) + key).digest()[:4]

    def encode(self) -> str:
        """The key as a vkey text."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes((self.type,)) + self.key)}"


def ed25519_vkey(name: str, public_key: bytes) -> VerifierKey:
    """The verifier key for 32 bytes of Ed25519.

    Raises:
        ParseError: no key can have that name, or that length.
    """
    return _checked(VerifierKey(name, ED25519, public_key))


def parse_vkey(text: str) -> VerifierKey:
    """Read `<name>+<hex key id>+<base64 of type and key>`.

    Raises:
        ParseError: it is malformed, its id is not that of its key, or its type is not one of those above.
    """
    parts = text.split("+", 2)  # base64 has plus signs of its own
    if len(parts) != 3:
        raise ParseError("a verifier key has three parts joined by plus signs")
    name, key_id, encoded = parts
    body = decode_base64(encoded, "a verifier key")
    if not body:
        raise ParseError("a verifier key is empty")
    key = _checked(VerifierKey(name, body[0], body[1:]))
    if key.key_id != decode_base16(key_id, "a key id"):
        raise ParseError("a verifier key's id is not that of its name and key")
    return key


def _checked(key: VerifierKey) -> VerifierKey:
    if not is_key_name(key.name):
        raise ParseError("a key's name is empty, or has white space or a plus sign")
    _utf8(key.name, "a key's name")
    if key.type != TREE_HEAD_SIGNATURE:
        size = _KEY_SIZES.get(key.type)
        if size is None:
            raise ParseError(f"a verifier key has the unknown type {key.type:#04x}")
        if len(key.key) != size:
            raise ParseError(f"a verifier key of type {key.type:#04x} is {size} bytes long")
    return key


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError(f"{what} has a lone surrogate") from error


def parse_skey(text: str) -> tuple[str, Ed25519PrivateKey]:
    """Read a private key as Go's note package writes it: `PRIVATE+KEY+<name>+<hex key id>+<base64>`.

    Returns:
        The key's name and the key.

    Raises:
        ParseError: it is malformed, not Ed25519, or its id is not that of its key. The text is not quoted.
    """
    parts = text.removeprefix(_SKEY_START).split("+", 2)
    if not text.startswith(_SKEY_START) or len(parts) != 3:
        raise ParseError("this is not a private note key")
    name, key_id, encoded = parts
    body = decode_base64(encoded, "a private note key")
    if len(body) != 33 or body[0] != ED25519:
        raise ParseError("a private note key is not Ed25519")
    private_key = Ed25519PrivateKey.from_private_bytes(body[1:])
    verifier = ed25519_vkey(name, private_key.public_key().public_bytes_raw())
    if verifier.key_id != decode_base16(key_id, "a key id"):
        raise ParseError("a private note key's id is not that of its name and key")
    return name, private_key


def parse_note(data: bytes) -> SignedNote:
    """Read a note; no signature is verified.

    Raises:
        ParseError: it is no signed note.
    """
    if len(data) > MAX_NOTE_SIZE:
        raise ParseError(f"a note has more than {MAX_NOTE_SIZE} bytes")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError("a note is not UTF-8", offset=error.start) from error
    # The last empty line divides text and signatures: the text may hold empty lines of its own.
    text, separator, lines = note.rpartition("\n\n")
    if not separator:
        raise ParseError("a note has no empty line before its signatures")
    if any(char < " " and char != "\n" for char in note):
        raise ParseError("a note has a control character")
    if not lines.endswith("\n"):
        raise ParseError("a note does not end in a signature line")
    if lines.count("\n") > MAX_SIGNATURES:
        raise ParseError(f"a note has more than {MAX_SIGNATURES} signatures")
    # Not splitlines(), which also breaks at U+0085 and U+2028.
    return SignedNote(text + "\n", tuple(_parse_line(line) for line in lines[:-1].split("\n")))


def _parse_line(line: str) -> NoteSignature:
    name, _, encoded = line.removeprefix(_LINE_START).partition(" ")
    if not line.startswith(_LINE_START) or not is_key_name(name):
        raise ParseError("a note has a malformed signature line")
    body = decode_base64(encoded, "a note's signature")
    if len(body) < 5:
        raise ParseError("a note has a signature that is too short")
    return NoteSignature(name, body[:4], body[4:])


def sign_note(text: str, name: str, private_key: Ed25519PrivateKey) -> NoteSignature:
    """Sign a note's text, which ends in a line feed.

    Raises:
        ParseError: no note has that text, or no key that name.
    """
    if not text.endswith("\n") or any(char < " " and char != "\n" for char in text):
        raise ParseError("a note's text ends in a line feed and has no other control character")
    verifier = ed25519_vkey(name, private_key.public_key().public_bytes_raw())
    return NoteSignature(name, verifier.key_id, private_key.sign(_utf8(text, "a note's text")))


def verify_ed25519(key: VerifierKey, signature: bytes, message: bytes) -> None:
    """Check one Ed25519 signature over `message` by a key of type 0x01 or 0x04.

    Raises:
        ParseError: the key is not Ed25519.
        SignatureError: the signature is wrong.
    """
    try:
        public_key = Ed25519PublicKey.from_public_bytes(key.key)
    except ValueError as error:
        raise ParseError(f"the key {key.name} is not Ed25519") from error
    try:
        public_key.verify(signature, message)
    except InvalidSignature as error:
        evidence = {"key": key.key, "signature": signature, "message": message}
        raise SignatureError(
            f"the signature by {key.name} is wrong", check="signature", evidence=evidence
        ) from error


def verify_note(note: SignedNote, keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Check a note's Ed25519 signatures (type 0x01) by known keys.

    Returns:
        The keys that signed it: one or more of `keys`.

    Raises:
        ParseError: one of `keys` is of another type.
        SignatureError: a line by a known key is wrong, or no line is by a known key.
    """
    message = _utf8(note.text, "a note's text")
    signers = []
    for key in keys:
        if key.type != ED25519:
            raise ParseError(
                f"the key {key.name} is of type {key.type:#04x}, which does not sign notes as they are"
            )
        signatures = note.by(key)
        for signature in signatures:
            verify_ed25519(key, signature, message)
        if signatures:
            signers.append(key)
    if not signers:
        raise SignatureError(
            "the note is not signed by a known key", check="unsigned", evidence={"note": note.encode()}
        )
    return tuple(signers)
