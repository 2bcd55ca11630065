# SPDX-License-Identifier: Apache-2.0
"""The entries of a data tile, checked one by one (`specs/log.md`, sections 3 and 6).

What can be said of an entry without knowing any other: that it is where it says it is, that its certificate was to be
admitted, and what facts it states that rules between entries and statements need (`state`, `rules`). A tile is one
piece of work that another process can do: bytes in, values out.

What a leaf's hash does not cover, the precertificate and the chain, is bound to it by TBSCertificate, key hash and
signatures. Where that binding fails, the operator may have the wrong bytes in the tile, so such a problem is not one
that the log signed.

Invariant: nothing is raised on a tile's content.
"""

from collections.abc import Mapping
from typing import NamedTuple

from keystead.audit.chains import Chains, ChainVerdict
from keystead.audit.data_tile import hash_leaves, split_data_tile
from keystead.audit.device_index.listing import LOST, list_under
from keystead.certificate.chain import verify_issued, verify_leaf
from keystead.certificate.extension import SignatureCreationDevice, device_extension
from keystead.certificate.precertificate import (
    certificate_id,
    log_tbs,
    require_final_certificate,
    require_precertificate,
)
from keystead.certificate.x509 import (
    Certificate,
    TbsCertificate,
    parse_certificate,
    parse_tbs_certificate,
)
from keystead.ct.leaf import PRECERT_ENTRY
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile
from keystead.errors import ChainError, ParseError, SignatureError
from keystead.index.mapping import subjects_of_certificate
from keystead.tlog.tiles import MAX_ENTRY_SIZE

__all__ = ["EntryFacts", "Flaw", "TileJob", "TileResult", "read_data_tile"]


class EntryFacts(NamedTuple):
    """What an entry states.

    Attributes:
        time: when it was logged, milliseconds.
        final: it is a certificate, not a precertificate.
        certificate_id: None where the issuing key is not known.
        issuer_key_hash: SHA-256 of the issuing key's SubjectPublicKeyInfo, or None.
        key_hash: SHA-256 of the normalized public key; None where the certificate cannot be read, and then nothing
            below is known.
        fingerprint: SHA-256 of a certificate; None for a precertificate.
        chain: fingerprints, one after the other.
        size: bytes that the submitted leaf and its chain have at least.
        extended: it has the device extension.
        named: digest of the evidence that the extension names.
        devices: ids that the extension lists, one after the other.
    """

    time: int
    final: bool
    certificate_id: bytes | None
    issuer_key_hash: bytes | None
    key_hash: bytes | None
    fingerprint: bytes | None
    chain: bytes
    size: int
    extended: bool
    named: bytes | None
    devices: bytes


class Flaw(NamedTuple):
    """What is wrong with one entry of a tile.

    Attributes:
        at: its place in the tile.
        code: of `Problem`.
        sentence: for people.
        signed: bytes that the leaf's hash covers prove it.
    """

    at: int
    code: str
    sentence: str
    signed: bool


class TileJob(NamedTuple):
    """A data tile to read.

    Attributes:
        start: index of its first entry.
        data: its bytes.
        stored: how many entries it holds.
        width: how many of them are in the tree.
        issuers: DER of the issuers that it names, by fingerprint; None: hash it and no more.
        listing: whether to find out what its entries are listed under.
    """

    start: int
    data: bytes
    stored: int
    width: int
    issuers: Mapping[bytes, bytes] | None
    listing: bool = True


class TileResult(NamedTuple):
    """What a data tile holds.

    Attributes:
        hashes: the leaf hashes, one after the other; empty where the tile cannot be read.
        error: why it cannot.
        times: of each entry.
        facts: of each entry; empty where they were not asked for.
        listed: what each is listed under in the device index (`device_index.listing`); likewise, `LOST` for each.
        flaws: of the entries.
    """

    hashes: bytes
    error: str
    times: tuple[int, ...]
    facts: tuple[EntryFacts, ...]
    listed: tuple[bytes, ...]
    flaws: tuple[Flaw, ...]


_SURELY_SMALL = MAX_ENTRY_SIZE - 1024
# An entry has some dozens of bytes beside its certificate.

_CHAINS = Chains()
# One for each process, so that a chain is verified once in each.


def read_data_tile(job: TileJob) -> TileResult:
    """Hash a data tile and check its entries."""
    try:
        spans = split_data_tile(job.data, job.stored)
        leaves = None if job.issuers is None else decode_data_tile(job.data, job.stored)
    except ParseError as error:
        return TileResult(b"", str(error), (), (), (), ())
    spans = spans[: job.width]
    hashes = b"".join(hash_leaves(job.data, spans))
    flaws = [
        Flaw(at, "wrong-leaf-index", f"entry {job.start + at} says that it is {span.leaf_index}", signed=True)
        for at, span in enumerate(spans)
        if span.leaf_index != job.start + at
    ]
    facts: list[EntryFacts] = []
    listed: list[bytes] = []
    for at, leaf in enumerate([] if leaves is None else leaves[: job.width]):
        verdict = _CHAINS.judge(spans[at].chain, job.issuers or {})
        reading = _Reading(job.start + at, at, leaf, verdict, listing=job.listing)
        facts.append(reading.read(spans[at].chain))
        listed.append(reading.listed)
        flaws += reading.flaws
    times = tuple(span.time for span in spans)
    return TileResult(hashes, "", times, tuple(facts), tuple(listed), tuple(flaws))


