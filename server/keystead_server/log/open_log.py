# SPDX-License-Identifier: Apache-2.0
"""A log that is open: its stores, both trees, and what later statements are judged by.

What is in memory is what is published. A log whose witnesses are missing is open at what readers saw last, and
`unpublished` says so; `recovered` asks the witnesses again, and leads on.

`snapshot.load` brings it into memory. `commit` is called in the worker thread and changes the stores only; `apply` is
called on the event loop and moves what is in memory to where the stores are. Between the two, readers and proofs are
still at the old size.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from keystead.errors import StoreError
from keystead.statements.payloads import (
    AuditWithdrawal,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
    Statement,
    parse_statement,
)
from keystead.statements.policy import parse_policy
from keystead.tlog.checkpoint import RFC6962NoteSignature
from keystead_server.log.batch import Batch, LogIdentity, build_batch
from keystead_server.log.commit import commit_batch
from keystead_server.log.operations import Operation
from keystead_server.log.publication import NO_WITNESSES, Cosigner, QuorumMissingError
from keystead_server.log.records import Records
from keystead_server.log.recovery import Restored, as_published, complete, restore
from keystead_server.log.snapshot import Snapshot, Stores, load, tree_head_of
from keystead_server.log.steps import PointHook, no_hook
from keystead_server.storage.interface import Heads
from keystead_server.storage.named import named_object

__all__ = ["OpenLog", "registers", "service_of"]


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
        cosigner: has checkpoints cosigned before they are published.

    Attributes:
        unpublished: why what is committed could not be published when the log was opened; None once it is.
    """

    def __init__(
        self,
        identity: LogIdentity,
        open_stores: Callable[[], Stores],
        hook: PointHook = no_hook,
        cosigner: Cosigner = NO_WITNESSES,
    ) -> None:
        self.identity = identity
        self._open_stores = open_stores
        self._hook = hook
        self._cosigner = cosigner
        self._stores: Stores | None = None
        self._waiting: tuple[Stores, Restored] | None = None
        self.unpublished: QuorumMissingError | None = None
        try:
            self.adopt(self.recovered())
        except QuorumMissingError as error:
            self.adopt(self._as_published(error))
            self.unpublished = error

    def recovered(self) -> Snapshot:
        """Open the stores anew, finish what a crash left, and load. May run in the worker thread.

        While witnesses are missing, calling it again asks them again and does nothing else.

        Raises:
            QuorumMissingError: what is committed waits for its witnesses.
            StoreError: the stores contradict each other or cannot be read.
        """
        stores, restored = self._waiting or self._restored()
        try:
            found = complete(stores.blobs, stores.heads, restored, self._cosigner, self._hook)
            snapshot = load(stores, found, self.identity)
        except QuorumMissingError:
            self._waiting = stores, restored
            raise
        except BaseException:
            self._waiting = None
            self._let_go(stores)
            raise
        self._waiting = None
        return snapshot

    def _restored(self) -> tuple[Stores, Restored]:
        stores = self._open_stores()
        try:
            restored = restore(
                stores.blobs,
                stores.heads,
                self.identity.issuance_key,
                self.identity.statements_key,
                hook=self._hook,
            )
            if restored is None:
                raise StoreError("the lock database holds no log: restore it from a backup")
        except BaseException:
            stores.close()
            raise
        return stores, restored

    def _as_published(self, error: QuorumMissingError) -> Snapshot:
        """The log as readers saw it last, on the stores that wait for witnesses."""
        if self._waiting is None:
            raise error
        stores, restored = self._waiting
        try:
            found = as_published(stores.blobs, restored)
            if found is None:
                raise error
            return load(stores, found, self.identity)
        except BaseException:
            stores.close()
            raise

    def _let_go(self, stores: Stores) -> None:
        if stores is not self._stores:
            stores.close()

    def adopt(self, snapshot: Snapshot) -> None:
        """Go on from what `recovered` found, and let go of the stores before. On the event loop."""
        if self._stores is not None and self._stores is not snapshot.stores:
            self._stores.close()
        self.unpublished = None
        self._stores = snapshot.stores
        self.published = snapshot.published
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
        """Both checkpoints as they are published, and the time of the last batch."""
        return self.published

    @property
    def tree_head(self) -> RFC6962NoteSignature:
        """The tree head signature on the issuance checkpoint."""
        return tree_head_of(self.published.issuance, self.identity.issuance_key)

    @property
    def statements_size(self) -> int:
        """The size of the statement tree at its checkpoint."""
        return self.statements.size

    def prove_issuance(self, index: int, statement_index: int) -> tuple[tuple[bytes, ...], bytes]:
        """The audit path of an issuance entry, and the checkpoint that it is under."""
        del statement_index  # what is published is always in view here
        return tuple(self.issuance.inclusion_proof(index)), self.heads.issuance

    def refresh(self) -> None:
        """What is in memory here is what is published."""

    def commit(self, operations: Sequence[Operation], now_ms: int) -> Batch:
        """Build a batch, commit and publish it. In the worker thread.

        Raises:
            StoreError: see `log.commit`; what is in memory has not changed.
        """
        batch = build_batch(operations, self.state, self.issuance, self.statements, self.identity, now_ms)
        published = commit_batch(
            self.blobs,
            self.head_store,
            expected=self.state.heads,
            new=batch.state.heads,
            support=batch.first,
            objects=batch.objects,
            rows=batch.rows,
            cosigner=self._cosigner,
            hook=self._hook,
        )
        return replace(batch, published=published)

    def apply(self, batch: Batch) -> None:
        """Move what is in memory to where `commit` brought the stores. On the event loop."""
        if batch.issuance_growth is not None:
            self.issuance.accept(batch.issuance_growth)
        if batch.statements_growth is not None:
            self.statements.accept(batch.statements_growth)
        self.state = batch.state
        self.published = batch.published
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
        if self._waiting is not None:
            self._let_go(self._waiting[0])
            self._waiting = None
        if self._stores is not None:
            self._stores.close()
            self._stores = None
