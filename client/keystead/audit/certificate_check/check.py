# SPDX-License-Identifier: Apache-2.0
"""One certificate, verified in the logs that promised it (`specs/audit.md`, section 8).

(1) Each promise of a given log is signed by it, for this certificate.
(2) The entry is in the tree under the log's current checkpoint, at the index that the promise has.
(3) The statement log is read for what is said about the certificate, and each signer's right is judged.
(4) Recorded evidence is fetched and verified again, under the user's own anchors first.

Invariants:

* nothing is believed but the logs' keys and the user's anchors; what is read is hashed to a signed root;
* what is wrong is named and the rest goes on; only a log that cannot be reached ends it.
"""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from keystead.audit.certificate_check.dossier import Dossier, Entry
from keystead.audit.certificate_check.promise import Promise, promised_entry, promises_of
from keystead.audit.certificate_check.report import CertificateReport, CheckedPromise
from keystead.audit.certificate_check.sayings import Sayings
from keystead.audit.files import LogFiles
from keystead.audit.heads import read_head
from keystead.audit.issuers import Issuers
from keystead.audit.problem import Problem, in_order
from keystead.audit.progress import SILENT, Progress
from keystead.certificate.chain import verify_issued
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.client.fetcher import Fetcher
from keystead.client.trust import Trust
from keystead.client.verified_tree import DATA_TILES, ENTRY_BUNDLES, VerifiedTree
from keystead.ct.leaf import PRECERT_ENTRY
from keystead.ct.tile_leaf import TileLeaf
from keystead.devices.anchors import AnchorSet
from keystead.errors import ChainError, FetchError, ParseError, ProofError, SignatureError
from keystead.statements.policy import MAX_POLICY_BYTES, Policy, parse_policy
from keystead.statements.view import LoggedCertificate
from keystead.tlog.checkpoint import VerifiedCheckpoint
from keystead.tlog.tiles import TILE_WIDTH

__all__ = ["CertificateQuestion", "verify_certificate"]


@dataclass(frozen=True, slots=True)
class CertificateQuestion:
    """What is asked about.

    Attributes:
        certificate: the certificate, or a precertificate.
        issuer: the certificate that issued it, if it is at hand; else the log is asked for it.
        promises: SCTs beside those that the certificate carries.
        anchors: the user's own vendor anchors.
        promises_only: do not read the statement logs.
    """

    certificate: Certificate
    issuer: Certificate | None
    promises: tuple[bytes, ...]
    anchors: AnchorSet
    promises_only: bool = False


async def verify_certificate(
    question: CertificateQuestion, logs: Sequence[tuple[Trust, Fetcher]], progress: Progress = SILENT
) -> CertificateReport:
    """Verify a certificate in each of the given logs.

    Args:
        question: what is asked.
        logs: whose promises count, and where each is read from.
        progress: is told how far the statement logs are read.

    Raises:
        FetchError: a log cannot be reached.
        ParseError: the certificate's list of promises is malformed.
        ChainError, SignatureError: the given issuer did not issue the certificate.
    """
    if question.issuer is not None:
        verify_issued(question.certificate, question.issuer)
    promises = promises_of(question.certificate, question.promises)
    known = {trust.issuance.log_id for trust, _ in logs}
    checked: list[CheckedPromise] = []
    for promise in promises:
        if promise.sct is None:
            checked.append(CheckedPromise(None, b"", promise.embedded, None))
        elif promise.sct.log_id not in known:
            checked.append(CheckedPromise(None, promise.sct.log_id, promise.embedded, promise.sct.timestamp))
    found = [_InOneLog(question, trust, fetcher, progress) for trust, fetcher in logs]
    for one in found:
        await one.run(promises)
    problems = [problem for one in found for problem in one.problems]
    if not any(one.promises for one in found):
        names = ", ".join(trust.issuance.key.origin for trust, _ in logs)
        sentence = (
            f"the certificate has no promise of {names}; if it was given one beside it, give it as well"
        )
        problems.append(Problem("no-promise", names, sentence))
    certificate = question.certificate
    ids = [one.certificate_id for one in found if one.certificate_id is not None]
    sayings = [one.sayings for one in found if one.sayings is not None]
    return CertificateReport(
        certificate=certificate,
        certificate_id=ids[0] if ids else None,
        promises=(*(promise for one in found for promise in one.promises), *checked),
        devices=Sayings.devices_of(certificate, sayings),
        services=Sayings.services_of(certificate, sayings),
        evidence=tuple(piece for one in sayings for piece in one.evidence),
        statements=None
        if question.promises_only
        else tuple(statement for one in sayings for statement in one.statements),
        revoked=any(one.revoked for one in sayings),
        problems=in_order(problems),
    )


