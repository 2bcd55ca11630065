# SPDX-License-Identifier: Apache-2.0
"""A log that is open: its stores, both trees, and what later statements are judged by.

`load` brings all of it into memory from the stores and checks it against the signed checkpoints. `commit` is
called in the worker thread and changes the stores only; `apply` is called on the event loop and moves what is
in memory to where the stores are. Between the two, readers and proofs are still at the old size.

Invariants:

* what is in memory was computed from committed entries, never from promises;
* a bundle's tail is used only if it hashes to the leaves that the signed root covers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keystead.ct.tile_leaf import decode_data_tile
from keystead.errors import KeysteadError, SignatureError, StoreError
from keystead.statements.dsse import verify_envelope
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import (
    AuditWithdrawal,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
    Statement,
    parse_statement,
)
from keystead.statements.policy import Policy, parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.tlog.checkpoint import (
    LogKey,
    RFC6962NoteSignature,
    parse_tree_head_signature,
)
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.note import parse_note
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from keystead_server.log.batch import Batch, LogIdentity, LogState, build_batch
from keystead_server.log.commit import commit_batch
from keystead_server.log.operations import Operation
from keystead_server.log.records import Records
from keystead_server.log.recovery import Recovered, recover
from keystead_server.log.steps import PointHook, no_hook
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads, HeadStore
from keystead_server.storage.named import named_object

__all__ = ["OpenLog", "Snapshot", "Stores", "registers", "service_of", "tree_head_of"]


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores of a log."""

    blobs: BlobStore
    heads: HeadStore

    def close(self) -> None:
        """Let go of both."""
        self.blobs.close()
        self.heads.close()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `load` finds in the stores."""

    stores: Stores
    state: LogState
    issuance: Tree
    statements: Tree
    registry: ServiceRegistry
    policies: PolicyHistory
    policy: Policy
    policy_document: bytes
    policy_index: int
    successor: str | None


def service_of(statement: Statement) -> bytes | None:
    """The service whose standing a statement changes, if it changes any."""
    if isinstance(statement, ServiceAudit | AuditWithdrawal | ServiceDevices):
        return statement.service
    return None


def registers(statement: Statement) -> bool:
    """Whether later statements are judged by this one."""
    return isinstance(statement, LogPolicy) or service_of(statement) is not None


class OpenLog:
    """One log, open for reading and writing by this process.

    Args:
        identity: the log's name and keys.
        open_stores: opens both stores; called again after a failure that leaves them in doubt.
        hook: called at each durable step of a commit; tests stop there.
    """

    def __init__(
        self, identity: LogIdentity, open_stores: Callable[[], Stores], hook: PointHook = no_hook
    ) -> None:
        self.identity = identity
        self._open_stores = open_stores
        self._hook = hook
        self._stores: Stores | None = None
        self.adopt(self.recovered())

    def recovered(self) -> Snapshot:
        """Open the stores anew, finish what a crash left, and load. May run in the worker thread.

        Raises:
            StoreError: the stores contradict each other or cannot be read.
        """
        stores = self._open_stores()
        try:
            found = recover(
                stores.blobs,
                stores.heads,
                self.identity.issuance_key,
                self.identity.statements_key,
                hook=self._hook,
            )
            if found is None:
                raise StoreError("the lock database holds no log: restore it from a backup")
            return load(stores, found, self.identity)
        except BaseException:
            stores.close()
            raise

    def adopt(self, snapshot: Snapshot) -> None:
        """Go on from what `recovered` found, and let go of the stores before. On the event loop."""
        self.close()
        self._stores = snapshot.stores
        self.blobs = snapshot.stores.blobs
        self.head_store = snapshot.stores.heads
        self.records = Records(snapshot.stores.heads)
        self.state = snapshot.state
        self.issuance = snapshot.issuance
        self.statements = snapshot.statements
        self.registry = snapshot.registry
        self.policies = snapshot.policies
        self.policy = snapshot.policy
        self.policy_document = snapshot.policy_document
        self.policy_index = snapshot.policy_index
        self.successor = snapshot.successor

    @property
    def heads(self) -> Heads:
        """Both checkpoints, and the time of the last batch."""
        return self.state.heads

    @property
    def tree_head(self) -> RFC6962NoteSignature:
        """The tree head signature on the issuance checkpoint."""
        return tree_head_of(self.state.heads.issuance, self.identity.issuance_key)

    def refresh(self) -> None:
        """What is in memory here is what is published."""

    def commit(self, operations: Sequence[Operation], now_ms: int) -> Batch:
        """Build a batch, commit and publish it. In the worker thread.

        Raises:
            StoreError: see `log.commit`; what is in memory has not changed.
        """
        batch = build_batch(operations, self.state, self.issuance, self.statements, self.identity, now_ms)
        commit_batch(
            self.blobs,
            self.head_store,
            expected=self.state.heads,
            new=batch.state.heads,
            support=batch.first,
            objects=batch.objects,
            rows=batch.rows,
            hook=self._hook,
        )
        return batch

    def apply(self, batch: Batch) -> None:
        """Move what is in memory to where `commit` brought the stores. On the event loop."""
        if batch.issuance_growth is not None:
            self.issuance.accept(batch.issuance_growth)
        if batch.statements_growth is not None:
            self.statements.accept(batch.statements_growth)
        self.state = batch.state
        for index, entry in batch.statements:
            statement = parse_statement(entry.envelope)
            if isinstance(statement, LogPolicy):
                document = named_object(self.blobs, "policy", statement.policy)
                self.policy, self.policy_document, self.policy_index = parse_policy(document), document, index
                self.successor = statement.successor
                self.policies.add(index, entry.timestamp, self.policy)
            self.registry.apply(index, entry.timestamp, statement, entry.envelope)

    def close(self) -> None:
        """Let go of the stores."""
        if self._stores is not None:
            self._stores.close()
            self._stores = None


def tree_head_of(note: bytes, key: LogKey) -> RFC6962NoteSignature:
    """The tree head signature on a checkpoint of the issuance log.

    Raises:
        StoreError: there is none.
    """
    vkey = key.tree_head_vkey
    for line in parse_note(note).signatures:
        if vkey is not None and line.key_id == vkey.key_id:
            return parse_tree_head_signature(line.signature)
    raise StoreError("the issuance checkpoint has no tree head signature: restore the log from a backup")


def load(stores: Stores, found: Recovered, identity: LogIdentity) -> Snapshot:
    """Everything that a running log keeps in memory, checked against the committed checkpoints.

    Args:
        stores: the stores.
        found: what recovery found in them.
        identity: whose log it must be.

    Raises:
        StoreError: an object is missing, altered, or another log's.
    """
    issuance, statements = found.issuance, found.statements
    try:
        state = LogState(
            found.heads, _issuance_tail(stores.blobs, issuance), _statements_tail(stores.blobs, statements)
        )
        policies = PolicyHistory()
        registry = ServiceRegistry(policies)
        policy: Policy | None = None
        policy_index, document, successor = -1, b"", None
        for index, encoded in Records(stores.heads).registry():
            entry = parse_statement_entry(encoded)
            statement = parse_statement(entry.envelope)
            if isinstance(statement, LogPolicy):
                # The checkpoints do not show whose statement key this is: a policy of this log does.
                verify_envelope(entry.envelope, identity.keys.statement_spki)
                document = named_object(stores.blobs, "policy", statement.policy)
                policy, policy_index, successor = parse_policy(document), index, statement.successor
                policies.add(index, entry.timestamp, policy)
            registry.apply(index, entry.timestamp, statement, entry.envelope)
        if policy is None:
            raise StoreError("the lock database knows no policy of the log: restore it from a backup")
    except StoreError:
        raise
    except SignatureError as error:
        raise StoreError(
            "the statement key at hand did not sign the log's policy: restore the log's own keys"
        ) from error
    except KeysteadError as error:
        raise StoreError(f"the log's folder is damaged ({error}): restore it from a backup") from error
    return Snapshot(
        stores, state, issuance, statements, registry, policies, policy, document, policy_index, successor
    )


def _issuance_tail(blobs: BlobStore, tree: Tree) -> tuple[bytes, ...]:
    index, width = divmod(tree.size, TILE_WIDTH)
    if not width:
        return ()
    path = "issuance/" + bundle_path("data", index, width)
    leaves = decode_data_tile(_object(blobs, path), width)
    _check_tail(path, [hash_leaf(leaf.entry.merkle_tree_leaf()) for leaf in leaves], tree)
    return tuple(leaf.encode() for leaf in leaves)


def _statements_tail(blobs: BlobStore, tree: Tree) -> tuple[bytes, ...]:
    index, width = divmod(tree.size, TILE_WIDTH)
    if not width:
        return ()
    path = "statements/" + bundle_path("entries", index, width)
    entries = decode_bundle(_object(blobs, path), width)
    _check_tail(path, [hash_leaf(entry) for entry in entries], tree)
    return tuple(entries)


def _check_tail(path: str, hashes: Sequence[bytes], tree: Tree) -> None:
    if tuple(hashes) != tree.tail_hashes:
        raise StoreError(f"{path} does not hash to the signed tree: restore it from a backup or a mirror")


def _object(blobs: BlobStore, path: str) -> bytes:
    data = blobs.get(path)
    if data is None:
        raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
    return data
