# SPDX-License-Identifier: Apache-2.0
"""What a running log keeps in memory, read from its stores and checked against the signed checkpoints.

Invariants:

* what is in memory was computed from entries under those checkpoints, never from promises;
* a bundle's tail is used only if it hashes to the leaves that the signed root covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keystead.ct.tile_leaf import decode_data_tile
from keystead.errors import KeysteadError, SignatureError, StoreError
from keystead.statements.dsse import verify_envelope
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import LogPolicy, parse_statement
from keystead.statements.policy import Policy, parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.tlog.checkpoint import LogKey, RFC6962NoteSignature, parse_tree_head_signature
from keystead.tlog.merkle import hash_leaf
from keystead.tlog.note import parse_note
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from keystead_server.log.batch import LogIdentity, LogState
from keystead_server.log.records import Records
from keystead_server.log.recovery import Recovered
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import BlobStore, Heads, HeadStore
from keystead_server.storage.named import named_object

__all__ = ["Snapshot", "Stores", "load", "tree_head_of"]


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores of a log."""

    blobs: BlobStore
    heads: HeadStore

    def close(self) -> None:
        """Let go of both."""
        self.blobs.close()
        self.heads.close()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `load` finds in the stores."""

    stores: Stores
    state: LogState
    published: Heads
    issuance: Tree
    statements: Tree
    registry: ServiceRegistry
    policies: PolicyHistory
    policy: Policy
    policy_document: bytes
    policy_index: int
    successor: str | None


def tree_head_of(note: bytes, key: LogKey) -> RFC6962NoteSignature:
    """The tree head signature on a checkpoint of the issuance log.

    Raises:
        StoreError: there is none.
    """
    vkey = key.tree_head_vkey
    for line in parse_note(note).signatures:
        if vkey is not None and line.key_id == vkey.key_id:
            return parse_tree_head_signature(line.signature)
    raise StoreError("the issuance checkpoint has no tree head signature: restore the log from a backup")


def load(stores: Stores, found: Recovered, identity: LogIdentity) -> Snapshot:
    """Everything that a running log keeps in memory, checked against the committed checkpoints.

    Args:
        stores: the stores.
        found: what recovery found in them, or what readers see of it.
        identity: whose log it must be.

    Raises:
        StoreError: an object is missing, altered, or another log's.
    """
    issuance, statements = found.issuance, found.statements
    try:
        state = LogState(
            found.heads, _issuance_tail(stores.blobs, issuance), _statements_tail(stores.blobs, statements)
        )
        policies = PolicyHistory()
        registry = ServiceRegistry(policies)
        policy: Policy | None = None
        policy_index, document, successor = -1, b"", None
        for index, encoded in Records(stores.heads).registry():
            if index >= statements.size:
                break  # committed, and not published yet
            entry = parse_statement_entry(encoded)
            statement = parse_statement(entry.envelope)
            if isinstance(statement, LogPolicy):
                # The checkpoints do not show whose statement key this is: a policy of this log does.
                verify_envelope(entry.envelope, identity.keys.statement_spki)
                document = named_object(stores.blobs, "policy", statement.policy)
                policy, policy_index, successor = parse_policy(document), index, statement.successor
                policies.add(index, entry.timestamp, policy)
            registry.apply(index, entry.timestamp, statement, entry.envelope)
        if policy is None:
            raise StoreError("the lock database knows no policy of the log: restore it from a backup")
    except StoreError:
        raise
    except SignatureError as error:
        raise StoreError(
            "the statement key at hand did not sign the log's policy: restore the log's own keys"
        ) from error
    except KeysteadError as error:
        raise StoreError(f"the log's folder is damaged ({error}): restore it from a backup") from error
    return Snapshot(
        stores,
        state,
        found.published,
        issuance,
        statements,
        registry,
        policies,
        policy,
        document,
        policy_index,
        successor,
    )


def _issuance_tail(blobs: BlobStore, tree: Tree) -> tuple[bytes, ...]:
    index, width = divmod(tree.size, TILE_WIDTH)
    if not width:
        return ()
    path = "issuance/" + bundle_path("data", index, width)
    leaves = decode_data_tile(_object(blobs, path), width)
    _check_tail(path, [hash_leaf(leaf.entry.merkle_tree_leaf()) for leaf in leaves], tree)
    return tuple(leaf.encode() for leaf in leaves)


def _statements_tail(blobs: BlobStore, tree: Tree) -> tuple[bytes, ...]:
    index, width = divmod(tree.size, TILE_WIDTH)
    if not width:
        return ()
    path = "statements/" + bundle_path("entries", index, width)
    entries = decode_bundle(_object(blobs, path), width)
    _check_tail(path, [hash_leaf(entry) for entry in entries], tree)
    return tuple(entries)


def _check_tail(path: str, hashes: Sequence[bytes], tree: Tree) -> None:
    if tuple(hashes) != tree.tail_hashes:
        raise StoreError(f"{path} does not hash to the signed tree: restore it from a backup or a mirror")


def _object(blobs: BlobStore, path: str) -> bytes:
    data = blobs.get(path)
    if data is None:
        raise StoreError(f"{path} is missing: restore it from a backup or a mirror")
    return data
