# SPDX-License-Identifier: Apache-2.0
"""A log in memory that speaks the real formats, and can be told to lie.

It signs checkpoints, builds tiles and bundles, and serves them through the `Fetcher` protocol, so a client is
tested against a whole log without sockets. It is honest by default; `hooks` see every answer and may change
it, and `fork()` makes a second log with the same keys whose history can go another way.

Keys come from the log's name, so that the same script gives the same bytes.
"""

import copy
import hashlib
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.client.trust import Trust, parse_trust
from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.ct.tile_leaf import TileLeaf, encode_data_tile
from keystead.encoding.json import encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import ParseError
from keystead.tlog.checkpoint import Checkpoint, sign_checkpoint
from keystead.tlog.merkle import hash_leaf, make_inclusion_proof, root_of
from keystead.tlog.note import ed25519_vkey
from keystead.tlog.proof import TlogProof
from keystead.tlog.tiles import TILE_WIDTH, encode_bundle, encode_tile, parse_tile_suffix

Hook = Callable[[str, bytes | None], bytes | None]
"""(path, the honest answer) to the answer given; None is 404."""

START_MS = 1_750_000_000_000


def _secret(name: str, purpose: str) -> bytes:
    return hashlib.sha256(f"memory log {name} {purpose}".encode()).digest()


def p256_key(seed: bytes) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that depends on `seed` alone."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return ec.derive_private_key(int.from_bytes(seed) % (order - 1) + 1, ec.SECP256R1())


