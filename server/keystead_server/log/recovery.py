# SPDX-License-Identifier: Apache-2.0
"""What a log does when it is opened: find where it stands, finish what was cut short, refuse what is wrong.

`restore` finds out and puts the objects of a batch in place, `complete` publishes; `recover` is both. In between,
a log whose witnesses are missing stands `as_published`: readers see what they saw, and `complete` is tried again.

The lock database is the truth. Against it, each published checkpoint is one of these:

* the same, or the same with cosignatures: nothing to do, unless witnesses are asked for that are not on it;
* absent, or of an earlier commit of the same history: publish the committed one, after the batch's objects
  were put in place from its stage;
* later, or of another history: someone restored an old lock database, or mixed two logs. Going on would sign
  a second history, so recovery refuses, and a person has to look.

Recovery is made of the last steps of `log.commit`, all of which can be repeated: when it is itself cut short,
the next one begins again. It needs no person after a crash or a failed write at any instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keystead.errors import ParseError, StoreError, VerificationError
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.merkle import verify_consistency
from keystead_server.log.publication import (
    CHECKPOINTS,
    NO_WITNESSES,
    Cosigner,
    cosigned,
    drop_stages,
    publish_checkpoint,
)
from keystead_server.log.stage import parse_stage, stage_path
from keystead_server.log.steps import Moment, PointHook, Step, no_hook
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads, HeadStore

__all__ = ["Recovered", "Restored", "as_published", "complete", "recover", "restore"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log that is whole.

    Attributes:
        heads: what it stands at, as committed.
        published: the same, as readers see it: perhaps with cosignatures.
        issuance: the issuance tree, its edge checked against the signed root.
        statements: the statement tree, likewise.
    """

    heads: Heads
    published: Heads
    issuance: Tree
    statements: Tree


@dataclass(frozen=True, slots=True)
class Restored:
    """A log whose committed objects are in place; readers may see an earlier commit of it.

    Attributes:
        heads: what is committed.
        trees: both trees there, checked against the signed roots.
        seen: the checkpoints that are published.
        stale: the logs whose published checkpoint is absent, or not what is committed.
    """

    heads: Heads
    trees: Mapping[Step, Tree]
    seen: Mapping[Step, VerifiedCheckpoint]
    stale: frozenset[Step]


def recover(
    blobs: BlobStore,
    store: HeadStore,
    issuance_key: LogKey,
    statements_key: LogKey,
    *,
    max_tiles: int = 1024,
    cosigner: Cosigner = NO_WITNESSES,
    hook: PointHook = no_hook,
) -> Recovered | None:
    """Take a log over, finish what was cut short, and check that it is whole.

    Args:
        cosigner: has what is committed cosigned before it is published.

    The others, what is returned and what is raised, are as for `restore` and `complete`.
    """
    restored = restore(blobs, store, issuance_key, statements_key, max_tiles=max_tiles, hook=hook)
    return None if restored is None else complete(blobs, store, restored, cosigner, hook)


def restore(
    blobs: BlobStore,
    store: HeadStore,
    issuance_key: LogKey,
    statements_key: LogKey,
    *,
    max_tiles: int = 1024,
    hook: PointHook = no_hook,
) -> Restored | None:
    """Take a log over, put what is committed in place, and check that it is whole.

    Args:
        blobs: where its objects are.
        store: its lock database.
        issuance_key: what the issuance log's checkpoints must be signed with.
        statements_key: what the statement log's checkpoints must be signed with.
        max_tiles: see `Tree.load`; for each tree.
        hook: called before and after each step that is taken.

    Returns:
        None where no batch was ever committed, and none is published: the log is still to be created.

    Raises:
        StoreError: the stores contradict each other, or what is needed is missing; the sentence says what.
    """
    # (1) From here on, no other process can commit: what is not committed now never will be.
    heads = store.take_over()
    published = {step: blobs.get(path) for step, path in CHECKPOINTS.items()}
    if heads is None:
        if any(published.values()):
            raise StoreError(
                "a checkpoint is published, but the lock database is new: put the log's own back"
            )
        drop_stages(blobs, store, hook)
        return None

    # (2) What is committed is signed by the keys at hand; what is published does not contradict it.
    keys = {Step.ISSUANCE: issuance_key, Step.STATEMENTS: statements_key}
    committed = {
        Step.ISSUANCE: _verified(heads.issuance, issuance_key, "in the lock database"),
        Step.STATEMENTS: _verified(heads.statements, statements_key, "in the lock database"),
    }
    earlier = {}
    stale = []
    for step, path in CHECKPOINTS.items():
        raw = published[step]
        if raw is None:
            stale.append(step)
            continue
        earlier[step] = _verified(raw, keys[step], f"at {path}")
        if not _says_all(earlier[step], committed[step]):
            stale.append(step)

    # (3) Put the batch's objects in place, should it have been cut short before they were.
    stage = blobs.get(stage_path(heads))
    if stage is not None:
        _replay(blobs, stage, heads, hook)

    # (4) The tiles lead to the signed roots, and what was published before is a prefix.
    trees = {}
    for step, prefix in ((Step.ISSUANCE, "issuance/"), (Step.STATEMENTS, "statements/")):
        checkpoint = committed[step].checkpoint
        trees[step] = Tree.load(blobs, prefix, checkpoint.size, checkpoint.root, max_tiles=max_tiles)
        if step in earlier:
            _check_prefix(earlier[step], trees[step])

    return Restored(heads, trees, earlier, frozenset(stale))


