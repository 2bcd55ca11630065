# SPDX-License-Identifier: Apache-2.0
"""DSSE envelopes (Dead Simple Signing Envelope, protocol and envelope v1.0.2) in Keystead's one canonical form.

A submitter may write the JSON with any order of members and any white space; the log stores
(`specs/statements.md`, section 1)::

    {"payloadType":"…","payload":"…","signatures":[{"keyid":"…","sig":"…"}]}

What is signed is the pre-authentication encoding of type and payload, so re-serializing breaks nothing.

Invariants:

* exactly one signature; duplicate and unknown members are refused, base64 is standard, padded and canonical;
* an `Envelope` that exists has a canonical form of at most `MAX_ENVELOPE_BYTES`, and parses back to itself;
* two submissions are duplicates if `identity` is equal: type, payload and keyid, not the signature, because
  ECDSA signers may sign one payload in many ways.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from keystead.encoding.json import decode_json, encode_json
from keystead.encoding.rfc4648 import decode_digest, encode_base64
from keystead.encoding.tls import opaque8, opaque24
from keystead.errors import ParseError, SignatureError
from keystead.statements.members import Members
from keystead.statements.statement_key import SigningKey, keyid_of, sign, spki_of, verify

__all__ = [
    "MAX_ENVELOPE_BYTES",
    "Envelope",
    "parse_canonical_envelope",
    "parse_envelope",
    "pre_authentication_encoding",
    "sign_envelope",
    "verify_envelope",
]

MAX_ENVELOPE_BYTES = 61_440
"""The longest canonical form: an entry bundle gives each entry's length in 16 bits, and heads need room too."""

_PAYLOAD_TYPE = re.compile(r"[!#-\[\]-~]{1,127}")
_MAX_SIGNATURE = 255
_IDENTITY = b"keystead/statement/v1\n"
_FIXED_BYTES = len('{"payloadType":"","payload":"","signatures":[{"keyid":"","sig":""}]}') + 64
"""Of the canonical form, whatever is said: the keyid is 64 digits."""


def _base64_size(data: bytes) -> int:
    return -(-len(data) // 3) * 4


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signed payload.

    Attributes:
        payload_type: a media type: 1 to 127 printable ASCII characters without `"`, `\\` and space.
        payload: the bytes that were signed.
        keyid: lowercase hex of the SHA-256 of the signer's SubjectPublicKeyInfo: a hint, until verified.
        signature: 1 to 255 bytes, in the form of the key's algorithm.

    Raises:
        ParseError: a part breaks its rule, or the canonical form is too long.
    """

    payload_type: str
    payload: bytes
    keyid: str
    signature: bytes

    def __post_init__(self) -> None:
        if not _PAYLOAD_TYPE.fullmatch(self.payload_type):
            raise ParseError("the envelope's payloadType is not a media type")
        decode_digest(self.keyid, "the envelope's keyid")
        if not 1 <= len(self.signature) <= _MAX_SIGNATURE:
            raise ParseError(f"the envelope's signature is not of 1 to {_MAX_SIGNATURE} bytes")
        # The canonical form fits: what is in it needs no escapes, so its length follows without making it.
        if (
            _FIXED_BYTES + len(self.payload_type) + _base64_size(self.payload) + _base64_size(self.signature)
            > MAX_ENVELOPE_BYTES
        ):
            raise ParseError(f"the envelope is longer than {MAX_ENVELOPE_BYTES} bytes in its canonical form")

    def encode(self) -> bytes:
        """The canonical form."""
        signature = {"keyid": self.keyid, "sig": encode_base64(self.signature)}
        return encode_json(
            {
                "payloadType": self.payload_type,
                "payload": encode_base64(self.payload),
                "signatures": [signature],
            }
        )

    @property
    def payload_digest(self) -> bytes:
        """SHA-256 of the payload: how one statement names another."""
        return sha256(self.payload).digest()

    @property
    def identity(self) -> bytes:
        """SHA-256 over payload type, payload and keyid: equal for duplicates."""
        return sha256(
            _IDENTITY
            + opaque8(self.payload_type.encode())
            + opaque24(self.payload)
            + bytes.fromhex(self.keyid)
        ).digest()


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """PAE of DSSE: what the signature is over."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse_envelope(data: bytes) -> Envelope:
    """Read an envelope as a submitter may write it: members in any order, with any white space.

    The caller bounds the length of `data`; the canonical form is bounded here.

    Raises:
        ParseError: not such JSON, or not such an envelope.
    """
    members = Members(decode_json(data, "the envelope"), "the envelope")
    payload_type = members.string("payloadType")
    payload = members.base64("payload")
    signatures = members.array("signatures")
    members.finish()
    # DSSE allows several signatures; a statement has one speaker.
    if len(signatures) != 1:
        raise ParseError(f"the envelope has {len(signatures)} signatures, not one")
    signature = Members(signatures[0], "the envelope's signature")
    keyid = signature.string("keyid")
    value = signature.base64("sig")
    signature.finish()
    return Envelope(payload_type, payload, keyid, value)


def parse_canonical_envelope(data: bytes) -> Envelope:
    """Read an envelope as the log stores it: the canonical form and no other.

    Raises:
        ParseError: no envelope, or another spelling of one.
    """
    if len(data) > MAX_ENVELOPE_BYTES:
        raise ParseError(f"the envelope is longer than {MAX_ENVELOPE_BYTES} bytes")
    envelope = parse_envelope(data)
    if envelope.encode() != data:
        raise ParseError("the envelope is not in its canonical form")
    return envelope


def sign_envelope(private_key: SigningKey, payload_type: str, payload: bytes) -> Envelope:
    """Sign `payload`, deterministically.

    Raises:
        ParseError: an EC key on another curve, or an envelope that breaks its limits.
    """
    signature = sign(private_key, pre_authentication_encoding(payload_type, payload))
    return Envelope(payload_type, payload, keyid_of(spki_of(private_key)), signature)


def verify_envelope(envelope: Envelope, spki: bytes) -> None:
    """Check that the key `spki` (DER SubjectPublicKeyInfo) signed `envelope`.

    Raises:
        ParseError: `spki` is no statement key.
        SignatureError: the envelope names another key (`unknown-key`) or the signature is wrong
            (`bad-signature`).
    """
    if envelope.keyid != keyid_of(spki):
        raise SignatureError("the statement names another key", check="unknown-key", evidence={"spki": spki})
    verify(spki, envelope.signature, pre_authentication_encoding(envelope.payload_type, envelope.payload))
