# SPDX-License-Identifier: Apache-2.0
"""Signed certificate timestamps (RFC 6962 section 3.2), and the list of them that certificates embed (3.3).

Invariants:

* an SCT signs the bytes of the entry's Merkle leaf; the same entry under the same key gets the same SCT;
* a list and each SCT in it are not empty; SCTs in a list stay opaque, since other logs' may be of later
  versions;
* a verified SCT says of the entry what the entry says: its log, its time and its extensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from keystead.ct.extensions import parse_extensions
from keystead.ct.leaf import LogEntry
from keystead.encoding import der
from keystead.encoding.decimal import MAXIMUM
from keystead.encoding.tls import Reader, opaque16, uint64
from keystead.errors import ParseError, SignatureError, VerificationError
from keystead.tlog.digitally_signed import (
    encode_digitally_signed,
    read_digitally_signed,
    sign_p256,
    verify_p256,
)

__all__ = [
    "SignedCertificateTimestamp",
    "encode_sct_list",
    "parse_sct",
    "parse_sct_list",
    "parse_sct_list_extension_value",
    "sct_list_extension_value",
    "sign_sct",
    "verify_sct",
]

_VERSION_1 = b"\x00"
_LOG_ID_SIZE = 32


@dataclass(frozen=True, slots=True)
class SignedCertificateTimestamp:
    """A log's promise, of version 1.

    Attributes:
        log_id: SHA-256 of the log's SubjectPublicKeyInfo.
        timestamp: milliseconds since the epoch, at most 2^63 - 1.
        extensions: the `CtExtensions` field, without its length.
        signature: DER ECDSA.
    """

    log_id: bytes
    timestamp: int
    extensions: bytes
    signature: bytes

    def __post_init__(self) -> None:
        """Refuse what cannot be encoded.

        Raises:
            ParseError: a value is outside its field.
        """
        if len(self.log_id) != _LOG_ID_SIZE or not 0 <= self.timestamp <= MAXIMUM:
            raise ParseError("an SCT's log id or time is out of range")
        if len(self.extensions) >= 1 << 16 or not 0 < len(self.signature) < 1 << 16:
            raise ParseError("an SCT's extensions or signature do not fit")

    @property
    def digitally_signed(self) -> bytes:
        """The signature as the `digitally-signed` element, which `add-chain` answers with."""
        return encode_digitally_signed(self.signature)

    @property
    def leaf_index(self) -> int:
        """The entry's place in the log.

        Raises:
            ParseError: the log is not of static-ct-api, and does not say.
        """
        return parse_extensions(self.extensions)

    def encode(self) -> bytes:
        """The `SignedCertificateTimestamp` structure."""
        return b"".join(
            (
                _VERSION_1,
                self.log_id,
                uint64(self.timestamp),
                opaque16(self.extensions),
                self.digitally_signed,
            )
        )


def parse_sct(data: bytes) -> SignedCertificateTimestamp:
    """Read one SCT.

    Raises:
        ParseError: it is malformed, of another version, or not signed with SHA-256 and ECDSA.
    """
    reader = Reader(data, "an SCT")
    if reader.fixed(1) != _VERSION_1:
        raise ParseError("an SCT is not of version 1", offset=0)
    log_id = reader.fixed(_LOG_ID_SIZE)
    timestamp = reader.uint64()
    extensions = reader.opaque16()
    signature = read_digitally_signed(reader)
    reader.finish()
    return SignedCertificateTimestamp(log_id, timestamp, extensions, signature)


def sign_sct(entry: LogEntry, log_id: bytes, key: EllipticCurvePrivateKey) -> SignedCertificateTimestamp:
    """Promise `entry`.

    Args:
        entry: as it stands in the log.
        log_id: SHA-256 of the SubjectPublicKeyInfo of `key`, which callers keep.
        key: on P-256.
    """
    signature = sign_p256(key, entry.merkle_tree_leaf())
    return SignedCertificateTimestamp(log_id, entry.timestamp, entry.encoded_extensions(), signature)


def verify_sct(sct: SignedCertificateTimestamp, entry: LogEntry, spki: bytes) -> None:
    """Check that `sct` is the promise of `entry` by the log whose key is `spki`.

    Raises:
        ParseError: `spki` is no P-256 key.
        VerificationError: the SCT is another log's, or bears another time or other extensions than the entry.
        SignatureError: the signature is wrong, or over another entry.
    """
    evidence = {"sct": sct.encode(), "leaf": entry.merkle_tree_leaf(), "key": spki}
    # (1) It is by this log.
    if sct.log_id != sha256(spki).digest():
        raise VerificationError("the SCT is by another log", check="sct-log", evidence=evidence)
    # (2) It speaks of this entry.
    if sct.timestamp != entry.timestamp or sct.extensions != entry.encoded_extensions():
        raise VerificationError(
            "the SCT and the entry differ in time or extensions", check="sct-entry", evidence=evidence
        )
    # (3) The log signed the entry.
    try:
        verify_p256(spki, sct.signature, evidence["leaf"], "the SCT")
    except SignatureError as error:
        raise SignatureError(str(error), check="sct-signature", evidence=evidence) from error


def encode_sct_list(scts: Sequence[bytes]) -> bytes:
    """The `SignedCertificateTimestampList` of serialized SCTs.

    Raises:
        ParseError: there are none, one is empty, or they do not fit into 65,535 bytes.
    """
    if not scts or any(not 0 < len(sct) < 1 << 16 for sct in scts):
        raise ParseError("an SCT list holds one or more SCTs, none of them empty")
    body = b"".join([opaque16(sct) for sct in scts])
    if len(body) >= 1 << 16:
        raise ParseError("an SCT list does not fit into 65,535 bytes")
    return opaque16(body)


def parse_sct_list(data: bytes) -> list[bytes]:
    """The serialized SCTs of a `SignedCertificateTimestampList`.

    Raises:
        ParseError: the list is malformed, or it or an SCT in it is empty.
    """
    outer = Reader(data, "an SCT list")
    reader = Reader(outer.opaque16(), "an SCT list")
    outer.finish()
    scts = []
    while reader.remaining:
        start = reader.offset
        sct = reader.opaque16()
        if not sct:
            raise ParseError("an SCT list has an empty SCT", offset=start + 2)
        scts.append(sct)
    if not scts:
        raise ParseError("an SCT list is empty", offset=0)
    return scts


def sct_list_extension_value(scts: Sequence[bytes]) -> bytes:
    """What goes inside `extnValue` of the SCT list extension: the list in a DER OCTET STRING of its own.

    Raises:
        ParseError: as `encode_sct_list`.
    """
    return der.encode(der.OCTET_STRING, encode_sct_list(scts))


def parse_sct_list_extension_value(value: bytes) -> list[bytes]:
    """The serialized SCTs in the `extnValue` of an SCT list extension.

    Raises:
        ParseError: it is no OCTET STRING, or what is in it is no SCT list.
    """
    element = der.parse(value, "an SCT list extension").expect(der.OCTET_STRING, "an SCT list extension")
    return parse_sct_list(element.content)
