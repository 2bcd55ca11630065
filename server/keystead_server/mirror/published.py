# SPDX-License-Identifier: Apache-2.0
"""What a copy of a log shows: its two checkpoints, and the trees under them, as of the last look."""

from keystead.client.trust import Trust
from keystead.tlog.checkpoint import LogKey, VerifiedCheckpoint, verify_checkpoint
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads
from keystead_server.web.objects import ObjectReader

__all__ = ["CopiedTrees", "IndexedCopy"]


class CopiedTrees:
    """The trees of a copy, and their checkpoints; they change together, in `look`.

    Args:
        blobs: the folder.
        trust: the log's keys.

    Raises:
        StoreError: the copy is incomplete, or was altered.
    """

    def __init__(self, blobs: BlobStore, trust: Trust) -> None:
        self._blobs = blobs
        self._keys = (trust.issuance.key.unwitnessed, trust.statements.key.unwitnessed)
        self.look()

    def look(self) -> None:
        """Show what is in the folder now.

        Raises:
            StoreError: as at the start.
        """
        (issuance, self.issuance), (statements, self.statements) = (
            self._tree(log, key) for log, key in zip(("issuance", "statements"), self._keys, strict=True)
        )
        self.heads = Heads(issuance.raw, statements.raw, issuance.timestamp or 0)

    def _tree(self, log: str, key: LogKey) -> tuple[VerifiedCheckpoint, Tree]:
        raw = self._blobs.get(f"{log}/checkpoint") or b""
        head = verify_checkpoint(raw, key)
        tree = Tree.load(self._blobs, f"{log}/", head.checkpoint.size, head.checkpoint.root)
        return head, tree


class IndexedCopy:
    """A copied log whose index is served: an `IndexedLog`.

    Attributes:
        log: what it shows.
        objects: reads of its files.
    """

    def __init__(self, blobs: BlobStore, trees: CopiedTrees) -> None:
        self.log = trees
        self.objects = ObjectReader(blobs)
