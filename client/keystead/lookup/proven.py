# SPDX-License-Identifier: Apache-2.0
"""Entries and statements out of verified trees, read once, with what they are listed under.

An entry comes with its inclusion proof (`single_entry`), or, where a history has many of one bundle, out of the bundle,
which hashes to the root of a verified checkpoint (`client.verified_tree`). Statements come out of bundles. The leaf's
hash does not cover the fingerprints of the chain, so the issuing key of an `x509_entry` is taken from a certificate
that verifiably issued it.

Invariants:

* an index that lists an entry under a subject that it does not name is caught here (`wrong-index`);
* nothing is fetched twice, whatever the order of the questions.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import Generic, TypeVar

from keystead.certificate.chain import verify_issued
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.client.prefetch import in_order
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES, BundleCodec, VerifiedTree
from keystead.ct.leaf import X509_ENTRY
from keystead.ct.tile_leaf import TileLeaf
from keystead.errors import (
    FetchError,
    LogMisbehaviourError,
    ParseError,
    ProofError,
    StatementError,
    VerificationError,
)
from keystead.index.kinds import Subject
from keystead.index.mapping import subjects_of_entry, subjects_of_statement
from keystead.lookup.single_entry import fetch_entry
from keystead.monitor.facts import IssuanceFacts, read_entry
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import parse_statement
from keystead.statements.statement import Statement
from keystead.tlog.checkpoint import VerifiedCheckpoint
from keystead.tlog.tiles import TILE_WIDTH, tile_width

__all__ = ["EntrySource", "ProvenEntry", "ProvenStatement", "StatementSource"]

_MAX_ISSUER_BYTES = 65_536
_AHEAD = 4
# Data tiles under way at once: one may have several megabytes.

_SPARSE = 16
# Of so many entries of a bundle one is wanted: singly it costs its own size twice over, and a request.

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class _Part:
    """Entries that are wanted of one bundle."""

    bundle: int
    indices: tuple[int, ...]

    def is_sparse(self, tree_size: int) -> bool:
        """Whether the entries with their proofs are much less than the bundle."""
        return len(self.indices) * _SPARSE <= tile_width(0, self.bundle, tree_size)


@dataclass(frozen=True, slots=True)
class _Found(Generic[Entry]):
    """An entry that is in the tree."""

    index: int
    entry: Entry
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An issuance entry.

    Attributes:
        origin: of its log.
        index: in it.
        leaf: as the data tile has it.
        leaf_hash: of the log's tree.
        issuer: that issued the certificate; None where nobody needs it (a `precert_entry` states its issuing key), or
            where the certificate cannot be read.
        facts: what it says.
        subjects: what an index lists it under.
        checkpoint: of the tree that it is in.
    """

    origin: str
    index: int
    leaf: TileLeaf
    leaf_hash: bytes
    issuer: Certificate | None
    facts: IssuanceFacts
    subjects: frozenset[Subject]
    checkpoint: bytes

    def require_listed(self, subject: Subject) -> None:
        """Check that the index lists it rightly.

        Raises:
            LogMisbehaviourError: `wrong-index`: it does not name the subject.
        """
        if subject not in self.subjects:
            raise _wrong_index(subject, self, self.leaf.entry.merkle_tree_leaf())


@dataclass(frozen=True, slots=True)
class ProvenStatement:
    """A statement entry.

    Attributes:
        origin: of its log.
        index: in it.
        raw: its bytes.
        leaf_hash: of the log's tree.
        entry: when it was logged, and the envelope; None where the entry cannot be read.
        statement: what it says; None where that cannot be read. Whether its signer may say it is not judged.
        subjects: what an index lists it under.
        checkpoint: of the tree that it is in.
    """

    origin: str
    index: int
    raw: bytes
    leaf_hash: bytes
    entry: StatementEntry | None
    statement: Statement | None
    subjects: frozenset[Subject]
    checkpoint: bytes

    def require_listed(self, subject: Subject) -> None:
        """As `ProvenEntry.require_listed`."""
        if subject not in self.subjects:
            raise _wrong_index(subject, self, self.raw)


