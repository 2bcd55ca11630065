# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/log.json`, which was made without it."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.ct.leaf import LogEntry, parse_merkle_tree_leaf
from keystead.ct.sct import (
    encode_sct_list,
    parse_sct,
    sct_list_extension_value,
    sign_sct,
    verify_sct,
)
from keystead.ct.tile_leaf import TileLeaf, decode_data_tile, encode_data_tile
from keystead.encoding.rfc4648 import decode_base64, encode_base64
from keystead.errors import KeysteadError
from keystead.statements.dsse import Envelope, pre_authentication_encoding, verify_envelope
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import parse_statement
from keystead.tlog.checkpoint import Checkpoint, LogKey, sign_checkpoint, tree_head_input, verify_checkpoint
from keystead.tlog.merkle import hash_leaf, verify_consistency
from keystead.tlog.note import VerifierKey, ed25519_vkey, parse_vkey
from keystead.tlog.proof import parse_tlog_proof, verify_tlog_proof
from keystead.tlog.tiles import (
    bundle_path,
    decode_tile,
    edge_tiles,
    encode_bundle,
    encode_tile,
    parse_tile_suffix,
    tile_path,
)
from vectors import make_log_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "log.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
_KEYS = VECTORS["keys"]
_ISSUANCE = VECTORS["issuance"]
_STATEMENTS = VECTORS["statements"]

_SPKI = bytes.fromhex(_KEYS["sct"]["spki"])
_CHECKPOINT_KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_KEYS["checkpoint"]["private_seed"]))
_SCT_KEY = ec.derive_private_key(int(_KEYS["sct"]["private_scalar"], 16), ec.SECP256R1())
_ISSUANCE_LOG = LogKey(_ISSUANCE["origin"], parse_vkey(_KEYS["checkpoint"]["issuance"]["vkey"]), _SPKI)
_STATEMENT_LOG = LogKey(_STATEMENTS["origin"], parse_vkey(_KEYS["checkpoint"]["statements"]["vkey"]))


def _entry(vector: dict[str, Any]) -> LogEntry:
    return LogEntry(
        timestamp=vector["timestamp"],
        entry_type=vector["entry_type"],
        signed=bytes.fromhex(vector["tbs"] if vector["entry_type"] else vector["certificate"]),
        issuer_key_hash=bytes.fromhex(vector.get("issuer_key_hash", "")),
        leaf_index=vector["leaf_index"],
    )


def test_the_file_is_what_its_script_makes() -> None:
    """Whoever runs the script gets the published file, byte for byte."""
    assert make_log_vectors.encoded() == _FILE.read_text("utf-8")


def test_keys_have_these_ids() -> None:
    """Key ids and vkeys of both signature kinds, and the log id, are made from the public keys."""
    for origin in ("issuance", "statements"):
        vector = _KEYS["checkpoint"][origin]
        key = ed25519_vkey(vector["name"], bytes.fromhex(_KEYS["checkpoint"]["public"]))
        assert key.key_id.hex() == vector["key_id"]
        assert key.encode() == vector["vkey"]
        assert parse_vkey(vector["vkey"]) == key
    vector = _KEYS["sct"]["tree_head"]
    key = VerifierKey(vector["name"], 5, _SPKI)
    assert key.encode() == vector["vkey"]
    assert _ISSUANCE_LOG.tree_head_vkey == parse_vkey(vector["vkey"]) == key
    assert _ISSUANCE_LOG.log_id is not None
    assert _ISSUANCE_LOG.log_id.hex() == _KEYS["sct"]["log_id"]


