# SPDX-License-Identifier: Apache-2.0
"""A log of any bytes on a pair of stores: what a server does around a commit, without admission.

Its entries stand in bundles in both logs. `check_log` reads a log back from the stores' bytes alone, recomputes
every root and tile, and compares the rows of the lock database with the entries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.encoding.tls import uint64
from keystead.tlog.checkpoint import Checkpoint, LogKey, sign_checkpoint, verify_checkpoint
from keystead.tlog.merkle import EMPTY_ROOT, hash_leaf, root_of
from keystead.tlog.note import ed25519_vkey
from keystead.tlog.tiles import (
    TILE_WIDTH,
    bundle_path,
    decode_bundle,
    encode_bundle,
    tiles_between,
)
from keystead_server.log.commit import commit_batch
from keystead_server.log.publication import CHECKPOINTS
from keystead_server.log.recovery import recover
from keystead_server.log.steps import PointHook, Step, no_hook
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads, Row
from support.store_sites import StorePair

__all__ = ["KEYS", "CheckedLog", "SmallLog", "check_log", "evidence_for"]

ISSUANCE_ROWS, STATEMENT_ROWS = 1, 2


@dataclass(frozen=True)
class LogKeyPair:
    """The keys that sign both logs' checkpoints, and what verifies them."""

    note: Ed25519PrivateKey
    sct: ec.EllipticCurvePrivateKey
    issuance: LogKey
    statements: LogKey

    @classmethod
    def from_seed(cls, seed: bytes) -> "LogKeyPair":
        """The same keys for the same seed."""
        note = Ed25519PrivateKey.from_private_bytes(sha256(seed).digest())
        sct = ec.derive_private_key(int.from_bytes(sha256(seed + b"sct").digest()[1:]), ec.SECP256R1())
        spki = sct.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        public = note.public_key().public_bytes_raw()
        issuance, statements = "log.example/issuance", "log.example/statements"
        return cls(
            note,
            sct,
            LogKey(issuance, ed25519_vkey(issuance, public), spki),
            LogKey(statements, ed25519_vkey(statements, public)),
        )

    def sign_issuance(self, size: int, root: bytes, time: int) -> bytes:
        """The issuance log's checkpoint."""
        checkpoint = Checkpoint(self.issuance.origin, size, root)
        return sign_checkpoint(checkpoint, self.note, sct_key=self.sct, timestamp=time)

    def sign_statements(self, size: int, root: bytes) -> bytes:
        """The statement log's checkpoint."""
        return sign_checkpoint(Checkpoint(self.statements.origin, size, root), self.note)


KEYS = LogKeyPair.from_seed(b"small log")


class SmallLog:
    """One process at work on a log. Opening it recovers it, or creates it with one statement."""

    def __init__(self, stores: StorePair, hook: PointHook = no_hook, keys: LogKeyPair = KEYS) -> None:
        self.stores = stores
        self.keys = keys
        self.hook = hook
        self.heads: Heads | None = None
        found = recover(stores.blobs, stores.heads, keys.issuance, keys.statements, hook=hook)
        if found is None:
            self.issuance = Tree.load(stores.blobs, "issuance/", 0, EMPTY_ROOT)
            self.statements = Tree.load(stores.blobs, "statements/", 0, EMPTY_ROOT)
            self.tails: dict[str, list[bytes]] = {"issuance/": [], "statements/": []}
            self.append([], [b"the first policy"])
        else:
            self.heads = found.heads
            self.issuance = found.issuance
            self.statements = found.statements
            self.tails = {
                tree.prefix: read_tail(stores.blobs, tree) for tree in (self.issuance, self.statements)
            }

    def append(
        self,
        issuance: Sequence[bytes],
        statements: Sequence[bytes] = (),
        support: Mapping[str, bytes] | None = None,
    ) -> None:
        """Commit one batch."""
        time = 1_700_000_000_000 if self.heads is None else self.heads.time + 1
        grown = self.issuance.grow([hash_leaf(entry) for entry in issuance])
        grown_statements = self.statements.grow([hash_leaf(entry) for entry in statements])
        objects = dict(grown.objects) | dict(grown_statements.objects)
        tails = {}
        for tree, entries in ((self.issuance, issuance), (self.statements, statements)):
            bundles, tails[tree.prefix] = bundle(tree, self.tails[tree.prefix], entries)
            objects |= bundles
        rows = [
            Row(space, sha256(entry).digest(), uint64(tree.size + number) + uint64(time))
            for space, tree, entries in (
                (ISSUANCE_ROWS, self.issuance, issuance),
                (STATEMENT_ROWS, self.statements, statements),
            )
            for number, entry in enumerate(entries)
        ]
        new = Heads(
            self.keys.sign_issuance(grown.size, grown.root, time),
            self.keys.sign_statements(grown_statements.size, grown_statements.root),
            time,
        )
        commit_batch(
            self.stores.blobs,
            self.stores.heads,
            expected=self.heads,
            new=new,
            support=support or {},
            objects=objects,
            rows=rows,
            hook=self.hook,
        )
        self.issuance.accept(grown)
        self.statements.accept(grown_statements)
        self.heads, self.tails = new, tails


