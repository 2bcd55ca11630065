# SPDX-License-Identifier: Apache-2.0
"""Reading one log: its checkpoint, and the tree under it (C2SP tlog-checkpoint and tlog-tiles).

The order in which a reader may believe a log (the steps are cited below):

(1) the checkpoint is signed by every key that the reader has of the log, and cosigned by a quorum of the
    witnesses that the reader asks for;
(2) the tree that it names extends the tree that the reader saw last;
(3) tiles, bundles and proofs hash to its root (`verified_tree`).

Invariants:

* a log that signed two trees that contradict each other is reported with both signed checkpoints and the
  proof in the error, so that others can see it too;
* nothing is remembered here: who follows a log keeps the last checkpoint, durably.
"""

from collections.abc import Mapping

from keystead.client.fetcher import Fetcher
from keystead.client.verified_tree import VerifiedTree
from keystead.errors import FetchError, LogMisbehaviourError, ParseError, ProofError
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead.tlog.merkle import verify_consistency
from keystead.tlog.note import MAX_NOTE_SIZE

__all__ = ["LogReader", "check_extends"]


class LogReader:
    """A log that can be read.

    Args:
        fetcher: brings the log's files.
        prefix: where the log lies below the fetcher's base: `issuance` or `statements`.
        key: what is known of the log.
    """

    def __init__(self, fetcher: Fetcher, prefix: str, key: LogKey) -> None:
        self.fetcher = fetcher
        self.prefix = prefix
        self.key = key

    async def checkpoint(self) -> VerifiedCheckpoint:
        """The log's newest checkpoint, its signatures verified: step (1).

        Raises:
            FetchError: there is none, or the log cannot be reached.
            ParseError, VerificationError: as `verify_checkpoint`.
        """
        raw = await self.fetcher.get(f"{self.prefix}/checkpoint", MAX_NOTE_SIZE)
        if raw is None:
            raise FetchError(f"{self.key.origin} has no checkpoint at {self.prefix}/checkpoint", status=404)
        return verify_checkpoint(raw, self.key)

    def tree(self, checkpoint: VerifiedCheckpoint) -> VerifiedTree:
        """The tree under a verified checkpoint: step (3)."""
        return VerifiedTree(self.fetcher, self.prefix, checkpoint)


async def check_extends(tree: VerifiedTree, old: VerifiedCheckpoint) -> None:
    """Check that `tree` keeps everything that `old` committed to: step (2).

    Args:
        tree: of the newer checkpoint.
        old: the checkpoint that was seen last, of the same log.

    Raises:
        LogMisbehaviourError: it does not. `check` is `fork` where the log signed two trees that contradict each
            other, and `rollback` where it shows fewer leaves than before, which may be a stale cache's doing unless
            the tree head is the later one; `evidence` holds both checkpoints and, for a fork, the consistency
            proof that fails.
        FetchError, ParseError, ProofError: the log does not serve tiles that hash to its root, so nothing
            can be said.
    """
    before, now = old.checkpoint, tree.checkpoint.checkpoint
    evidence = {"old_checkpoint": old.raw, "new_checkpoint": tree.checkpoint.raw}
    if now.size < before.size:
        await _check_is_kept(tree, old, evidence)
        raise LogMisbehaviourError(
            f"{now.origin} shows {now.size} entries, and it had {before.size} before",
            check="rollback",
            evidence=evidence,
        )
    # The proof is made from tiles that hash to the new root, so where it fails the log signed a fork.
    proof = await tree.consistency_proof(before.size) if now.size > before.size else []
    try:
        verify_consistency(before.size, before.root, now.size, now.root, proof)
    except ProofError as error:
        raise _fork(
            now.origin, now.size, before.size, {**evidence, "consistency_proof": b"".join(proof)}
        ) from error


async def _check_is_kept(
    tree: VerifiedTree, larger: VerifiedCheckpoint, evidence: Mapping[str, bytes]
) -> None:
    """Check that a tree that shrank is at least a part of the one before, as far as the log lets anybody check.

    Raises:
        LogMisbehaviourError: it is not: a fork.
    """
    small, large = tree.checkpoint.checkpoint, larger.checkpoint
    try:
        proof = await tree.of(larger).consistency_proof(small.size)
    except (FetchError, ParseError, ProofError):
        return  # it does not serve the larger tree any more
    try:
        verify_consistency(small.size, small.root, large.size, large.root, proof)
    except ProofError as error:
        raise _fork(
            small.origin, large.size, small.size, {**evidence, "consistency_proof": b"".join(proof)}
        ) from error


def _fork(origin: str, large: int, small: int, evidence: Mapping[str, bytes]) -> LogMisbehaviourError:
    return LogMisbehaviourError(
        f"{origin} forked: it signed a tree of {large} entries that does not extend the one of {small} that it "
        "signed too",
        check="fork",
        evidence=evidence,
    )
