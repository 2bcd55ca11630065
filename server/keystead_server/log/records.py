# SPDX-License-Identifier: Apache-2.0
"""What the lock database remembers of every entry, so that a duplicate is known for ever.

All of it can be computed from the two logs; it is written in the transaction that commits the entries, so it is
never ahead of them nor behind. Losing it would let a duplicate in and forget what a statement may speak of;
altering it could give a wrong answer to a duplicate, which the client's own check of the proof would catch.

======================  ==========================================  =======================================
space                   key                                         value
======================  ==========================================  =======================================
`PRECERTIFICATES`       certificate id                              uint64 index, uint64 time (ms)
`CERTIFICATES`          SHA-256 of the certificate's DER            uint64 index, uint64 time (ms)
`FINAL_CERTIFICATES`    certificate id, uint64 index                nothing: the key says that it is logged
`ENTRIES`               uint64 index                                certificate id, issuer_key_hash
`LEAF_HASHES`           leaf hash of an issuance entry              uint64 index
`DEVICES`               device id, issuer_key_hash                  nothing: a certificate under that issuing key
                                                                    is on the device
`EVIDENCE`              certificate id, evidence digest             uint64 statement index, device ids
`STATEMENTS`            identity of its envelope                    uint64 index, uint64 time (ms)
`REGISTRY`              uint64 index                                the entry of a statement that later
                                                                    statements are judged by
======================  ==========================================  =======================================
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from keystead.encoding.tls import Reader, uint64
from keystead_server.storage.interface import HeadStore, Row

__all__ = [
    "Placed",
    "RecordedEvidence",
    "Records",
    "certificate_row",
    "device_row",
    "entry_row",
    "evidence_row",
    "final_certificate_row",
    "greatest_statement",
    "leaf_hash_row",
    "precertificate_row",
    "registry_row",
    "statement_row",
]

PRECERTIFICATES = 1
CERTIFICATES = 2
FINAL_CERTIFICATES = 3
ENTRIES = 4
EVIDENCE = 5
STATEMENTS = 6
REGISTRY = 7
LEAF_HASHES = 8
DEVICES = 9


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an entry stands: its leaf index, and its batch's time in milliseconds."""

    index: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class RecordedEvidence:
    """A piece of evidence that a `device-evidence` statement records for a certificate."""

    digest: bytes
    statement_index: int
    devices: tuple[bytes, ...]


def precertificate_row(certificate_id: bytes, placed: Placed) -> Row:
    """The row by which a precertificate is known again."""
    return Row(PRECERTIFICATES, certificate_id, _placed(placed))


def certificate_row(fingerprint: bytes, placed: Placed) -> Row:
    """The row by which a certificate is known again."""
    return Row(CERTIFICATES, fingerprint, _placed(placed))


def final_certificate_row(certificate_id: bytes, placed: Placed) -> Row:
    """The row that says that the certificate itself, not only its precertificate, is logged."""
    return Row(FINAL_CERTIFICATES, certificate_id + uint64(placed.index), b"")


def entry_row(index: int, certificate_id: bytes, issuer_key_hash: bytes) -> Row:
    """The row that says which certificate an issuance entry is of, and who issued it."""
    return Row(ENTRIES, uint64(index), certificate_id + issuer_key_hash)


def device_row(device_id: bytes, issuer_key_hash: bytes) -> Row:
    """The row that says that a certificate under an issuing key is on a device."""
    return Row(DEVICES, device_id + issuer_key_hash, b"")


def leaf_hash_row(leaf_hash: bytes, placed: Placed) -> Row:
    """The row by which RFC 6962's `get-proof-by-hash` finds an entry."""
    return Row(LEAF_HASHES, leaf_hash, uint64(placed.index))


def evidence_row(certificate_id: bytes, recorded: RecordedEvidence) -> Row:
    """The row of one recorded piece of evidence."""
    return Row(
        EVIDENCE,
        certificate_id + recorded.digest,
        uint64(recorded.statement_index) + b"".join(recorded.devices),
    )