def evidence_for(statements: Sequence[bytes]) -> dict[str, bytes]:
    """An object for each statement to refer to."""
    return {f"evidence/{sha256(statement).hexdigest()}": statement for statement in statements}


def kind_of(tree: Tree) -> str:
    """How the bundles of a log are called in their paths."""
    return "data" if tree.prefix == "issuance/" else "entries"


def bundle(tree: Tree, tail: list[bytes], added: Sequence[bytes]) -> tuple[dict[str, bytes], list[bytes]]:
    """The bundles that entries make or lengthen, and the entries of the partial one at the end."""
    if not added:
        return {}, tail
    entries = [*tail, *added]
    first = (tree.size - len(tail)) // TILE_WIDTH
    objects = {}
    for start in range(0, len(entries), TILE_WIDTH):
        part = entries[start : start + TILE_WIDTH]
        path = bundle_path(kind_of(tree), first + start // TILE_WIDTH, len(part))  # type: ignore[arg-type]
        objects[tree.prefix + path] = encode_bundle(part)
    return objects, entries[len(entries) // TILE_WIDTH * TILE_WIDTH :]


def read_tail(blobs: BlobStore, tree: Tree) -> list[bytes]:
    """The entries of the partial bundle at the end, which must hash to the tree's leaves."""
    index, width = divmod(tree.size, TILE_WIDTH)
    if not width:
        return []
    data = blobs.get(tree.prefix + bundle_path(kind_of(tree), index, width))  # type: ignore[arg-type]
    assert data is not None
    entries = decode_bundle(data, width)
    assert tuple(map(hash_leaf, entries)) == tree.tail_hashes
    return entries


@dataclass(frozen=True)
class CheckedLog:
    """What a whole log holds."""

    issuance: list[bytes]
    statements: list[bytes]
    time: int


def check_log(stores: StorePair, keys: LogKeyPair = KEYS) -> CheckedLog:
    """Read everything back from raw bytes, and assert that it fits together.

    The published checkpoints are the committed ones; every tile and bundle is there and hashes to the root; every
    entry has its row and every row its entry; no stage is left.
    """
    heads = stores.heads.heads()
    assert heads is not None, "nothing is committed"
    assert list(stores.blobs.list("stage/")) == [], "a stage is left"
    logs = {}
    for step, raw, key, kind, space in (
        (Step.ISSUANCE, heads.issuance, keys.issuance, "data", ISSUANCE_ROWS),
        (Step.STATEMENTS, heads.statements, keys.statements, "entries", STATEMENT_ROWS),
    ):
        assert stores.blobs.get(CHECKPOINTS[step]) == raw, f"{CHECKPOINTS[step]} is not what is committed"
        verified = verify_checkpoint(raw, key)
        size, prefix = verified.checkpoint.size, f"{step}/"
        entries = []
        for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            width = min(TILE_WIDTH, size - index * TILE_WIDTH)
            data = stores.blobs.get(prefix + bundle_path(kind, index, width))  # type: ignore[arg-type]
            assert data is not None, f"{prefix} bundle {index} of {width} is missing"
            entries += decode_bundle(data, width)
        hashes = [hash_leaf(entry) for entry in entries]
        assert root_of(hashes) == verified.checkpoint.root, f"{prefix} has another root than is signed"
        blank = Tree.load(stores.blobs, prefix, 0, EMPTY_ROOT)
        tiles = blank.grow(hashes).objects
        assert len(tiles) == len(tiles_between(0, size))
        for path, data in tiles.items():
            assert stores.blobs.get(path) == data, f"{path} is missing or altered"
        rows = dict(stores.heads.scan(space))
        assert len(rows) == size, f"{len(rows)} rows for {size} entries of {prefix}"
        for index, entry in enumerate(entries):
            assert rows[sha256(entry).digest()][:8] == uint64(index), f"entry {index} of {prefix} has no row"
        logs[step] = entries
    return CheckedLog(logs[Step.ISSUANCE], logs[Step.STATEMENTS], heads.time)
