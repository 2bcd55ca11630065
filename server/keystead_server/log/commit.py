# SPDX-License-Identifier: Apache-2.0
"""The one order in which a batch becomes durable.

====  ============  ========================================================================================
step  name          what is durable afterwards
====  ============  ========================================================================================
1     `support`     evidence, issuers, policies
2     `stage`       tiles and bundles of both logs, in one object
3     `heads`       in one transaction: both checkpoints compared and swapped, rows written: **committed**
4     `objects`     tiles and bundles at their own paths
5     `issuance`    the issuance checkpoint, published
6     `statements`  the statement checkpoint, published
7     `drop`        nothing new: stages are gone
====  ============  ========================================================================================

Cut short before step 3, the batch never was: what it left is overwritten or dropped. Cut short after it,
`log.recovery` goes on from the stage. Nothing is answered before step 7.

Invariants:

* no checkpoint is committed that is not a successor of the one before: neither tree shrinks, a tree of equal
  size has the same root, and the time is strictly later;
* nothing is published that is not committed, nor by a process that another has taken the log over from;
* a stage is dropped only by the process that holds the log, once its heads are published.
"""

from collections.abc import Mapping, Sequence

from keystead.errors import ParseError, StoreError
from keystead.tlog.checkpoint import Checkpoint, parse_checkpoint
from keystead.tlog.note import parse_note
from keystead_server.log.stage import STAGES, Stage, stage_path
from keystead_server.log.steps import Moment, PointHook, Step, no_hook
from keystead_server.storage.interface import (
    BlobStore,
    BrokenError,
    ConflictError,
    Heads,
    HeadStore,
    Row,
)

__all__ = [
    "CHECKPOINTS",
    "UnfinishedError",
    "commit_batch",
    "drop_stages",
    "finish_batch",
    "publish_checkpoint",
]

CHECKPOINTS = {Step.ISSUANCE: "issuance/checkpoint", Step.STATEMENTS: "statements/checkpoint"}
"""Where each log's checkpoint is published."""


class UnfinishedError(BrokenError):
    """The batch is committed, or may be, and is not published: recover before the next one."""


def commit_batch(
    blobs: BlobStore,
    store: HeadStore,
    *,
    expected: Heads | None,
    new: Heads,
    support: Mapping[str, bytes],
    objects: Mapping[str, bytes],
    rows: Sequence[Row],
    hook: PointHook = no_hook,
) -> None:
    """Commit a batch of both logs, and publish it.

    Args:
        blobs: where objects go.
        store: the lock database, which this process has taken over.
        expected: the heads that the batch was built on; None for the first batch of a log.
        new: the heads that it leads to; without entries, the same trees signed anew.
        support: objects that the entries refer to.
        objects: hash tiles and bundles of both logs.
        rows: what the lock database is to remember.
        hook: called before and after each step.

    Raises:
        ConflictError: another process has taken the log over, or moved it on: stop.
        UnfinishedError: the batch is committed, or may be: recover, then ask the lock database about it.
        BrokenError: nothing is committed; open the stores anew, and recover.
        StoreError: nothing is committed; a later batch may do better.
    """
    issuance, statements = _check_successor(expected, new)
    hook(Step.SUPPORT, Moment.BEFORE)
    blobs.put(support)
    hook(Step.SUPPORT, Moment.AFTER)

    stage = Stage(new.digest, issuance.size, statements.size, objects)
    hook(Step.STAGE, Moment.BEFORE)
    blobs.put({stage_path(new): stage.encode()})
    hook(Step.STAGE, Moment.AFTER)

    hook(Step.HEADS, Moment.BEFORE)
    try:
        store.commit(expected, new, rows)
    except BrokenError as error:
        raise UnfinishedError(f"nobody knows whether the batch is committed: {error}") from error
    try:
        hook(Step.HEADS, Moment.AFTER)
        finish_batch(blobs, store, new, objects, hook)
    except ConflictError:
        raise
    except Exception as error:
        raise UnfinishedError(f"the batch is committed and not yet published: {error}") from error


def _check_successor(expected: Heads | None, new: Heads) -> tuple[Checkpoint, Checkpoint]:
    """The two checkpoints of `new`, which must go on from `expected`."""
    issuance, statements = _checkpoint(new.issuance), _checkpoint(new.statements)
    if expected is not None:
        if new.time <= expected.time:
            raise StoreError(f"a batch at {new.time} ms does not come after one at {expected.time} ms")
        _check_extends(_checkpoint(expected.issuance), issuance)
        _check_extends(_checkpoint(expected.statements), statements)
    return issuance, statements


def _checkpoint(raw: bytes) -> Checkpoint:
    try:
        return parse_checkpoint(parse_note(raw).text)
    except ParseError as error:
        raise StoreError(f"the heads of the log are no checkpoints: {error}") from error


def _check_extends(old: Checkpoint, new: Checkpoint) -> None:
    if new.origin != old.origin:
        raise StoreError(f"the checkpoint of {new.origin} cannot follow one of {old.origin}")
    if new.size < old.size or (new.size == old.size and new.root != old.root):
        raise StoreError(f"a checkpoint of {new.origin} would contradict the one of {old.size} entries")


def finish_batch(
    blobs: BlobStore, store: HeadStore, heads: Heads, objects: Mapping[str, bytes], hook: PointHook
) -> None:
    """Steps 4 to 7, for heads that are committed."""
    hook(Step.OBJECTS, Moment.BEFORE)
    blobs.put(objects)
    hook(Step.OBJECTS, Moment.AFTER)
    publish_checkpoint(blobs, store, Step.ISSUANCE, heads.issuance, hook)
    publish_checkpoint(blobs, store, Step.STATEMENTS, heads.statements, hook)
    drop_stages(blobs, store, hook)


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
