# SPDX-License-Identifier: Apache-2.0
"""Both logs as anyone can read them: published checkpoints, bundles of entries, issuers.

Files come from the log's own store, from a mirror, or from anywhere else: what is read is hashed by the caller and
compared with a signed root (`Position`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from typing import NamedTuple

from keystead.ct.leaf import X509_ENTRY
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.errors import ParseError, SignatureError, StatementError, StoreError
from keystead.index.kinds import Subject
from keystead.index.mapping import issuer_key_hash, subjects_of_entry
from keystead.index.verification import IndexTrust
from keystead.statements.dsse import verify_envelope
from keystead.statements.entry import parse_statement_entry
from keystead.statements.kinds.index_head import IndexHead
from keystead.statements.payloads import parse_statement
from keystead.statements.statement import payload_type_of
from keystead.tlog.checkpoint import Checkpoint, LogKey, verify_checkpoint
from keystead.tlog.merkle import HASH_SIZE, CompactRange
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle

__all__ = ["LogTail", "LoggedHead", "Position", "Published", "decode_edge", "encode_edge", "is_head"]

_HEAD_TYPE = payload_type_of(IndexHead.kind)


@dataclass(frozen=True, slots=True)
class Position:
    """How far both logs were read: their compact ranges."""

    issuance: CompactRange
    statements: CompactRange


def encode_edge(tree: CompactRange) -> bytes:
    """Size and hashes of a compact range."""
    return tree.size.to_bytes(8) + b"".join(tree.hashes)


def decode_edge(data: bytes) -> CompactRange:
    """The compact range that `encode_edge` wrote.

    Raises:
        ParseError: it wrote no such thing.
    """
    hashes = [data[at : at + HASH_SIZE] for at in range(8, len(data), HASH_SIZE)]
    return CompactRange(int.from_bytes(data[:8]), hashes)


class Published(NamedTuple):
    """Both checkpoints, their signatures verified."""

    issuance: Checkpoint
    statements: Checkpoint


class LoggedHead(NamedTuple):
    """An `index-head` in the statement log."""

    leaf: int
    time: int
    statement: IndexHead


def is_head(entry: bytes) -> bool:
    """Whether a statement entry is an `index-head`, by its envelope."""
    try:
        return parse_statement_entry(entry).envelope.payload_type == _HEAD_TYPE
    except ParseError:
        return False


class LogTail:
    """Reads both logs.

    Args:
        read: the file at a path of the log's folder, or None.
        trust: what the checkpoints verify under.
    """

    def __init__(self, read: Callable[[str], bytes | None], trust: IndexTrust) -> None:
        self._read = read
        self._trust = trust
        # A log has a few hundred issuers.
        self._issuers = lru_cache(maxsize=4096)(self._issuer_key_hash)

    def published(self) -> Published:
        """What is published now.

        Raises:
            StoreError: a checkpoint is missing.
            ParseError, VerificationError: one is not this log's.
        """
        return Published(
            self._checkpoint("issuance/checkpoint", self._trust.issuance),
            self._checkpoint("statements/checkpoint", self._trust.statements),
        )

    def _checkpoint(self, path: str, key: LogKey) -> Checkpoint:
        # What is published by this log's own folder was cosigned before, where it has to be.
        return verify_checkpoint(self._file(path), key.unwitnessed).checkpoint

    def issuance(self, start: int, stop: int, size: int) -> Iterator[TileLeaf]:
        """The issuance entries `[start, stop)` of a tree of `size`, unchecked.

        Raises:
            StoreError, ParseError: a data tile is missing or malformed.
        """
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)) if start < stop else ():
            data, width = self._bundle(partial(bundle_path, "data", index), "issuance/", index, size)
            first = index * TILE_WIDTH
            leaves = decode_data_tile(data, width)
            yield from leaves[max(start - first, 0) : stop - first]

    def statements(self, start: int, stop: int, size: int) -> Iterator[bytes]:
        """The statement entries `[start, stop)` of a tree of `size`, unchecked.

        Raises:
            StoreError, ParseError: a bundle is missing or malformed.
        """
        for index in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)) if start < stop else ():
            data, width = self._bundle(partial(bundle_path, "entries", index), "statements/", index, size)
            first = index * TILE_WIDTH
            yield from decode_bundle(data, width)[max(start - first, 0) : stop - first]

    def subjects(self, leaf: TileLeaf) -> frozenset[Subject]:
        """What an issuance entry is listed under."""
        known = None
        if leaf.entry.entry_type == X509_ENTRY and leaf.fingerprints:
            known = self._issuers(leaf.fingerprints[0])
        return subjects_of_entry(leaf.entry, known)

    def heads(self, after: int, window_ms: int | None, size: int) -> list[LoggedHead]:
        """The last heads of the log, ascending: those after the leaf `after`, not older than the newest by more.

        Args:
            after: leaf index of a head, or -1.
            window_ms: how much older than the newest the oldest may be; None for any age.
            size: of the statement log.
        """
        found: list[LoggedHead] = []
        stop = size
        while stop > after + 1:
            start = max((stop - 1) // TILE_WIDTH * TILE_WIDTH, after + 1)
            entries = list(self.statements(start, stop, size))
            for leaf in range(stop - 1, start - 1, -1):
                head = self._head(leaf, entries[leaf - start])
                if head is not None:
                    if found and window_ms is not None and head.time < found[0].time - window_ms:
                        return found[::-1]
                    found.append(head)
            stop = start
        return found[::-1]

    def _head(self, leaf: int, raw: bytes) -> LoggedHead | None:
        if not is_head(raw):
            return None
        entry = parse_statement_entry(raw)
        try:
            statement = parse_statement(entry.envelope)
            # What somebody else signed is no head, however it came here.
            verify_envelope(entry.envelope, self._trust.statement_key)
        except (ParseError, StatementError, SignatureError):
            return None
        return LoggedHead(leaf, entry.timestamp, statement) if isinstance(statement, IndexHead) else None

    def _issuer_key_hash(self, fingerprint: bytes) -> bytes | None:
        data = self._read(f"issuance/issuer/{fingerprint.hex()}")
        return None if data is None or sha256(data).digest() != fingerprint else issuer_key_hash(data)

    def _bundle(self, path: Callable[[int], str], prefix: str, index: int, size: int) -> tuple[bytes, int]:
        width = min(TILE_WIDTH, size - index * TILE_WIDTH)
        # A partial bundle goes some time after the full one is there.
        for wanted in dict.fromkeys((width, TILE_WIDTH)):
            data = self._read(prefix + path(wanted))
            if data is not None:
                return data, wanted
        return self._file(prefix + path(width)), width

    def _file(self, path: str) -> bytes:
        data = self._read(path)
        if data is None:
            raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
        return data