class _Reading:
    """One entry while it is read.

    Attributes:
        flaws: what is wrong with it.
        listed: what it is listed under.
    """

    def __init__(self, index: int, at: int, leaf: TileLeaf, chain: ChainVerdict, *, listing: bool) -> None:
        self.flaws: list[Flaw] = []
        self.listed = LOST
        self._listing = listing
        self._index = index
        self._at = at
        self._leaf = leaf
        self._chain = chain

    def _flaw(self, code: str, sentence: str, *, signed: bool = False) -> None:
        self.flaws.append(Flaw(self._at, code, f"entry {self._index}: {sentence}", signed))

    def read(self, chain: bytes) -> EntryFacts:
        """Check the entry; what it states.

        Args:
            chain: the fingerprints, one after the other.
        """
        entry = self._leaf.entry
        final = entry.entry_type != PRECERT_ENTRY
        if len(entry.signed) > _SURELY_SMALL and len(entry.merkle_tree_leaf()) > MAX_ENTRY_SIZE:
            self._flaw("entry-too-large", f"it has more than {MAX_ENTRY_SIZE} bytes", signed=True)
        # (1) Its certificate can be read, and is of the entry's type.
        certificate = self._final_certificate() if final else self._precertificate()
        # (2) The chain above it holds, and its issuer signed it.
        if self._chain.code:
            self._flaw(self._chain.code, self._chain.sentence)
        issuer = self._chain.issuer
        signed = certificate is not None and issuer is not None and self._verify_leaf(certificate, issuer)
        # (3) What was hashed is what the issuer signed.
        issuer_key_hash = None if issuer is None else issuer.spki_hash
        tbs: TbsCertificate | None = certificate
        if not final:
            if issuer_key_hash not in {None, entry.issuer_key_hash}:
                self._flaw("wrong-issuer-key-hash", "it names another issuing key than that of its chain")
            issuer_key_hash = entry.issuer_key_hash
            tbs = self._logged_tbs(certificate)
        # Of a certificate, the id depends on its issuer, whom only its signature binds to the entry. One that cannot be
        # read has none, whoever issued it.
        doubtful = final and certificate is not None and not signed
        identifier = self._certificate_id(tbs, issuer_key_hash, final=final)
        issuer_key_hash = None if doubtful else issuer_key_hash
        if tbs is None:
            self._list(None, identifier, None, doubtful=doubtful)
            return EntryFacts(entry.timestamp, final, None, None, None, None, chain, 0, False, None, b"")
        # (4) What it says of devices.
        extension = self._device_extension(tbs)
        self._list(tbs, identifier, extension, doubtful=doubtful)
        extended = extension is not None
        if isinstance(extension, ParseError):
            extension = None
        submitted = entry.signed if final else self._leaf.precertificate
        return EntryFacts(
            time=entry.timestamp,
            final=final,
            certificate_id=None if doubtful else identifier,
            issuer_key_hash=issuer_key_hash,
            key_hash=tbs.key_hash,
            fingerprint=certificate.fingerprint if final and certificate is not None else None,
            chain=chain,
            size=len(submitted) + self._chain.size,
            extended=extended,
            named=None if extension is None else extension.evidence_digest,
            devices=b"" if extension is None else b"".join(one.device_id for one in extension.devices),
        )

    def _list(
        self,
        tbs: TbsCertificate | None,
        identifier: bytes | None,
        extension: SignatureCreationDevice | ParseError | None,
        *,
        doubtful: bool,
    ) -> None:
        if self._listing:
            self.listed = list_under(subjects_of_certificate(tbs, identifier, extension), doubtful=doubtful)

    def _final_certificate(self) -> Certificate | None:
        try:
            certificate = parse_certificate(self._leaf.entry.signed)
        except ParseError as error:
            self._flaw("certificate-malformed", str(error), signed=True)
            return None
        try:
            require_final_certificate(certificate)
        except ChainError as error:
            self._flaw(error.check, str(error), signed=True)
        return certificate

    def _precertificate(self) -> Certificate | None:
        # The hash does not cover it: it may have been altered since.
        try:
            certificate = parse_certificate(self._leaf.precertificate)
        except ParseError as error:
            self._flaw("certificate-malformed", f"its precertificate cannot be read: {error}")
            return None
        try:
            require_precertificate(certificate)
        except ChainError as error:
            self._flaw(error.check, str(error))
        return certificate

    def _verify_leaf(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether the issuer signed it, whatever else is wrong."""
        try:
            verify_leaf(certificate, issuer)
        except (ChainError, SignatureError) as error:
            self._flaw(error.check, str(error))
        else:
            return True
        try:
            verify_issued(certificate, issuer)
        except (ChainError, SignatureError):
            return False
        return True

    def _logged_tbs(self, precertificate: Certificate | None) -> TbsCertificate | None:
        """The TBSCertificate that was hashed; the precertificate instead, which says the same, where it does."""
        signed = self._leaf.entry.signed
        if precertificate is not None:
            try:
                if log_tbs(precertificate) == signed:
                    return precertificate
                self._flaw("wrong-tbs", "its TBSCertificate is not that of its precertificate without poison")
            except ParseError:
                pass  # its poison is malformed, which was said
        try:
            return parse_tbs_certificate(signed)
        except ParseError as error:
            self._flaw("certificate-malformed", f"its TBSCertificate cannot be read: {error}", signed=True)
            return None

    def _certificate_id(
        self, tbs: TbsCertificate | None, issuer_key_hash: bytes | None, *, final: bool
    ) -> bytes | None:
        if issuer_key_hash is None:
            return None
        if not final:
            return certificate_id(issuer_key_hash, self._leaf.entry.signed)
        if tbs is None:
            return None
        try:
            return certificate_id(issuer_key_hash, log_tbs(tbs))
        except ParseError:
            return None  # a poison in a certificate, which was said

    def _device_extension(self, tbs: TbsCertificate) -> SignatureCreationDevice | ParseError | None:
        try:
            return device_extension(tbs)
        except ParseError as error:
            self._flaw("extension-malformed", str(error), signed=True)
            return error
