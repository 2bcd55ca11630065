# SPDX-License-Identifier: Apache-2.0
"""Proofs that stand alone: C2SP tlog-proof v1, an inclusion proof together with the signed checkpoint.

    c2sp.org/tlog-proof@v1
    extra <base64>            may be absent; nothing vouches for it
    index <decimal>
    <base64 hash>             none or more, the leaf's sibling first
                              an empty line
    <signed checkpoint>

Invariants:

* what is parsed encodes to the same text;
* a proof has no more than 63 hashes, the height of the tallest tree.
"""

from binascii import b2a_base64
from dataclasses import dataclass

from keystead.encoding.decimal import MAXIMUM, parse_decimal
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.errors import ParseError
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, parse_checkpoint, verify_checkpoint
from keystead.tlog.merkle import HASH_SIZE, verify_inclusion
from keystead.tlog.note import parse_note

__all__ = ["MAX_HASHES", "TlogProof", "parse_tlog_proof", "verify_tlog_proof"]

MAX_HASHES = 63
"""Hashes in an inclusion proof: a size is below 2^63."""

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_SIZES = frozenset({HASH_SIZE})


@dataclass(frozen=True, slots=True)
class TlogProof:
    """That one leaf is in a log.

    Attributes:
        index: of the leaf.
        hashes: the audit path, the leaf's sibling first.
        checkpoint: the signed note, as the log published it.
        extra: bytes for the application, which nothing authenticates.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be encoded.

        Raises:
            ParseError: the index is out of range, there are too many hashes, or one is not 32 bytes long.
        """
        if not 0 <= self.index <= MAXIMUM:
            raise ParseError("a tlog-proof's index is out of range")
        if len(self.hashes) > MAX_HASHES or not _SIZES.issuperset(map(len, self.hashes)):
            raise ParseError(f"a tlog-proof has at most {MAX_HASHES} hashes of {HASH_SIZE} bytes")

    def encode(self) -> str:
        """The proof's text."""
        extra = f"extra {encode_base64(self.extra)}\n" if self.extra is not None else ""
        # A log answers each submission with a proof: one join, and no text of each hash.
        hashes = b"".join([b2a_base64(value) for value in self.hashes]).decode("ascii")
        return f"{_FIRST_LINE}\n{extra}index {self.index}\n{hashes}\n{self.checkpoint.decode('utf-8')}"


def parse_tlog_proof(text: str) -> TlogProof:
    """Read a tlog-proof; nothing is verified.

    Raises:
        ParseError: it is none, or what follows its empty line is no signed checkpoint.
    """
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines.pop(0) != _FIRST_LINE:
        raise ParseError(f"a tlog-proof does not begin with {_FIRST_LINE}")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), "a tlog-proof's extra data")
    if not lines or not lines[0].startswith("index "):
        raise ParseError("a tlog-proof has no index")
    index = parse_decimal(lines.pop(0).removeprefix("index "), "a tlog-proof's index")
    hashes = tuple(decode_base64(line, "a tlog-proof's hash") for line in lines)
    try:
        raw = checkpoint.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ParseError("a tlog-proof has a lone surrogate") from error
    parse_checkpoint(parse_note(raw).text)
    return TlogProof(index, hashes, raw, extra)


def verify_tlog_proof(proof: TlogProof, leaf_hash: bytes, log: LogKey) -> VerifiedCheckpoint:
    """Check that the leaf with `leaf_hash` is in `log`.

    Raises:
        ParseError: the checkpoint is malformed.
        VerificationError: the checkpoint is not by this log (SignatureError: badly signed, or not cosigned as
            `log` asks).
        ProofError: the leaf is not where the proof says.
    """
    verified = verify_checkpoint(proof.checkpoint, log)
    checkpoint = verified.checkpoint
    verify_inclusion(leaf_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return verified
