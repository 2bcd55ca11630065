# SPDX-License-Identifier: Apache-2.0
"""What is published, as a process sees it that does not sequence.

Every look reads the published checkpoints, so that whoever was answered by one front end never meets an older
tree at another: a checkpoint is published before anything that it covers is answered.
"""

import time

from keystead.errors import ParseError, StoreError
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import LogPolicy, parse_statement
from keystead.statements.policy import Policy, parse_policy
from keystead.tlog.checkpoint import LogKey, RFC6962NoteSignature, verify_checkpoint
from keystead_server.log.publication import CHECKPOINTS, checkpoint_of
from keystead_server.log.records import Records
from keystead_server.log.snapshot import Stores, tree_head_of
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads
from keystead_server.storage.named import named_object

__all__ = ["FollowedLog"]


LOOK_SECONDS = 0.05
"""How old the look may be that an answer given before is proven by again."""


class FollowedLog:
    """A `PublishedLog` over the stores alone.

    Args:
        stores: both stores, opened for reading.
        issuance_key, statements_key: what the checkpoints verify under.

    Raises:
        StoreError: an object is missing or does not verify.
    """

    def __init__(self, stores: Stores, issuance_key: LogKey, statements_key: LogKey) -> None:
        self._stores = stores
        self._keys = (issuance_key, statements_key)
        self.records = Records(stores.heads)
        self._notes = (b"", b"")
        self._trees: list[Tree | None] = [None, None]
        self._time = 0
        self._looked = 0.0
        self._statements_size = 0
        self._policy: Policy | None = None
        self._policy_index = -1
        self._successor: str | None = None
        self._next_registered = 0
        self.refresh()

    @property
    def blobs(self) -> BlobStore:
        """The stored objects."""
        return self._stores.blobs

    @property
    def heads(self) -> Heads:
        """Both checkpoints as published, and the time of the last batch that is known to be."""
        self.refresh()
        return Heads(self._notes[0], self._notes[1], self._time)

    @property
    def issuance(self) -> Tree:
        """The issuance tree at its checkpoint."""
        self.refresh()
        return self._tree(0, "issuance/")

    @property
    def statements(self) -> Tree:
        """The statement tree at its checkpoint."""
        self.refresh()
        return self._tree(1, "statements/")

    @property
    def tree_head(self) -> RFC6962NoteSignature:
        """The tree head signature of the issuance log."""
        self.refresh()
        return tree_head_of(self._notes[0], self._keys[0])

    def prove_issuance(self, index: int, statement_index: int) -> tuple[tuple[bytes, ...], bytes]:
        """The audit path of an issuance entry, and the checkpoint that it is under.

        A look of a moment ago does, as long as it covers the entry and the statement: CAs that retry in crowds
        are answered from memory.
        """
        tree = self._trees[0]
        covered = tree is not None and index < tree.size and statement_index < self._statements_size
        if not covered or time.monotonic() - self._looked > LOOK_SECONDS:
            self.refresh()
        return tuple(self._tree(0, "issuance/").inclusion_proof(index)), self._notes[0]

    @property
    def statements_size(self) -> int:
        """The size of the statement tree at its checkpoint, as of the last look."""
        return self._statements_size

    @property
    def policy(self) -> Policy:
        """The policy in force, as of the last look."""
        if self._policy is None:
            raise StoreError("the lock database knows no policy of the log: restore it from a backup")
        return self._policy

    @property
    def policy_index(self) -> int:
        """The leaf index of its statement, as of the last look."""
        return self._policy_index

    @property
    def successor(self) -> str | None:
        """The statement log that continues this one, as of the last look."""
        return self._successor

    def refresh(self) -> None:
        """Look at what is published now."""
        self._looked = time.monotonic()
        issuance, statements = (self._object(path) for path in CHECKPOINTS.values())
        if issuance != self._notes[0]:
            self._trees[0] = None
        if statements != self._notes[1]:
            self._trees[1] = None
            self._statements_size = checkpoint_of(statements).size
            self._read_policies(self._statements_size)
        if (issuance, statements) != self._notes:
            heads = self._stores.heads.heads()
            self._time = heads.time if heads is not None else 0
            self._notes = (issuance, statements)

    def _tree(self, number: int, prefix: str) -> Tree:
        tree = self._trees[number]
        if tree is None:
            checkpoint = verify_checkpoint(self._notes[number], self._keys[number]).checkpoint
            tree = Tree.load(self.blobs, prefix, checkpoint.size, checkpoint.root)
            self._trees[number] = tree
        return tree

    def _read_policies(self, size: int) -> None:
        try:
            for index, encoded in self.records.registry(self._next_registered):
                if index >= size:
                    return  # committed, and not published yet
                statement = parse_statement(parse_statement_entry(encoded).envelope)
                if isinstance(statement, LogPolicy):
                    self._policy = parse_policy(named_object(self.blobs, "policy", statement.policy))
                    self._policy_index = index
                    self._successor = statement.successor
                self._next_registered = index + 1
        except ParseError as error:
            raise StoreError(f"a policy of the log is damaged ({error}): restore it from a backup") from error

    def _object(self, path: str) -> bytes:
        data = self.blobs.get(path)
        if data is None:
            raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
        return data