@pytest.mark.parametrize("vector", _ISSUANCE["checkpoints"], ids=lambda vector: f"size {vector['size']}")
def test_issuance_checkpoints(vector: dict[str, Any]) -> None:
    """A checkpoint of the issuance log is signed as a note and as a tree head, to the byte, and verifies."""
    root = bytes.fromhex(vector["root"])
    checkpoint = Checkpoint(_ISSUANCE["origin"], vector["size"], root)
    assert checkpoint.encode() == vector["text"]
    assert tree_head_input(vector["timestamp"], vector["size"], root).hex() == vector["tree_head_input"]
    note = sign_checkpoint(checkpoint, _CHECKPOINT_KEY, sct_key=_SCT_KEY, timestamp=vector["timestamp"])
    assert note.decode() == vector["note"]
    verified = verify_checkpoint(note, _ISSUANCE_LOG)
    assert verified.checkpoint == checkpoint
    assert verified.timestamp == vector["timestamp"]


@pytest.mark.parametrize("vector", _STATEMENTS["checkpoints"], ids=lambda vector: f"size {vector['size']}")
def test_statement_checkpoints(vector: dict[str, Any]) -> None:
    """A checkpoint of the statement log is signed as a note alone, to the byte, and verifies."""
    checkpoint = Checkpoint(_STATEMENTS["origin"], vector["size"], bytes.fromhex(vector["root"]))
    note = sign_checkpoint(checkpoint, _CHECKPOINT_KEY)
    assert note.decode() == vector["note"]
    assert verify_checkpoint(note, _STATEMENT_LOG).checkpoint == checkpoint


@pytest.mark.parametrize("vector", _ISSUANCE["refused_checkpoints"], ids=lambda vector: vector["why"])
def test_refused_checkpoints(vector: dict[str, str]) -> None:
    """A checkpoint that lacks a signature, bears one of another checkpoint or is spelled otherwise is refused."""
    with pytest.raises(KeysteadError):
        verify_checkpoint(vector["note"].encode(), _ISSUANCE_LOG)


@pytest.mark.parametrize("vector", _ISSUANCE["entries"], ids=lambda vector: f"leaf {vector['leaf_index']}")
def test_issuance_entries(vector: dict[str, Any]) -> None:
    """An entry has this leaf, this place in a data tile and this promise."""
    entry = _entry(vector)
    leaf = entry.merkle_tree_leaf()
    assert entry.encoded_extensions().hex() == vector["extensions"]
    assert leaf.hex() == vector["merkle_tree_leaf"]
    assert parse_merkle_tree_leaf(leaf) == entry
    assert hash_leaf(leaf).hex() == entry.leaf_hash().hex() == vector["leaf_hash"]

    sct = sign_sct(entry, bytes.fromhex(_KEYS["sct"]["log_id"]), _SCT_KEY)
    assert sct.signature.hex() == vector["sct_signature"]
    assert encode_base64(sct.digitally_signed) == vector["digitally_signed_base64"]
    assert encode_base64(sct.extensions) == vector["extensions_base64"]
    serialized = sct.encode()
    assert serialized.hex() == vector["serialized_sct"]
    assert encode_sct_list([serialized]).hex() == vector["sct_list"]
    assert sct_list_extension_value([serialized]).hex() == vector["sct_list_extension_value"]
    verify_sct(parse_sct(serialized), entry, _SPKI)


def test_objects_of_the_issuance_log() -> None:
    """Its hash tile, data tile and entry bundle hold these bytes."""
    objects = _ISSUANCE["objects"]
    entries = [_entry(vector) for vector in _ISSUANCE["entries"]]
    leaves = decode_data_tile(bytes.fromhex(objects["tile/data/000.p/3"]), 3)
    assert [leaf.entry for leaf in leaves] == entries
    for leaf, vector in zip(leaves, _ISSUANCE["entries"], strict=True):
        fingerprints = tuple(make_log_vectors.sha256(bytes.fromhex(der)).digest() for der in vector["chain"])
        assert leaf == TileLeaf(leaf.entry, bytes.fromhex(vector.get("precertificate", "")), fingerprints)
        assert leaf.encode().hex() == vector["tile_leaf"]
    assert encode_data_tile(leaves).hex() == objects["tile/data/000.p/3"]
    assert encode_tile([entry.leaf_hash() for entry in entries]).hex() == objects["tile/0/000.p/3"]
    assert (
        encode_bundle([entry.merkle_tree_leaf() for entry in entries]).hex()
        == objects["tile/entries/000.p/3"]
    )


