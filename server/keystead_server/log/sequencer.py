# SPDX-License-Identifier: Apache-2.0
"""The one loop that turns the pool into batches.

Admission hands over operations; each is answered by a future that resolves when its entry is committed **and**
published, or with the refusal that says to try again. One operation is shared by all who ask for it.

Ownership: the pool, the pending table and `OpenLog` are changed on the event loop only. While a batch is built
and committed in the worker thread, nobody changes the trees; reads go on.

Invariants:

* no two operations with one key are ever in the pool and the running batch together;
* what fails is answered 503: it may be in the log or not, and the retry finds out as a duplicate;
* after a failure nothing is sequenced until recovery has brought the stores to one whole state; a quorum of
  witnesses that is missing is such a failure, of which recovery is tried again each period;
* an operation admitted under a policy that is no longer in force is not sequenced.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from keystead.errors import RefusedError
from keystead_server.log.clock import Clock
from keystead_server.log.open_log import OpenLog
from keystead_server.log.operations import AddEvidence, AddStatement, Operation, OperationKey
from keystead_server.log.publication import QuorumMissingError
from keystead_server.log.records import Placed
from keystead_server.storage.interface import ConflictError

__all__ = ["RESIGN_SECONDS", "Outcome", "Sequencer", "placed_or_refused"]

_logger = logging.getLogger(__name__)

Outcome = Placed | RefusedError
"""A future resolves with a place or a refusal, never raises: nobody may be left to look at it."""

RESIGN_SECONDS = 3600.0
"""An idle log signs its tree head again after this long; RFC 6962 wants one within the maximum merge delay."""

_RETRY_SECONDS = 1


def placed_or_refused(outcome: Outcome) -> Placed:
    """Where an operation's entry stands.

    Raises:
        RefusedError: it was not sequenced; the submitter is to try again.
    """
    if isinstance(outcome, RefusedError):
        raise outcome
    return outcome


class Sequencer:
    """Batches operations, one batch a period while there is work.

    Args:
        log: the log, opened and recovered.
        clock: wall and monotonic time.
        period: seconds between the starts of two batches; an idle log starts at once.
    """

    def __init__(self, log: OpenLog, clock: Clock, period: float) -> None:
        self.log = log
        self._clock = clock
        self._period = period
        self._pool: list[Operation] = []
        self._pending: dict[OperationKey, list[asyncio.Future[Outcome]]] = {}
        self._pending_evidence: dict[bytes, set[OperationKey]] = {}
        self._policy_changes: list[AddStatement] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._task: asyncio.Task[None] | None = None
        self.wounded: str | None = None if log.unpublished is None else str(log.unpublished)
        """Why nothing can be sequenced just now; None while all is well."""
        self.quorum_missing = log.unpublished is not None
        """Whether that is because what is committed waits for witnesses."""
        self.batches = 0
        self.commit_seconds = 0.0
        self.recoveries = 0
        """What it has done since the start, for metrics."""
        self.lost = asyncio.Event()
        """Set once another process has taken the log over: this one can only stop."""

    def start(self) -> None:
        """Start the loop on the running event loop."""
        self._task = asyncio.create_task(self._run(), name="sequencer")

    async def close(self) -> None:
        """Refuse new work, sequence what is in the pool, and stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._worker.shutdown()

    @property
    def waiting(self) -> int:
        """How many operations are in the pool."""
        return len(self._pool)

    def is_pending(self, key: OperationKey) -> bool:
        """Whether an operation is in the pool or in the running batch."""
        return key in self._pending

    def outcome(self, key: OperationKey) -> asyncio.Future[Outcome]:
        """A future of a pending operation, for one who waits: to cancel it takes it from nobody else."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending[key].append(future)
        return future

    def pending_evidence(self, certificate_id: bytes) -> list[OperationKey]:
        """The keys of the pending evidence operations about a certificate."""
        return list(self._pending_evidence.get(certificate_id, ()))

    def submit(self, operations: Sequence[Operation], pool_limit: int) -> list[asyncio.Future[Outcome]]:
        """Put operations into the pool, all or none, and get a future of each, as `outcome` gives it.

        Args:
            operations: admitted; one that is pending already is not added again.
            pool_limit: how many operations the pool may hold.

        Raises:
            RefusedError: 503, the pool is full, the log is closing or cannot be written just now.
        """
        self.refuse_if_unable()
        added = [operation for operation in operations if operation.key not in self._pending]
        if len(self._pool) + len(added) > pool_limit:
            raise RefusedError(
                "pool-full",
                f"the log is busy: its pool of {pool_limit} waiting entries is full; try again in a second",
                status=503,
                retry_after=_RETRY_SECONDS,
            )
        for operation in added:
            self._pool.append(operation)
            self._pending[operation.key] = []
            if isinstance(operation, AddEvidence):
                self._pending_evidence.setdefault(operation.certificate_id, set()).add(operation.key)
        if added:
            self._wake.set()
        return [self.outcome(operation.key) for operation in operations]

    async def change_policy(self, change: AddStatement) -> Outcome:
        """Put a `log-policy` statement into a batch of its own, after all that was admitted before it."""
        self.refuse_if_unable()
        self._pending[change.key] = []
        self._policy_changes.append(change)
        self._wake.set()
        return await self.outcome(change.key)

    def refuse_if_unable(self) -> None:
        """Raise the refusal of a log that takes nothing, just now or for ever."""
        if self.log.successor is not None:
            raise RefusedError(
                "log-ended",
                f"this log has ended and is read-only; {self.log.successor} continues it",
                status=410,
            )
        if self._closing:
            raise RefusedError(
                "closing", "the log is shutting down; try again later", status=503, retry_after=5
            )
        self.refuse_if_wounded()

    def refuse_if_wounded(self) -> None:
        """Raise the 503 of a log that is recovering.

        Duplicates, too, wait for that: what is in the lock database may be committed and not yet published.
        """
        if self.wounded is not None:
            raise self._refusal()

    def _refusal(self) -> RefusedError:
        if self.quorum_missing:
            return RefusedError(
                "quorum-missing",
                f"{self.wounded}; try again in a few seconds",
                status=503,
                retry_after=_RETRY_SECONDS,
            )
        return RefusedError(
            "log-unavailable",
            "the log failed to write and is recovering; try again in a few seconds",
            status=503,
            retry_after=5,
        )

    async def _run(self) -> None:
        started = self._clock.monotonic() - self._period
        while True:
            if self.wounded is None and not self._pool and not self._policy_changes:
                if self._closing:
                    return
                await self._idle()
            rest = started + self._period - self._clock.monotonic()
            if rest > 0 and not self._closing:
                await self._clock.sleep(rest)
            started = self._clock.monotonic()
            if self.lost.is_set():
                return
            if self.wounded is not None:
                await self._recover()
                if self.wounded is not None and self._closing:
                    return
            elif self._pool:
                operations, self._pool = self._pool, []
                await self._sequence(operations)
            elif self._policy_changes:
                await self._sequence([self._policy_changes.pop(0)])

    async def _idle(self) -> None:
        """Wait for work; an idle log signs its tree head anew, so that its age says that the log lives."""
        self._wake.clear()
        age = (self._clock.now_ms() - self.log.state.heads.time) / 1000
        waits = {
            asyncio.ensure_future(self._wake.wait()),
            asyncio.ensure_future(self._clock.sleep(max(0.0, RESIGN_SECONDS - age))),
        }
        _, unfinished = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in unfinished:
            wait.cancel()
        if not self._wake.is_set():
            await self._sequence([])

    async def _sequence(self, operations: list[Operation]) -> None:
        current = self.log.policy_index
        stale = [operation for operation in operations if operation.policy_index != current]
        if stale:
            operations = [operation for operation in operations if operation.policy_index == current]
            self._settle(
                [operation.key for operation in stale],
                RefusedError(
                    "policy-changed",
                    "the log's policy changed while this waited; try again at once",
                    status=503,
                    retry_after=_RETRY_SECONDS,
                ),
            )
            if not operations:
                return
        loop = asyncio.get_running_loop()
        started = self._clock.monotonic()
        try:
            batch = await loop.run_in_executor(
                self._worker, self.log.commit, operations, self._clock.now_ms()
            )
        except ConflictError as error:
            self._wound(error)
            self.lost.set()
        except Exception as error:  # noqa: BLE001 - whatever it was, the stores decide what happened
            self._wound(error)
        else:
            self.batches += 1
            self.commit_seconds += self._clock.monotonic() - started
            self.log.apply(batch)
            for operation, place in zip(operations, batch.placed, strict=True):
                self._settle([operation.key], place)

    def _wound(self, error: Exception) -> None:
        # The batch may be committed or not: only the stores know. Every waiter is told to come back, and comes
        # back as a duplicate or as new.
        self._note(error)
        self._pool.clear()
        self._policy_changes.clear()
        self._settle(list(self._pending), self._refusal())

    def _note(self, error: Exception) -> None:
        why = str(error) or type(error).__name__
        self.quorum_missing = isinstance(error, QuorumMissingError)
        if why != self.wounded:  # said once, and not each period
            _logger.error(
                "the log goes on once this is over: %s", why, exc_info=None if self.quorum_missing else error
            )
        self.wounded = why

    async def _recover(self) -> None:
        try:
            state = await asyncio.get_running_loop().run_in_executor(self._worker, self.log.recovered)
        except Exception as error:  # noqa: BLE001 - as above; the next period tries again
            self._note(error)
            return
        self.log.adopt(state)
        self.wounded = None
        self.quorum_missing = False
        self.recoveries += 1
        _logger.warning("the log has recovered and goes on")

    def _settle(self, keys: Sequence[OperationKey], outcome: Outcome) -> None:
        for key in keys:
            if key[0] == "evidence":
                self._forget_evidence(key)
            for future in self._pending.pop(key, ()):
                if not future.done():
                    future.set_result(outcome)

    def _forget_evidence(self, key: OperationKey) -> None:
        certificate_id = key[1][:32]
        keys = self._pending_evidence.get(certificate_id, set())
        keys.discard(key)
        if not keys:
            self._pending_evidence.pop(certificate_id, None)
