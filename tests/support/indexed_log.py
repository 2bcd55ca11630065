# SPDX-License-Identifier: Apache-2.0
"""The log in memory with an index over it, whose answers can be made wrong in every part.

`heads` says what the map of a head holds, `answer` makes an honest answer under it. Both are plain values: a test that
wants a lie changes one before it is signed or sent. `get` answers as a log does whose base holds all of it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from keystead.ct.leaf import X509_ENTRY
from keystead.index.answer import IndexAnswer
from keystead.index.history import encode_value, hash_history_leaf, make_page
from keystead.index.kinds import Subject, index_key, parse_subject
from keystead.index.map_build import build_map
from keystead.index.map_nodes import MapNodes, memory_nodes
from keystead.index.map_prove import prove
from keystead.index.mapping import issuer_key_hash, subjects_of_entry, subjects_of_statement
from keystead.index.verification import IndexTrust
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import IndexHead, sign_statement
from keystead.tlog.merkle import make_consistency_proof, root_of
from support.memory_log import MemoryLog

__all__ = ["IndexedLog", "MemoryHead"]


@dataclass
class MemoryHead:
    """A head, and the map under it."""

    index: int
    issuance_size: int
    statements_size: int
    histories: dict[Subject, list[int]]
    nodes: MapNodes
    top: int
    root: bytes


@dataclass
class IndexedLog:
    """A log and its index.

    Attributes:
        log: honest, unless told otherwise.
        histories: what is listed under what; the next head commits to it.
        heads: those that were logged.
        lies: see every answer to a question, and may change it.
    """

    log: MemoryLog = field(default_factory=MemoryLog)
    histories: dict[Subject, list[int]] = field(default_factory=dict)
    heads: list[MemoryHead] = field(default_factory=list)
    lies: list[Callable[[IndexAnswer], IndexAnswer]] = field(default_factory=list)
    _followed: tuple[int, int] = (0, 0)

    @property
    def trust(self) -> IndexTrust:
        """What a reader knows."""
        trust = self.log.trust
        return IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)

    def add_entry(self, *subjects: Subject) -> int:
        """Log an issuance entry, and list it; its index."""
        index = self.log.add_leaf(
            b"\x30\x03\x02\x01\x05", (bytes(32),), precertificate=b"x", issuer_key_hash=bytes(32)
        )
        for subject in subjects:
            self.histories.setdefault(subject, []).append(index)
        return index

    def add_statement(self, *subjects: Subject) -> int:
        """Log some statement entry, and list it; its index."""
        index = self.log.add_statement_entry(b"a statement %d" % len(self.log.statements.entries))
        for subject in subjects:
            self.histories.setdefault(subject, []).append(index)
        return index

    def list_all(self) -> None:
        """List all that is logged under what it names, and nothing else."""
        self.histories.clear()
        self._followed = (0, 0)
        self.follow()

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        """As `Fetcher.get`; heads are kept for ever."""
        if not path.startswith("index/v1/"):
            return await self.log.get(path, limit)
        self.log.requests.append(path)
        parts = urlsplit(path)
        subject = parse_subject(*parts.path.split("/")[2:])
        asked = {name: int(value) for name, value in parse_qsl(parts.query)}
        found = [head for head in self.heads if head.index == asked.get("head", head.index)]
        if not found:
            return None
        count, size = len(found[-1].histories.get(subject, ())), min(asked.get("limit", 100), 1000)
        answer = self.answer(subject, asked.get("from", max(0, count - size)), size, found[-1])
        for lie in self.lies:
            answer = lie(answer)
        return answer.encode()

    def follow(self) -> None:
        """List what is in the log and not listed yet, by the mapping that is real."""
        log = self.log
        for index in range(self._followed[0], len(log.issuance.leaves)):
            leaf = log.issuance.leaves[index]
            issuer = None
            if leaf.entry.entry_type == X509_ENTRY and leaf.fingerprints:
                der = log.objects.get(f"issuance/issuer/{leaf.fingerprints[0].hex()}")
                issuer = None if der is None else issuer_key_hash(der)
            for subject in subjects_of_entry(leaf.entry, issuer):
                self.histories.setdefault(subject, []).append(index)
        for index in range(self._followed[1], len(log.statements.entries)):
            for subject in subjects_of_statement(log.statements.entries[index]):
                self.histories.setdefault(subject, []).append(index)
        self._followed = (len(log.issuance.leaves), len(log.statements.entries))

    def commit(self, **changed: object) -> MemoryHead:
        """`follow`, and `add_head`."""
        self.follow()
        return self.add_head(**changed)

    def add_head(self, **changed: object) -> MemoryHead:
        """Publish what there is, log a head over it, and publish that; `changed` are members that lie."""
        log = self.log
        log.publish()
        nodes = memory_nodes()
        content = {
            index_key(subject): encode_value(len(entries), root_of(list(map(hash_history_leaf, entries))))
            for subject, entries in self.histories.items()
        }
        version = build_map(nodes, sorted(content.items()))
        members: dict[str, object] = {
            "log": log.statements.origin,
            "issued": log.now_ms // 1000,
            "issuance_origin": log.issuance.origin,
            "issuance_size": log.issuance.size,
            "issuance_root": log.issuance.root(log.issuance.size),
            "statements_size": log.statements.size,
            "map_root": version.root,
        }
        statement = IndexHead(**(members | changed))  # type: ignore[arg-type]
        entry = StatementEntry(log.now_ms, sign_statement(log.statement_key, statement))
        head = MemoryHead(
            log.add_statement_entry(entry.encode()),
            log.issuance.size,
            log.statements.size,
            {subject: entries[:] for subject, entries in self.histories.items()},
            nodes,
            version.top,
            version.root,
        )
        log.publish()
        self.heads.append(head)
        return head

    def answer(
        self, subject: Subject, first: int = 0, limit: int = 100, head: MemoryHead | None = None
    ) -> IndexAnswer:
        """An honest answer under a head, by default the last one."""
        head = head or self.heads[-1]
        issuance = self.log.issuance
        entries = head.histories.get(subject, [])
        leaves = [hash_history_leaf(entry) for entry in entries]
        page = make_page(
            len(entries),
            first,
            entries[first : first + limit],
            lambda level, index: root_of(leaves[index << level : (index + 1) << level]),
        )
        return IndexAnswer(
            subject=subject,
            page=page,
            map_proof=prove(head.nodes, head.top, index_key(subject)).proof,
            head_entry=self.log.statements.entries[head.index],
            head_proof=self.log.statements.proof(head.index).encode(),
            checkpoint=issuance.checkpoint,
            consistency=tuple(make_consistency_proof(head.issuance_size, issuance.size, issuance.node)),
        )