def spki_of(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    """The SubjectPublicKeyInfo of a key, DER."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


class MemoryTree:
    """One tree: entries, leaf hashes, and the checkpoint last signed.

    Args:
        origin: its name.
        key: signs its checkpoints.
        sct_key: of the issuance log.
    """

    def __init__(
        self, origin: str, key: Ed25519PrivateKey, sct_key: ec.EllipticCurvePrivateKey | None = None
    ) -> None:
        self.origin = origin
        self.key = key
        self.sct_key = sct_key
        self.entries: list[bytes] = []
        self.leaves: list[TileLeaf] = []
        self.hashes: list[bytes] = []
        self.checkpoint = b""
        self.size = 0
        self._rows: dict[tuple[int, int], bytes] = {}

    def append(self, entry: bytes) -> int:
        """Add an entry; its index. It is in the tree that is signed next."""
        self.entries.append(entry)
        self.hashes.append(hash_leaf(entry))
        return len(self.entries) - 1

    def node(self, level: int, index: int) -> bytes:
        """The root of a perfect subtree."""
        if level == 0:
            return self.hashes[index]
        known = self._rows.get((level, index))
        if known is None:
            known = root_of([self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1)])
            self._rows[level, index] = known
        return known

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves."""
        return root_of(self.hashes[:size])

    def sign(self, timestamp: int, size: int | None = None) -> None:
        """Sign the tree as it stands, or its first `size` leaves."""
        self.size = len(self.hashes) if size is None else size
        checkpoint = Checkpoint(self.origin, self.size, self.root(self.size))
        if self.sct_key is None:
            self.checkpoint = sign_checkpoint(checkpoint, self.key)
        else:
            self.checkpoint = sign_checkpoint(checkpoint, self.key, sct_key=self.sct_key, timestamp=timestamp)

    def proof(self, index: int) -> TlogProof:
        """That leaf `index` is in the tree last signed."""
        return TlogProof(index, tuple(make_inclusion_proof(index, self.size, self.node)), self.checkpoint)

    def serve(self, path: str) -> bytes | None:
        """The file at `path` below the tree's prefix."""
        if path == "checkpoint":
            return self.checkpoint or None
        kind, _, rest = path.removeprefix("tile/").partition("/")
        try:
            index, width = parse_tile_suffix(rest)
        except ParseError:
            return None
        if kind.isdigit():
            level = int(kind)
            first = index * TILE_WIDTH
            if (first + width) << (8 * level) > self.size:
                return None
            return encode_tile([self.node(8 * level, first + at) for at in range(width)])
        first = index * TILE_WIDTH
        if first + width > self.size:
            return None
        if kind == "entries":
            return encode_bundle(self.entries[first : first + width])
        if kind == "data" and self.leaves:
            return encode_data_tile(self.leaves[first : first + width])
        return None


class MemoryLog:
    """Both trees of an operator, and what lies beside them.

    Args:
        name: of the log; origins and keys follow from it.
    """

    def __init__(self, name: str = "log.example") -> None:
        self.name = name
        self.statement_key = p256_key(_secret(name, "statements"))
        self.sct_key = p256_key(_secret(name, "sct"))
        self.issuance = MemoryTree(
            f"{name}/issuance", Ed25519PrivateKey.from_private_bytes(_secret(name, "issuance")), self.sct_key
        )
        self.statements = MemoryTree(
            f"{name}/statements", Ed25519PrivateKey.from_private_bytes(_secret(name, "tree"))
        )
        self.now_ms = START_MS
        self.objects: dict[str, bytes] = {}
        self.hooks: list[Hook] = []
        self.requests: list[str] = []

    def fork(self) -> "MemoryLog":
        """The same log, keys and history included, that goes its own way from here."""
        other = copy.copy(self)
        for tree in ("issuance", "statements"):
            mine = getattr(self, tree)
            theirs = copy.copy(mine)
            theirs.entries, theirs.leaves, theirs.hashes = (
                mine.entries[:],
                mine.leaves[:],
                mine.hashes[:],
            )
            theirs._rows = {}
            setattr(other, tree, theirs)
        other.objects, other.hooks, other.requests = dict(self.objects), [], []
        return other

    def add_leaf(
        self,
        signed: bytes,
        fingerprints: Sequence[bytes],
        *,
        precertificate: bytes = b"",
        issuer_key_hash: bytes = b"",
    ) -> int:
        """Append an issuance entry as it is given; its index."""
        index = len(self.issuance.entries)
        entry = LogEntry(
            self.now_ms,
            PRECERT_ENTRY if precertificate else X509_ENTRY,
            signed,
            issuer_key_hash,
            index,
        )
        self.issuance.leaves.append(TileLeaf(entry, precertificate, tuple(fingerprints)))
        return self.issuance.append(entry.merkle_tree_leaf())

    def add_statement_entry(self, entry: bytes) -> int:
        """Append a statement entry as it is given; its index."""
        return self.statements.append(entry)

    def publish(self) -> None:
        """Sign both trees, as one batch; what is added next is later."""
        self.issuance.sign(self.now_ms)
        self.statements.sign(self.now_ms)
        self.now_ms += 1

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_ms += milliseconds

    @property
    def trust(self) -> Trust:
        """What a client knows of this log."""
        return parse_trust(self.trust_json())

    def trust_json(self) -> bytes:
        """The log's trust.json."""
        base = f"https://{self.name}"

        def vkey(tree: MemoryTree) -> str:
            raw = tree.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return ed25519_vkey(tree.origin, raw).encode()

        sct = spki_of(self.sct_key)
        return encode_json(
            {
                "version": 1,
                "name": self.name,
                "issuance": {
                    "origin": self.issuance.origin,
                    "url": f"{base}/issuance",
                    "vkey": vkey(self.issuance),
                    "sct_key": encode_base64(sct),
                    "log_id": encode_base64(hashlib.sha256(sct).digest()),
                },
                "statements": {
                    "origin": self.statements.origin,
                    "url": f"{base}/statements",
                    "vkey": vkey(self.statements),
                    "statement_key": encode_base64(spki_of(self.statement_key)),
                },
                "witness_policy": None,
            }
        )

    async def get(self, path: str, limit: int = 1 << 30) -> bytes | None:
        """As `Fetcher.get`."""
        self.requests.append(path)
        prefix, _, rest = path.partition("/")
        if path == "trust.json":
            answer: bytes | None = self.trust_json()
        elif prefix == "issuance" and not rest.startswith("issuer/"):
            answer = self.issuance.serve(rest)
        elif prefix == "statements":
            answer = self.statements.serve(rest)
        else:
            answer = self.objects.get(path)
        for hook in self.hooks:
            answer = hook(path, answer)
        return answer