@pytest.mark.parametrize("vector", _STATEMENTS["entries"], ids=lambda vector: f"leaf {vector['leaf_index']}")
def test_statement_entries(vector: dict[str, Any]) -> None:
    """A statement is signed over this encoding, stands in the log as these bytes and is read back."""
    payload = vector["payload"].encode()
    assert pre_authentication_encoding(vector["payload_type"], payload).hex() == vector["pae"]
    envelope = Envelope(vector["payload_type"], payload, vector["keyid"], bytes.fromhex(vector["signature"]))
    assert envelope.encode().decode() == vector["envelope"]
    verify_envelope(envelope, decode_base64(vector["key"]))
    entry = StatementEntry(vector["timestamp"], envelope)
    assert entry.encode().hex() == vector["entry"]
    assert parse_statement_entry(entry.encode()) == entry
    assert hash_leaf(entry.encode()).hex() == vector["leaf_hash"]
    assert parse_statement(envelope).encode() == payload


def test_objects_of_the_statement_log() -> None:
    """Its hash tile and entry bundle hold these bytes."""
    entries = [bytes.fromhex(vector["entry"]) for vector in _STATEMENTS["entries"]]
    objects = _STATEMENTS["objects"]
    assert encode_bundle(entries).hex() == objects["tile/entries/000.p/2"]
    tile = bytes.fromhex(objects["tile/0/000.p/2"])
    assert decode_tile(tile, 2) == [hash_leaf(entry) for entry in entries]


@pytest.mark.parametrize(
    ("log", "vector"),
    [(_ISSUANCE_LOG, vector) for vector in _ISSUANCE["proofs"]]
    + [(_STATEMENT_LOG, vector) for vector in _STATEMENTS["proofs"]],
    ids=lambda value: f"leaf {value['index']}" if isinstance(value, dict) else value.origin,
)
def test_proofs_stand_alone(log: LogKey, vector: dict[str, Any]) -> None:
    """A tlog-proof holds this audit path and verifies for its leaf, and for no other."""
    proof = parse_tlog_proof(vector["tlog_proof"])
    assert proof.encode() == vector["tlog_proof"]
    assert [value.hex() for value in proof.hashes] == vector["path"]
    leaf_hash = bytes.fromhex(vector["leaf_hash"])
    verify_tlog_proof(proof, leaf_hash, log)
    with pytest.raises(KeysteadError):
        verify_tlog_proof(proof, leaf_hash[::-1], log)


def test_the_issuance_log_grew_consistently() -> None:
    """Its earlier tree is a prefix of its later one."""
    roots = {vector["size"]: bytes.fromhex(vector["root"]) for vector in _ISSUANCE["checkpoints"]}
    vector = _ISSUANCE["consistency"]
    old, new = vector["old_size"], vector["new_size"]
    verify_consistency(old, roots[old], new, roots[new], [bytes.fromhex(value) for value in vector["proof"]])


@pytest.mark.parametrize("vector", VECTORS["paths"], ids=lambda vector: vector["path"])
def test_paths(vector: dict[str, Any]) -> None:
    """A tile has one path, and a path one tile."""
    level, index, width = vector["level"], vector["index"], vector["width"]
    assert tile_path(level, index, width) == vector["path"]
    suffix = vector["path"].removeprefix(f"tile/{level}/")
    assert parse_tile_suffix(suffix) == (index, width)
    assert bundle_path("data", index, width) == f"tile/data/{suffix}"


@pytest.mark.parametrize("vector", VECTORS["tiles_of_a_size"], ids=lambda vector: f"size {vector['size']}")
def test_tiles_of_a_size(vector: dict[str, Any]) -> None:
    """A tree has these partial tiles at its edge, and below them so many full ones."""
    edge = edge_tiles(vector["size"])
    assert [tile_path(*tile) for tile in edge if tile[2] < 256] == vector["partial"]
    full = {str(level): index + (width == 256) for level, index, width in edge}
    assert {level: count for level, count in full.items() if count} == vector["full"]
