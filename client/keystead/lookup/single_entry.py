# SPDX-License-Identifier: Apache-2.0
"""One issuance entry with its inclusion proof: `get-entry-and-proof` of RFC 6962, section 4.8.

A data tile has 256 entries with their chains, some hundred kilobytes; a history often has one or two of them. A log
that answers this call saves its reader the rest. One that does not is read by its tiles.

The answer is proven like a tile: the leaf hashes to the root of the reader's own checkpoint. What the hash does not
cover, the chain, is believed no more than the fingerprints in a data tile.
"""

from hashlib import sha256
from typing import Any

from keystead.client.fetcher import Fetcher
from keystead.client.verified_tree import VerifiedTree
from keystead.ct.leaf import PRECERT_ENTRY, parse_merkle_tree_leaf
from keystead.ct.tile_leaf import TileLeaf
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.encoding.tls import Reader
from keystead.errors import FetchError, ParseError, ProofError
from keystead.tlog.merkle import hash_leaf, verify_inclusion

__all__ = ["fetch_entry", "parse_entry_and_proof"]

_MAX_ANSWER_BYTES = 2 * 1024 * 1024
"""An entry of 64 KiB, its precertificate and chain in base64, and a proof, fit."""


async def fetch_entry(fetcher: Fetcher, tree: VerifiedTree, index: int) -> tuple[TileLeaf, bytes] | None:
    """An entry of a tree, proven to be in it, and its leaf hash; None where the log does not answer the call.

    Args:
        fetcher: reads below the log's base.
        tree: of the issuance log.
        index: of the entry; in the tree.

    Raises:
        FetchError: the log cannot be reached.
        ProofError: what it answers is no entry, or not the one of the tree (`inclusion`).
    """
    path = f"issuance/ct/v1/get-entry-and-proof?leaf_index={index}&tree_size={tree.size}"
    try:
        data = await fetcher.get(path, _MAX_ANSWER_BYTES)
    except FetchError as error:
        if error.status is None:
            raise
        return None
    if data is None:
        return None
    checkpoint = tree.checkpoint
    evidence = {"checkpoint": checkpoint.raw, "answer": data}
    try:
        leaf, proof = parse_entry_and_proof(data)
    except ParseError as error:
        raise ProofError(
            f"entry {index} of {checkpoint.checkpoint.origin} cannot be read: {error}",
            check="inclusion",
            evidence=evidence,
        ) from error
    leaf_hash = hash_leaf(leaf.entry.merkle_tree_leaf())
    try:
        verify_inclusion(leaf_hash, index, tree.size, proof, tree.root)
    except ProofError as error:
        raise ProofError(
            f"entry {index} of {checkpoint.checkpoint.origin} is not the one of its tree: {error}",
            check=error.check,
            evidence=evidence,
        ) from error
    return leaf, leaf_hash


def parse_entry_and_proof(data: bytes) -> tuple[TileLeaf, list[bytes]]:
    """The entry and the audit path of an answer; nothing is verified.

    Raises:
        ParseError: it is none.
    """
    document = decode_json(data, "an entry with its proof")
    if not isinstance(document, dict):
        raise ParseError("an entry with its proof is no JSON object")
    path = document.get("audit_path")
    if not isinstance(path, list):
        raise ParseError("audit_path is missing, or is no array")
    entry = parse_merkle_tree_leaf(_base64(document.get("leaf_input"), "leaf_input"))
    # Section 4.6: PrecertChainEntry, or the chain alone.
    reader = Reader(_base64(document.get("extra_data"), "extra_data"), "extra_data")
    precertificate = reader.opaque24() if entry.entry_type == PRECERT_ENTRY else b""
    chain = Reader(reader.opaque24(), "the chain in extra_data")
    reader.finish()
    fingerprints = []
    while chain.remaining:
        fingerprints.append(sha256(chain.opaque24()).digest())
    return TileLeaf(entry, precertificate, tuple(fingerprints)), [
        _base64(value, "audit_path") for value in path
    ]


def _base64(value: Any, name: str) -> bytes:
    if not isinstance(value, str):
        raise ParseError(f"{name} is missing, or is no text")
    return decode_base64(value, name)
