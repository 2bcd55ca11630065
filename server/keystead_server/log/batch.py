# SPDX-License-Identifier: Apache-2.0
"""Operations in; entries, tiles, rows and both checkpoints out. Pure, and the same for the same input.

Invariants (specs/log.md, section "Sequencing"):

* every entry of a batch, in both trees, bears the batch's one time, strictly later than any before it;
* the leaf hash of an issuance entry is computed from the very bytes that its data tile stores;
* a `device-evidence` statement is in the batch of its entry or in a later one, never in an earlier;
* a checkpoint is signed anew only for a tree that grew: the other one keeps its bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from keystead.ct.leaf import PRECERT_ENTRY, LogEntry
from keystead.ct.tile_leaf import TileLeaf
from keystead.statements.dsse import Envelope, sign_envelope
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import DeviceEvidence, DeviceReference
from keystead.tlog.checkpoint import Checkpoint, LogKey, sign_checkpoint
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.note import ed25519_vkey
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, encode_bundle
from keystead_server.log.keys import LogKeys
from keystead_server.log.operations import AddEntry, AddEvidence, Operation, OperationKey
from keystead_server.log.records import (
    Placed,
    RecordedEvidence,
    certificate_row,
    device_row,
    entry_row,
    evidence_row,
    final_certificate_row,
    leaf_hash_row,
    precertificate_row,
    registry_row,
    statement_row,
)
from keystead_server.log.tree import Growth, Tree
from keystead_server.storage.interface import Heads, Row

__all__ = ["Batch", "LogIdentity", "LogState", "build_batch"]


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Who signs: the log's name and its keys."""

    name: str
    keys: LogKeys

    @property
    def issuance_origin(self) -> str:
        """The origin of the issuance log's checkpoints."""
        return f"{self.name}/issuance"

    @property
    def statements_origin(self) -> str:
        """The origin of the statement log's checkpoints, and the `log` of its statements."""
        return f"{self.name}/statements"

    @property
    def issuance_key(self) -> LogKey:
        """What the issuance log's checkpoints verify under."""
        vkey = ed25519_vkey(self.issuance_origin, self.keys.checkpoint.public_key().public_bytes_raw())
        return LogKey(self.issuance_origin, vkey, self.keys.sct_spki)

    @property
    def statements_key(self) -> LogKey:
        """What the statement log's checkpoints verify under."""
        vkey = ed25519_vkey(self.statements_origin, self.keys.checkpoint.public_key().public_bytes_raw())
        return LogKey(self.statements_origin, vkey)