class EntrySource:
    """Reads issuance entries.

    Args:
        origin: of the log.
        fetcher: reads below the log's base.
    """

    def __init__(self, origin: str, fetcher: Fetcher) -> None:
        self._origin = origin
        self._fetcher = fetcher
        self._answers_singly = True

    async def read(
        self, tree: VerifiedTree, indices: Iterable[int], subject: Subject | None
    ) -> AsyncGenerator[ProvenEntry, None]:
        """Entries by their indices, in ascending order.

        Args:
            tree: of the issuance log.
            indices: which.
            subject: that all of them are listed under; None where they are not from one history.

        Raises:
            FetchError, ParseError, ProofError: the log does not serve what its checkpoint promises.
            LogMisbehaviourError: `wrong-leaf-index`, `wrong-index`.
            VerificationError: `issuer-missing`, or the issuer did not issue.
        """

        async def bring(part: _Part) -> list[_Found[TileLeaf]]:
            if part.is_sparse(tree.size) and self._answers_singly:
                singly = [await fetch_entry(self._fetcher, tree, index) for index in part.indices]
                found = [
                    _Found(index, *one)
                    for index, one in zip(part.indices, singly, strict=True)
                    if one is not None
                ]
                if len(found) == len(singly):
                    return found
                self._answers_singly = False
            return await _bring(tree, DATA_TILES, part)

        async with aclosing(in_order(bring, _parts(tree, indices), _AHEAD)) as parts:
            async for part in parts:
                for found in part:
                    entry = await self.one(tree.checkpoint, found.index, found.entry, found.leaf_hash)
                    if subject is not None:
                        entry.require_listed(subject)
                    yield entry

    async def one(
        self, checkpoint: VerifiedCheckpoint, index: int, leaf: TileLeaf, leaf_hash: bytes
    ) -> ProvenEntry:
        """What an entry says that was found to be in a tree, at an index.

        Raises:
            LogMisbehaviourError, VerificationError, FetchError: as `read`.
        """
        entry = leaf.entry
        if entry.leaf_index != index:
            raise LogMisbehaviourError(
                f"issuance entry {index} of {self._origin} says that it is {entry.leaf_index}",
                check="wrong-leaf-index",
                evidence={"entry": entry.merkle_tree_leaf(), "checkpoint": checkpoint.raw},
            )
        issuer = await self._issuer(index, leaf) if entry.entry_type == X509_ENTRY else None
        issued_by = None if issuer is None else issuer.spki_hash
        return ProvenEntry(
            self._origin,
            index,
            leaf,
            leaf_hash,
            issuer,
            read_entry(entry, issued_by or b""),
            subjects_of_entry(entry, issued_by),
            checkpoint.raw,
        )

    async def _issuer(self, index: int, leaf: TileLeaf) -> Certificate | None:
        """The certificate that issued the one of an `x509_entry`."""
        try:
            certificate = parse_certificate(leaf.entry.signed)
        except ParseError:
            return None  # what the entry says does not depend on it
        where = f"issuance entry {index} of {self._origin}"
        if not leaf.fingerprints:
            raise VerificationError(f"{where} has no issuer", check="issuer-missing")
        fingerprint = leaf.fingerprints[0]
        path = f"issuance/issuer/{fingerprint.hex()}"
        der = await self._fetcher.get(path, _MAX_ISSUER_BYTES)
        if der is None:
            raise FetchError(
                f"{self._origin} does not serve the issuer of its entry {index}", url=path, status=404
            )
        if sha256(der).digest() != fingerprint:
            raise VerificationError(f"the issuer of {where} has another hash", check="issuer-altered")
        try:
            issuer = parse_certificate(der)
        except ParseError as error:
            raise VerificationError(
                f"the issuer of {where} cannot be read: {error}", check="issuer-malformed"
            ) from error
        verify_issued(certificate, issuer)
        return issuer


class StatementSource:
    """Reads statements.

    Args:
        origin: of the log.
    """

    def __init__(self, origin: str) -> None:
        self._origin = origin

    async def read(
        self, tree: VerifiedTree, indices: Iterable[int], subject: Subject | None
    ) -> AsyncGenerator[ProvenStatement, None]:
        """Statements by their indices, in ascending order; as `EntrySource.read`."""

        async def bring(part: _Part) -> list[_Found[bytes]]:
            return await _bring(tree, ENTRY_BUNDLES, part)

        async with aclosing(in_order(bring, _parts(tree, indices), _AHEAD)) as parts:
            async for part in parts:
                for found in part:
                    said = self.one(tree.checkpoint, found.index, found.entry, found.leaf_hash)
                    if subject is not None:
                        said.require_listed(subject)
                    yield said

    def one(
        self, checkpoint: VerifiedCheckpoint, index: int, raw: bytes, leaf_hash: bytes
    ) -> ProvenStatement:
        """What an entry says that was found to be in a tree, at an index."""
        entry, statement = _read(raw)
        return ProvenStatement(
            self._origin, index, raw, leaf_hash, entry, statement, subjects_of_statement(raw), checkpoint.raw
        )


def _read(raw: bytes) -> tuple[StatementEntry | None, Statement | None]:
    try:
        entry = parse_statement_entry(raw)
    except ParseError:
        return None, None
    try:
        return entry, parse_statement(entry.envelope)
    except (ParseError, StatementError):
        return entry, None  # of a later version, or none


def _parts(tree: VerifiedTree, indices: Iterable[int]) -> list["_Part"]:
    """Entries by the bundles that they are in, in ascending order.

    Raises:
        ProofError: an entry is not in the tree.
    """
    wanted = sorted(set(indices))
    if wanted and wanted[-1] >= tree.size:
        raise ProofError(f"entry {wanted[-1]} is not in a tree of {tree.size}", check="leaf-in-tree")
    return [_Part(bundle, tuple(members)) for bundle, members in groupby(wanted, lambda at: at // TILE_WIDTH)]


async def _bring(tree: VerifiedTree, codec: BundleCodec[Entry], part: "_Part") -> list["_Found[Entry]"]:
    """Entries out of their bundle."""
    try:
        bundle = await tree.bundle(codec, part.bundle)
    except ParseError as error:
        raise ProofError(
            f"bundle {part.bundle} of {tree.checkpoint.checkpoint.origin} cannot be read: {error}",
            check="bundle",
            evidence={"checkpoint": tree.checkpoint.raw},
        ) from error
    return [
        _Found(index, bundle.entries[index - bundle.start], bundle.leaf_hashes[index - bundle.start])
        for index in part.indices
    ]


def _wrong_index(subject: Subject, found: ProvenEntry | ProvenStatement, raw: bytes) -> LogMisbehaviourError:
    return LogMisbehaviourError(
        f"the index lists entry {found.index} of {found.origin} under a value of {subject.kind.text} that it does not "
        "name",
        check="wrong-index",
        evidence={"entry": raw, "checkpoint": found.checkpoint},
    )