def statement_row(key: bytes, placed: Placed) -> Row:
    """The row by which a statement is known again."""
    return Row(STATEMENTS, key, _placed(placed))


def registry_row(index: int, entry: bytes) -> Row:
    """The row of a statement that later ones are judged by."""
    return Row(REGISTRY, uint64(index), entry)


class Records:
    """Reads what the rows say. Each call is one point read or one short scan."""

    def __init__(self, heads: HeadStore) -> None:
        self._heads = heads

    def precertificate(self, certificate_id: bytes) -> Placed | None:
        """Where this precertificate stands."""
        return _read_placed(self._heads.get(PRECERTIFICATES, certificate_id))

    def certificate(self, fingerprint: bytes) -> Placed | None:
        """Where the certificate with this SHA-256 stands."""
        return _read_placed(self._heads.get(CERTIFICATES, fingerprint))

    def has_final_certificate(self, certificate_id: bytes) -> bool:
        """Whether the certificate itself is logged."""
        return any(True for _ in self._heads.scan(FINAL_CERTIFICATES, certificate_id))

    def entry(self, index: int) -> tuple[bytes, bytes] | None:
        """(certificate id, issuer_key_hash) of an issuance entry."""
        value = self._heads.get(ENTRIES, uint64(index))
        return None if value is None else (value[:32], value[32:])

    def issued_on(self, device_id: bytes, issuers: Collection[bytes]) -> bool:
        """Whether a certificate under one of these issuing keys is on a device."""
        return any(self._heads.get(DEVICES, device_id + issuer) is not None for issuer in issuers)

    def index_of_leaf(self, leaf_hash: bytes) -> int | None:
        """The index of the issuance entry with this leaf hash."""
        value = self._heads.get(LEAF_HASHES, leaf_hash)
        return None if value is None else int.from_bytes(value)

    def submitted(
        self, known_by: bytes, certificate_id: bytes, *, precertificate: bool
    ) -> tuple[Placed | None, tuple[RecordedEvidence, ...]]:
        """Where a certificate or precertificate stands, and the pieces recorded for it, in one read."""
        space = PRECERTIFICATES if precertificate else CERTIFICATES
        placed, pieces = self._heads.look_up(space, known_by, EVIDENCE, certificate_id)
        return _read_placed(placed), tuple([_read_evidence(key, value) for key, value in pieces])

    def evidence(self, certificate_id: bytes) -> tuple[RecordedEvidence, ...]:
        """The pieces recorded for a certificate, in no particular order; at most a handful."""
        return tuple(
            [_read_evidence(key, value) for key, value in self._heads.scan(EVIDENCE, certificate_id)]
        )

    def statement(self, key: bytes) -> Placed | None:
        """Where the statement whose envelope has this `identity` stands."""
        return _read_placed(self._heads.get(STATEMENTS, key))

    def registry(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """(index, entry) of every statement from `start` on that later ones are judged by, in order."""
        for key, value in self._heads.scan(REGISTRY, b"", uint64(start)):
            yield int.from_bytes(key), value


def _placed(placed: Placed) -> bytes:
    return uint64(placed.index) + uint64(placed.timestamp)


def _read_placed(value: bytes | None) -> Placed | None:
    if value is None:
        return None
    reader = Reader(value, "a row of the lock database")
    placed = Placed(reader.uint64(), reader.uint64())
    reader.finish()
    return placed


def _read_evidence(key: bytes, value: bytes) -> RecordedEvidence:
    devices = tuple([value[start : start + 32] for start in range(8, len(value), 32)])
    return RecordedEvidence(key[32:], int.from_bytes(value[:8]), devices)


def greatest_statement(pieces: Sequence[RecordedEvidence]) -> int | None:
    """The greatest statement index among recorded pieces, if there is one."""
    return max((piece.statement_index for piece in pieces), default=None)