@dataclass(slots=True)
class _InOneLog:
    """The certificate in one log.

    Attributes:
        problems: what is wrong.
        promises: of this log.
        certificate_id: once the issuing key is known.
        sayings: what its statement log says, once it was read.
    """

    question: CertificateQuestion
    trust: Trust
    fetcher: Fetcher
    progress: Progress
    problems: list[Problem] = field(default_factory=list)
    promises: list[CheckedPromise] = field(default_factory=list)
    certificate_id: bytes | None = None
    sayings: Sayings | None = None
    _issuer_key_hash: bytes = b""

    async def run(self, promises: Sequence[Promise]) -> None:
        """Verify the promises of this log, and read its statements."""
        files = LogFiles(self.fetcher)
        head, wrong = await read_head(files, "issuance", self.trust.issuance.key)
        if wrong is not None:
            self.problems.append(wrong)
        issuers = Issuers(files, self.trust.issuance.key.origin)
        tree = None if head is None else VerifiedTree(files, "issuance", head)
        for promise in promises:
            if promise.sct is not None and promise.sct.log_id == self.trust.issuance.log_id:
                self.promises.append(await self._check(promise, tree, issuers))
        self.problems += issuers.problems.values()
        if self.certificate_id is None and self.question.issuer is not None:
            self._know(self.question.issuer)
        if self.certificate_id is not None and not self.question.promises_only and tree is not None:
            await self._read_statements(files, tree)

    # (1), (2)

    async def _check(self, promise: Promise, tree: VerifiedTree | None, issuers: Issuers) -> CheckedPromise:
        sct = promise.sct
        assert sct is not None  # noqa: S101 -- the caller compared its log id
        origin = self.trust.issuance.key.origin
        checked = CheckedPromise(origin, sct.log_id, promise.embedded, sct.timestamp)
        if tree is None:
            return checked
        try:
            index = sct.leaf_index
        except ParseError as error:
            self._wrong("promise-malformed", f"a promise of {origin} has no index: {error}")
            return checked
        # The entry itself says who issued, if nobody else does; what it says is compared below.
        leaf = await self._leaf(tree, index) if index < tree.size else None
        issuer = self.question.issuer or await self._issuer(leaf, index, issuers)
        if issuer is None:
            if index >= tree.size:
                self._not_kept(promise, tree.checkpoint, index, "has no such entry")
            elif leaf is not None:
                self._wrong(
                    "issuer-unknown", f"entry {index} of {origin} does not lead to the certificate's issuer"
                )
            return checked
        self._know(issuer)
        try:
            entry = promised_entry(
                promise, self.question.certificate, issuer.spki_hash, self.trust.issuance.sct_key
            )
        except (ParseError, SignatureError) as error:
            self._wrong("sct-signature", f"a promise in the name of {origin}: {error}")
            return checked
        if index >= tree.size:
            self._not_kept(promise, tree.checkpoint, index, "has no such entry")
        elif leaf is not None and leaf.entry.leaf_hash() != entry.leaf_hash():
            self._not_kept(promise, tree.checkpoint, index, "has another entry there")
        elif leaf is not None:
            return CheckedPromise(origin, sct.log_id, promise.embedded, sct.timestamp, index, tree.size)
        return checked

    async def _leaf(self, tree: VerifiedTree, index: int) -> TileLeaf | None:
        """The leaf at an index, hashed to the signed root."""
        try:
            bundle = await tree.bundle(DATA_TILES, index // TILE_WIDTH)
        except (ParseError, ProofError) as error:
            self._wrong("bundle-altered", f"entry {index} cannot be shown: {error}", index)
            return None
        except FetchError as error:
            if error.status is None:
                raise
            self._wrong("bundle-withheld", f"entry {index} cannot be shown: {error}", index)
            return None
        return bundle.entries[index % TILE_WIDTH]

    async def _issuer(self, leaf: TileLeaf | None, index: int, issuers: Issuers) -> Certificate | None:
        """The issuer that the log names beside an entry, if it issued the certificate."""
        if leaf is None or not leaf.fingerprints:
            return None
        found = await issuers.find(leaf.fingerprints[:1], f"entry {index}", index)
        for der in found.values():
            try:
                issuer = parse_certificate(der)
                verify_issued(self.question.certificate, issuer)
            except (ParseError, ChainError, SignatureError):
                return None
            return issuer
        return None

    def _know(self, issuer: Certificate) -> None:
        self._issuer_key_hash = issuer.spki_hash
        try:
            self.certificate_id = certificate_id(issuer.spki_hash, log_tbs(self.question.certificate))
        except ParseError as error:
            self._wrong("certificate-malformed", str(error))

    def _not_kept(self, promise: Promise, head: VerifiedCheckpoint, index: int, how: str) -> None:
        origin, size = head.checkpoint.origin, head.checkpoint.size
        sentence = f"{origin} promised entry {index}, and its tree of {size} entries {how}"
        proof = {"sct": promise.raw, "certificate": self.question.certificate.der, "checkpoint": head.raw}
        self.problems.append(
            Problem("promise-not-kept", origin, sentence, index, signed=True, evidence=proof)
        )

    def _wrong(self, code: str, sentence: str, index: int | None = None) -> None:
        self.problems.append(Problem(code, self.trust.issuance.key.origin, sentence, index))

    # (3), (4)

    async def _read_statements(self, files: LogFiles, issuance: VerifiedTree) -> None:
        trust, identifier = self.trust.statements, self.certificate_id
        assert identifier is not None  # noqa: S101 -- the caller looked
        head, wrong = await read_head(files, "statements", trust.key)
        if head is None:
            self.problems += [] if wrong is None else [wrong]
            return
        dossier = Dossier(trust.key.origin, trust.statement_key, identifier)
        tree = VerifiedTree(files, "statements", head)
        self.progress.aim(tree.size)
        try:
            async with aclosing(tree.bundles(ENTRY_BUNDLES, 0)) as bundles:
                async for bundle in bundles:
                    for at, raw in enumerate(bundle.entries):
                        dossier.take(bundle.start + at, raw)
                    self.progress.advance(len(bundle.entries))
        except (ParseError, ProofError, FetchError) as error:
            if isinstance(error, FetchError) and error.status is None:
                raise
            sentence = f"the statements of {trust.key.origin} cannot be read: {error}; run keystead audit"
            self.problems.append(Problem("statements-unreadable", trust.key.origin, sentence))
            return
        policies = {digest: await self._policy(files, digest) for digest in sorted(dossier.policies_named)}
        entries, unread = await self._entries(dossier.entries_named, issuance, identifier)
        judged = dossier.judge(
            {digest: policy for digest, policy in policies.items() if policy is not None}, entries
        )
        self.sayings = Sayings(
            trust.key.origin, self.question.certificate, self.question.anchors, dossier.policies
        )
        # What rests on a policy or an entry that could not be had is not held against anybody.
        uncertain = frozenset(
            one.read.index
            for one in judged
            if None in policies.values() or getattr(one.statement, "issuance_index", None) in unread
        )
        await self.sayings.take_all(judged, files, uncertain)
        if any(promise.kept for promise in self.promises):
            self.sayings.require_named_evidence()
        self.problems += self.sayings.problems

    async def _policy(self, files: LogFiles, digest: bytes) -> Policy | None:
        served = await files.named("policy", digest, MAX_POLICY_BYTES)
        path = f"policy/{digest.hex()}"
        try:
            if served.data is not None:
                return parse_policy(served.data)
            code, why = "policy-altered" if served.altered else "policy-withheld", served.why
        except ParseError as error:
            code, why = "policy-malformed", str(error)
        self.problems.append(
            Problem(code, self.trust.statements.key.origin, f"{path} cannot be used: {why}", path=path)
        )
        return None

    async def _entries(
        self, indices: set[int], tree: VerifiedTree, identifier: bytes
    ) -> tuple[dict[int, Entry], set[int]]:
        """Of the entries that statements name, those of this certificate; and those that could not be had."""
        found: dict[int, Entry] = {}
        unread: set[int] = set()
        for index in sorted(indices):
            # Beyond the tree that was seen it is not there yet.
            leaf = await self._leaf(tree, index) if index < tree.size else None
            if leaf is None:
                unread.add(index)
            elif self._is_of(leaf, identifier):
                found[index] = Entry(
                    leaf.entry.timestamp, LoggedCertificate(identifier, self._issuer_key_hash)
                )
        return found, unread

    def _is_of(self, leaf: TileLeaf, identifier: bytes) -> bool:
        """Whether an entry is of this certificate: the same TBSCertificate, under the same issuing key."""
        entry = leaf.entry
        if entry.entry_type == PRECERT_ENTRY:
            return certificate_id(entry.issuer_key_hash, entry.signed) == identifier
        try:
            tbs = log_tbs(parse_certificate(entry.signed))
        except ParseError:
            return False
        return certificate_id(self._issuer_key_hash, tbs) == identifier
