# SPDX-License-Identifier: Apache-2.0
"""An indexer over the log in memory: entries of chosen subjects, a clock that stands, and failures on demand.

What an entry is listed under is read from the entry itself by the real mapping; entries here are statements of a CA
about certificates, and precertificate entries of made-up TBSCertificates, which are listed by certificate id.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from keystead.errors import RefusedError
from keystead.index.kinds import IndexKind, Subject, index_key
from keystead.index.mapping import subjects_of_entry, subjects_of_statement
from keystead.index.verification import IndexTrust
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import IndexHead, parse_statement, sign_statement
from keystead.tlog.merkle import root_of
from keystead_server.index.head_request import HeadRequest
from keystead_server.index.indexer import Indexer
from keystead_server.index.log_tail import LogTail
from keystead_server.index.reader import FoundHistory, IndexReader
from support.map_model import map_root
from support.memory_log import MemoryLog
from support.statements import AUDITOR, digest, revocation

__all__ = ["MemoryIndex"]


class MemoryIndex:
    """A log, the folder of its index, and the indexer at work.

    Attributes:
        log: the log.
        now_ms: the clock.
        fail: called before and after a head is appended, with `before` or `after`; may raise.
    """

    def __init__(self, folder: Path) -> None:
        self.log = MemoryLog()
        self.folder = folder / "index"
        self.fail: Callable[[str], None] = lambda _moment: None
        self.appended: list[HeadRequest] = []
        self.progress: list[tuple[int, int]] = []
        self.indexer: Indexer | None = None
        self.reader = IndexReader(self.folder)
        self.add_statement("the first")
        self.log.publish()

    @property
    def now_ms(self) -> int:
        """The clock, which is the log's."""
        return self.log.now_ms

    def add_entry(self, name: str) -> int:
        """An issuance entry, listed as what cannot be read and under a certificate id made of `name`."""
        return self.log.add_leaf(
            name.encode(), (bytes(32),), precertificate=b"x", issuer_key_hash=digest("issuer")
        )

    def add_statement(self, name: str) -> int:
        """A statement about the certificate called `name`."""
        statement = revocation(certificate=digest(name), log=self.log.statements.origin)
        entry = StatementEntry(self.now_ms, sign_statement(AUDITOR, statement))
        return self.log.add_statement_entry(entry.encode())

    def read(self, path: str) -> bytes | None:
        """A file of the log's folder."""
        prefix, _, rest = path.partition("/")
        answer = self.log.objects.get(path)
        if answer is None and not rest.startswith("issuer/"):
            answer = getattr(self.log, prefix).serve(rest)
        for hook in self.log.hooks:
            answer = hook(path, answer)
        return answer

    def append(self, request: HeadRequest) -> tuple[int, int]:
        """As the log does it: the same request again is the same head."""
        self.fail("before")
        for leaf, (timestamp, head) in self.heads().items():
            if (head.issued, head.map_root, head.issuance_size, head.statements_size) == (
                request.issued,
                request.map_root,
                request.issuance_size,
                request.statements_size,
            ):
                return leaf, timestamp
        self.appended.append(request)
        leaf = self.add_head(request)
        self.fail("after")
        return leaf, self.heads()[leaf][0]

    def add_head(self, request: HeadRequest) -> int:
        """Log and publish a head that says what is asked for."""
        log = self.log
        head = IndexHead(
            log=log.statements.origin,
            issued=request.issued,
            issuance_origin=log.issuance.origin,
            issuance_size=request.issuance_size,
            issuance_root=log.issuance.root(request.issuance_size),
            statements_size=request.statements_size,
            map_root=request.map_root,
        )
        entry = StatementEntry(self.now_ms, sign_statement(log.statement_key, head))
        leaf = log.add_statement_entry(entry.encode())
        log.publish()
        return leaf

    def heads(self) -> dict[int, tuple[int, IndexHead]]:
        """(time, statement) of every head in the log, by leaf index."""
        found = {}
        for leaf, raw in enumerate(self.log.statements.entries):
            entry = parse_statement_entry(raw)
            statement = parse_statement(entry.envelope)
            if isinstance(statement, IndexHead):
                found[leaf] = (entry.timestamp, statement)
        return found

    def open(self) -> Indexer:
        """A new indexer on the folder, caught up. One that was there is as if it had been killed."""
        trust = self.log.trust
        keys = IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)
        self.indexer = Indexer(
            self.folder,
            LogTail(self.read, keys),
            self.append,
            lambda: self.now_ms,
            lambda done, total: self.progress.append((done, total)),
        )
        self.indexer.catch_up()
        return self.indexer

    def histories(self, issuance: int, statements: int) -> dict[Subject, list[int]]:
        """What is listed under what, among the first entries."""
        found: dict[Subject, list[int]] = {}
        for index, leaf in enumerate(self.log.issuance.leaves[:issuance]):
            for subject in subjects_of_entry(leaf.entry, None):
                found.setdefault(subject, []).append(index)
        for index, entry in enumerate(self.log.statements.entries[:statements]):
            for subject in subjects_of_statement(entry):
                found.setdefault(subject, []).append(index)
        return found

    def expected_root(self, issuance: int, statements: int) -> bytes:
        """The map root over the first entries, by definition."""
        return map_root(
            {
                index_key(subject): len(entries).to_bytes(8)
                + root_of([sha256(b"\x00" + entry.to_bytes(8)).digest() for entry in entries])
                for subject, entries in self.histories(issuance, statements).items()
            }
        )

    def check(self) -> None:
        """Every head in the log is right, and every head that is served answers with its histories, whole."""
        for _, head in self.heads().values():
            assert head.map_root == self.expected_root(head.issuance_size, head.statements_size)
        for leaf, (_, head) in self.heads().items():
            if not self._is_kept(leaf):
                continue
            histories = self.histories(head.issuance_size, head.statements_size)
            for subject, entries in histories.items():
                found = self.find(subject, leaf=leaf, limit=1000)
                assert found.page.count == len(entries)
                assert list(found.page.entries) == entries[-1000:]
            absent = Subject(IndexKind.CERTIFICATE_STATEMENTS, digest("never logged"))
            assert self.find(absent, leaf=leaf).page.count == 0

    def _is_kept(self, leaf: int) -> bool:
        try:
            self.find(Subject(IndexKind.UNDECODABLE, b""), leaf=leaf)
        except RefusedError as error:
            if error.code == "head-not-held":
                return False
            raise
        return True

    def find(
        self, subject: Subject, first: int | None = None, limit: int = 100, leaf: int | None = None
    ) -> FoundHistory:
        """What a reader answers."""
        return self.reader.find(subject, first, limit, leaf, self.now_ms)