@dataclass(frozen=True, slots=True)
class LogState:
    """Both logs at one commit.

    Attributes:
        heads: the signed checkpoints and the time of the last batch.
        issuance_tail, statements_tail: the entries of the last, partial bundle, as stored; at most 255.
    """

    heads: Heads
    issuance_tail: tuple[bytes, ...]
    statements_tail: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Everything that one commit writes, and what it makes of the operations.

    Attributes:
        state: the logs after the commit.
        published: both checkpoints as readers see them: those of `state`, perhaps with cosignatures.
        placed: for each operation, in order, where its entry stands.
        first: objects by path that must be durable before anything else (evidence, issuers, policies).
        objects: tiles and bundles by path.
        rows: the rows of the lock database.
        statements: (index, entry) of each statement that later ones are judged by.
    """

    state: LogState
    published: Heads
    placed: tuple[Placed, ...]
    first: Mapping[str, bytes]
    objects: Mapping[str, bytes]
    rows: tuple[Row, ...]
    statements: tuple[tuple[int, StatementEntry], ...]
    issuance_growth: Growth | None
    statements_growth: Growth | None


def build_batch(
    operations: Sequence[Operation],
    state: LogState,
    issuance: Tree,
    statements: Tree,
    identity: LogIdentity,
    now_ms: int,
) -> Batch:
    """Turn admitted operations into one batch.

    Args:
        operations: in the order in which they were admitted; evidence after the entry that it refers to. None at
            all: the tree head of the issuance log is signed anew, as an idle log does.
        state: the logs at the last commit, which `issuance` and `statements` stand at, too.
        now_ms: the clock, in milliseconds since the epoch; it may have jumped back.
    """
    # A time that did not advance must never make a checkpoint.
    time = max(now_ms, state.heads.time + 1)
    placed: list[Placed] = []
    places: dict[OperationKey, Placed] = {}
    first: dict[str, bytes] = {}
    rows: list[Row] = []
    leaves: list[bytes] = []
    leaf_hashes: list[bytes] = []
    entries: list[bytes] = []
    registered: list[tuple[int, StatementEntry]] = []

    for operation in operations:
        if isinstance(operation, AddEntry):
            place = Placed(issuance.size + len(leaves), time)
            stored, leaf_hash = _issuance_leaf(operation, place)
            leaves.append(stored)
            leaf_hashes.append(leaf_hash)
            rows += _entry_rows(operation, place)
            rows.append(leaf_hash_row(leaf_hash, place))
            for fingerprint, der in operation.chain:
                first[f"issuance/issuer/{fingerprint.hex()}"] = der
        else:
            place = Placed(statements.size + len(entries), time)
            if isinstance(operation, AddEvidence):
                envelope = _device_evidence(operation, places, identity, time)
                first[f"evidence/{operation.digest.hex()}"] = operation.evidence.encode()
                recorded = RecordedEvidence(
                    operation.digest, place.index, tuple(device for _, device in operation.devices)
                )
                rows.append(evidence_row(operation.certificate_id, recorded))
                rows += (device_row(device, operation.issuer_key_hash) for device in recorded.devices)
                entry = StatementEntry(time, envelope)
                encoded = entry.encode()
            else:
                entry = StatementEntry(time, operation.envelope)
                encoded = entry.encode()
                first.update(operation.objects)
                rows.append(statement_row(operation.known_by, place))
                if operation.binds is not None:
                    issuer, bound = operation.binds
                    rows += (device_row(device, issuer) for device in bound)
                if operation.registers:
                    rows.append(registry_row(place.index, encoded))
                    registered.append((place.index, entry))
            entries.append(encoded)
        placed.append(place)
        places[operation.key] = place

    heads = state.heads
    objects: dict[str, bytes] = {}
    issuance_growth = statements_growth = None
    issuance_note, statements_note = heads.issuance, heads.statements
    if leaves or not operations:
        issuance_growth = issuance.grow(leaf_hashes)
        objects.update(issuance_growth.objects)
        objects.update(_bundles("issuance/", "data", issuance.size, state.issuance_tail, leaves))
        issuance_note = sign_checkpoint(
            Checkpoint(identity.issuance_origin, issuance_growth.size, issuance_growth.root),
            identity.keys.checkpoint,
            sct_key=identity.keys.sct,
            timestamp=time,
        )
    if entries:
        statements_growth = statements.grow([hash_leaf(entry) for entry in entries])
        objects.update(statements_growth.objects)
        objects.update(_bundles("statements/", "entries", statements.size, state.statements_tail, entries))
        statements_note = sign_checkpoint(
            Checkpoint(identity.statements_origin, statements_growth.size, statements_growth.root),
            identity.keys.checkpoint,
        )
    new_heads = Heads(issuance=issuance_note, statements=statements_note, time=time)
    return Batch(
        state=LogState(
            heads=new_heads,
            issuance_tail=_tail(state.issuance_tail, leaves),
            statements_tail=_tail(state.statements_tail, entries),
        ),
        published=new_heads,
        placed=tuple(placed),
        first=first,
        objects=objects,
        rows=tuple(rows),
        statements=tuple(registered),
        issuance_growth=issuance_growth,
        statements_growth=statements_growth,
    )


def _issuance_leaf(operation: AddEntry, place: Placed) -> tuple[bytes, bytes]:
    entry = LogEntry(
        timestamp=place.timestamp,
        entry_type=operation.entry_type,
        signed=operation.signed,
        issuer_key_hash=operation.issuer_key_hash if operation.entry_type == PRECERT_ENTRY else b"",
        leaf_index=place.index,
    )
    stored = TileLeaf(
        entry, operation.precertificate, tuple(digest for digest, _ in operation.chain)
    ).encode()
    # A TileLeaf begins with the TimestampedEntry; MerkleTreeLeaf puts version and type before it (RFC 6962
    # section 3.4). Hash what is stored: a bit that flips on the way to the tile must not be signed over.
    length = len(entry.merkle_tree_leaf()) - 2
    return stored, hash_leaf(b"\x00\x00" + stored[:length])


def _entry_rows(operation: AddEntry, place: Placed) -> list[Row]:
    rows = [entry_row(place.index, operation.certificate_id, operation.issuer_key_hash)]
    rows += (device_row(device, operation.issuer_key_hash) for device in operation.devices)
    if operation.entry_type == PRECERT_ENTRY:
        rows.append(precertificate_row(operation.certificate_id, place))
    else:
        rows.append(certificate_row(operation.known_by, place))
        rows.append(final_certificate_row(operation.certificate_id, place))
    return rows


def _device_evidence(
    operation: AddEvidence, places: Mapping[OperationKey, Placed], identity: LogIdentity, time: int
) -> Envelope:
    index = operation.entry if isinstance(operation.entry, int) else places[operation.entry].index
    payload = DeviceEvidence(
        log=identity.statements_origin,
        issued=time // 1000,
        certificate=operation.certificate_id,
        issuance_index=index,
        evidence_digest=operation.digest,
        format=operation.evidence.format,
        devices=tuple(DeviceReference(scheme, device) for scheme, device in operation.devices),
        anchors=operation.anchors,
        policy_index=operation.policy_index,
    )
    return sign_envelope(identity.keys.statement, payload.payload_type, payload.encode())


def _bundles(
    prefix: str,
    kind: Literal["entries", "data"],
    old_size: int,
    tail: tuple[bytes, ...],
    added: Sequence[bytes],
) -> dict[str, bytes]:
    """Every bundle that the new entries touch, the partial one they continue included."""
    if not added:
        return {}
    entries = [*tail, *added]
    start = old_size - len(tail)
    join = encode_bundle if kind == "entries" else b"".join
    objects = {}
    for offset in range(0, len(entries), TILE_WIDTH):
        part = entries[offset : offset + TILE_WIDTH]
        path = bundle_path(kind, (start + offset) // TILE_WIDTH, len(part))
        objects[prefix + path] = join(part)
    return objects


def _tail(tail: tuple[bytes, ...], added: Sequence[bytes]) -> tuple[bytes, ...]:
    entries = [*tail, *added]
    return tuple(entries[len(entries) // TILE_WIDTH * TILE_WIDTH :])
