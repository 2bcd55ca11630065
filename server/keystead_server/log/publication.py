# SPDX-License-Identifier: Apache-2.0
"""From committed to published: the last steps of `log.commit`, and who has a say before them.

Between the commit and the publication a `Cosigner` gets both checkpoints, to have them cosigned by witnesses
(`specs/witnesses.md`). What it returns is published: the committed checkpoints, with more signature lines.
Without the quorum that it asks for nothing is published. The batch stays committed, and recovery asks again.

Invariants:

* a published checkpoint is a committed one, perhaps with more signatures;
* nothing is published by a process that another has taken the log over from;
* a stage is dropped only by the process that holds the log, once its heads are published.
"""

import threading
from typing import Protocol

from keystead.errors import ParseError, StoreError
from keystead.tlog.checkpoint import Checkpoint, parse_checkpoint
from keystead.tlog.note import parse_note
from keystead_server.log.stage import STAGES
from keystead_server.log.steps import Moment, PointHook, Step
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, BrokenError, ConflictError, Heads, HeadStore

__all__ = [
    "CHECKPOINTS",
    "NO_WITNESSES",
    "Cosigner",
    "QuorumMissingError",
    "UnfinishedError",
    "Unpublished",
    "checkpoint_of",
    "cosigned",
    "drop_stages",
    "publish_checkpoint",
]

CHECKPOINTS = {Step.ISSUANCE: "issuance/checkpoint", Step.STATEMENTS: "statements/checkpoint"}
"""Where each log's checkpoint is published."""


class UnfinishedError(BrokenError):
    """The batch is committed, or may be, and is not published: recover before the next one."""


class QuorumMissingError(UnfinishedError):
    """The batch is committed, and waits for cosignatures of the witnesses that the sentence names."""


class Unpublished:
    """One committed checkpoint on its way to readers; its tiles are in place. From any thread.

    Args:
        blobs: where the log's objects are.
        step: which of the two logs.
        note: the committed checkpoint, a signed note.
    """

    def __init__(self, blobs: BlobStore, step: Step, note: bytes) -> None:
        self.step = step
        self.note = note
        self.checkpoint = checkpoint_of(note)
        self._blobs = blobs
        self._tree: Tree | None = None
        self._lock = threading.Lock()

    def published(self) -> bytes | None:
        """What readers see now."""
        return self._blobs.get(CHECKPOINTS[self.step])

    def consistency_proof(self, old: int) -> list[bytes]:
        """The proof that this checkpoint's tree extends its own first `old` leaves.

        Raises:
            ProofError: `old` is greater than the tree.
            StoreError: a tile is missing or altered.
        """
        with self._lock:
            if self._tree is None:
                size, root = self.checkpoint.size, self.checkpoint.root
                self._tree = Tree.load(self._blobs, f"{self.step}/", size, root)
            return self._tree.consistency_proof(old)


class Cosigner(Protocol):
    """Has checkpoints cosigned."""

    def cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        """Both checkpoints with the signature lines of witnesses. In the worker thread; it may take a while.

        Raises:
            QuorumMissingError: one of them lacks cosignatures without which it must not be published.
        """
        ...


class _NoWitnesses:
    """Publishes what is committed as it is."""

    def cosign(self, issuance: Unpublished, statements: Unpublished) -> tuple[bytes, bytes]:
        return issuance.note, statements.note


NO_WITNESSES: Cosigner = _NoWitnesses()
"""The cosigner of a log without witnesses."""


def checkpoint_of(note: bytes) -> Checkpoint:
    """The checkpoint in a note of the log's own; no signature is verified.

    Raises:
        StoreError: there is none.
    """
    try:
        return parse_checkpoint(parse_note(note).text)
    except ParseError as error:
        raise StoreError(f"the heads of the log are no checkpoints: {error}") from error


def cosigned(blobs: BlobStore, heads: Heads, cosigner: Cosigner) -> Heads:
    """Committed heads as they are to be published.

    Raises:
        QuorumMissingError: they must not be, just now.
    """
    issuance, statements = cosigner.cosign(
        Unpublished(blobs, Step.ISSUANCE, heads.issuance),
        Unpublished(blobs, Step.STATEMENTS, heads.statements),
    )
    return Heads(issuance, statements, heads.time)


def publish_checkpoint(
    blobs: BlobStore, store: HeadStore, step: Step, checkpoint: bytes, hook: PointHook
) -> None:
    """Step 5 or 6.

    Raises:
        ConflictError: another process has taken the log over: what it published must not be rolled back.
    """
    hook(step, Moment.BEFORE)
    _check_held(store)
    blobs.publish(CHECKPOINTS[step], checkpoint)
    hook(step, Moment.AFTER)


def drop_stages(blobs: BlobStore, store: HeadStore, hook: PointHook) -> None:
    """Step 7: remove every stage; the heads must be published.

    Raises:
        ConflictError: another process has taken the log over, and may need one of them.
    """
    hook(Step.DROP, Moment.BEFORE)
    # List first, then look who holds the log: while it is this process, whatever was listed was staged by
    # itself, and is published or was given up, or by a process that can no longer commit it.
    paths = list(blobs.list(STAGES))
    _check_held(store)
    for path in paths:
        blobs.delete(path)
    hook(Step.DROP, Moment.AFTER)


def _check_held(store: HeadStore) -> None:
    if not store.held():
        raise ConflictError("another server has taken this log over: stop this one")