def complete(
    blobs: BlobStore, store: HeadStore, restored: Restored, cosigner: Cosigner, hook: PointHook = no_hook
) -> Recovered:
    """Publish what is committed. Nothing is lost by trying again.

    Raises:
        QuorumMissingError: its witnesses are missing.
        StoreError: as `restore`.
    """
    # (5) Publish what is committed, in the order in which a commit does.
    ready = cosigned(blobs, restored.heads, cosigner)
    committed = {Step.ISSUANCE: restored.heads.issuance, Step.STATEMENTS: restored.heads.statements}
    published = {}
    for step, note in ((Step.ISSUANCE, ready.issuance), (Step.STATEMENTS, ready.statements)):
        # Without a cosigner what is published stays: it says the same, and may bear cosignatures of before.
        if step in restored.stale or note not in {committed[step], restored.seen[step].raw}:
            publish_checkpoint(blobs, store, step, note, hook)
            published[step] = note
        else:
            published[step] = restored.seen[step].raw

    # (6) No stage is needed any more: each is published, or can never be committed.
    drop_stages(blobs, store, hook)
    heads = Heads(published[Step.ISSUANCE], published[Step.STATEMENTS], restored.heads.time)
    return Recovered(restored.heads, heads, restored.trees[Step.ISSUANCE], restored.trees[Step.STATEMENTS])


def as_published(blobs: BlobStore, restored: Restored) -> Recovered | None:
    """The log as readers see it, before `complete`; None where they see nothing.

    Raises:
        StoreError: what they see is missing or altered.
    """
    if set(restored.seen) != set(CHECKPOINTS):
        return None
    trees = {}
    for step, seen in restored.seen.items():
        trees[step] = Tree.load(blobs, f"{step}/", seen.checkpoint.size, seen.checkpoint.root)
    issuance, statements = restored.seen[Step.ISSUANCE], restored.seen[Step.STATEMENTS]
    heads = Heads(issuance.raw, statements.raw, issuance.timestamp or 0)
    return Recovered(heads, heads, trees[Step.ISSUANCE], trees[Step.STATEMENTS])


def _verified(raw: bytes, key: LogKey, where: str) -> VerifiedCheckpoint:
    try:
        return verify_checkpoint(raw, key)
    except (ParseError, VerificationError) as error:
        raise StoreError(
            f"the checkpoint {where} is not by the keys of {key.origin}: it was altered, or keys and stores are "
            f"of different logs ({error})"
        ) from error


def _says_all(published: VerifiedCheckpoint, committed: VerifiedCheckpoint) -> bool:
    """Whether the published checkpoint is the committed one, perhaps with cosignatures.

    Raises:
        StoreError: it is later, or of another history.
    """
    ours, theirs = committed.checkpoint, published.checkpoint
    if theirs.size > ours.size or (published.timestamp or 0) > (committed.timestamp or 0):
        raise StoreError(
            f"the published checkpoint of {ours.origin} ({theirs.size} entries) is later than the one in "
            f"the lock database ({ours.size} entries), which must be an old copy: put the latest one back"
        )
    if theirs.size == ours.size and theirs.root != ours.root:
        raise StoreError(
            f"two roots of {ours.size} entries are signed by {ours.origin}, one published and one in the "
            "lock database: do not run this log, and keep both"
        )
    return published.note.text == committed.note.text and set(committed.note.signatures) <= set(
        published.note.signatures
    )


def _replay(blobs: BlobStore, data: bytes, heads: Heads, hook: PointHook) -> None:
    try:
        stage = parse_stage(data)
    except ParseError as error:
        raise StoreError(f"the stage of the last batch cannot be read: {error}") from error
    if stage.heads != heads.digest:
        raise StoreError("the stage of the last batch is of another batch: it was altered")
    hook(Step.OBJECTS, Moment.BEFORE)
    blobs.put(stage.objects)
    hook(Step.OBJECTS, Moment.AFTER)


def _check_prefix(published: VerifiedCheckpoint, tree: Tree) -> None:
    checkpoint = published.checkpoint
    proof = tree.consistency_proof(checkpoint.size)
    try:
        verify_consistency(checkpoint.size, checkpoint.root, tree.size, tree.root, proof)
    except VerificationError as error:
        raise StoreError(
            f"the published checkpoint of {checkpoint.origin} ({checkpoint.size} entries) is of another "
            "history than the lock database: do not run this log, and keep both"
        ) from error
