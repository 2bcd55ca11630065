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
`log.recovery` goes on from the stage. Nothing is answered before step 7. Before step 5 witnesses cosign both
checkpoints; that step and those after it are in `log.publication`.

Invariant: no checkpoint is committed that is not a successor of the one before: neither tree shrinks, a tree of
equal size has the same root, and the time is strictly later.
"""

from collections.abc import Mapping, Sequence

from keystead.errors import StoreError
from keystead.tlog.checkpoint import Checkpoint
from keystead_server.log.publication import (
    NO_WITNESSES,
    Cosigner,
    QuorumMissingError,
    UnfinishedError,
    checkpoint_of,
    cosigned,
    drop_stages,
    publish_checkpoint,
)
from keystead_server.log.stage import Stage, stage_path
from keystead_server.log.steps import Moment, PointHook, Step, no_hook
from keystead_server.storage.interface import (
    BlobStore,
    BrokenError,
    ConflictError,
    Heads,
    HeadStore,
    Row,
)

__all__ = ["commit_batch"]


def commit_batch(
    blobs: BlobStore,
    store: HeadStore,
    *,
    expected: Heads | None,
    new: Heads,
    support: Mapping[str, bytes],
    objects: Mapping[str, bytes],
    rows: Sequence[Row],
    cosigner: Cosigner = NO_WITNESSES,
    hook: PointHook = no_hook,
) -> Heads:
    """Commit a batch of both logs, and publish it.

    Args:
        blobs: where objects go.
        store: the lock database, which this process has taken over.
        expected: the heads that the batch was built on; None for the first batch of a log.
        new: the heads that it leads to; without entries, the same trees signed anew.
        support: objects that the entries refer to.
        objects: hash tiles and bundles of both logs.
        rows: what the lock database is to remember.
        cosigner: has both checkpoints cosigned before they are published.
        hook: called before and after each step.

    Returns:
        `new` as it is published: with cosignatures.

    Raises:
        ConflictError: another process has taken the log over, or moved it on: stop.
        QuorumMissingError: the batch is committed and waits for witnesses: recover until they are back.
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
        return _finish(blobs, store, new, objects, cosigner, hook)
    except (ConflictError, QuorumMissingError):
        raise
    except Exception as error:
        raise UnfinishedError(f"the batch is committed and not yet published: {error}") from error


def _check_successor(expected: Heads | None, new: Heads) -> tuple[Checkpoint, Checkpoint]:
    """The two checkpoints of `new`, which must go on from `expected`."""
    issuance, statements = checkpoint_of(new.issuance), checkpoint_of(new.statements)
    if expected is not None:
        if new.time <= expected.time:
            raise StoreError(f"a batch at {new.time} ms does not come after one at {expected.time} ms")
        _check_extends(checkpoint_of(expected.issuance), issuance)
        _check_extends(checkpoint_of(expected.statements), statements)
    return issuance, statements


def _check_extends(old: Checkpoint, new: Checkpoint) -> None:
    if new.origin != old.origin:
        raise StoreError(f"the checkpoint of {new.origin} cannot follow one of {old.origin}")
    if new.size < old.size or (new.size == old.size and new.root != old.root):
        raise StoreError(f"a checkpoint of {new.origin} would contradict the one of {old.size} entries")


def _finish(
    blobs: BlobStore,
    store: HeadStore,
    heads: Heads,
    objects: Mapping[str, bytes],
    cosigner: Cosigner,
    hook: PointHook,
) -> Heads:
    """Steps 4 to 7, for heads that are committed."""
    hook(Step.OBJECTS, Moment.BEFORE)
    blobs.put(objects)
    hook(Step.OBJECTS, Moment.AFTER)
    published = cosigned(blobs, heads, cosigner)
    publish_checkpoint(blobs, store, Step.ISSUANCE, published.issuance, hook)
    publish_checkpoint(blobs, store, Step.STATEMENTS, published.statements, hook)
    drop_stages(blobs, store, hook)
    return published
