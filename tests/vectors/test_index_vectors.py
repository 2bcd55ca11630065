# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/device-index.json`, which was made without it, and published vectors."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from keystead.client.trust import parse_trust
from keystead.ct.leaf import PRECERT_ENTRY, parse_merkle_tree_leaf
from keystead.encoding.json import encode_json
from keystead.errors import ProofError, VerificationError
from keystead.index.answer import parse_answer
from keystead.index.history import Page, encode_value, hash_history_leaf, make_page, page_value
from keystead.index.kinds import IndexKind, Subject, index_key, parse_subject
from keystead.index.map_build import build_map
from keystead.index.map_hash import hash_inner, hash_map_leaf
from keystead.index.map_nodes import memory_nodes
from keystead.index.map_proof import verify_absence, verify_presence
from keystead.index.map_prove import prove
from keystead.index.mapping import subjects_of_entry, subjects_of_statement
from keystead.index.verification import Freshness, IndexTrust, verify_answer
from keystead.tlog.merkle import root_of
from vectors import make_index_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "device-index.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))
_HISTORY = VECTORS["page_history"]
_INDEX = VECTORS["index"]


def _subject(vector: dict[str, Any]) -> Subject:
    return parse_subject(vector["kind"], vector["value"])


def _value(entries: list[int]) -> bytes:
    return encode_value(len(entries), root_of([hash_history_leaf(entry) for entry in entries]))


def test_the_file_is_what_its_script_makes() -> None:
    """Whoever runs the script gets the published file, byte for byte."""
    assert make_index_vectors.encoded() == _FILE.read_text("utf-8")


def test_there_is_a_key_of_every_kind() -> None:
    """By number and name."""
    assert {vector["number"]: vector["kind"] for vector in VECTORS["keys"]} == {
        int(kind): kind.text for kind in IndexKind
    }


def test_keys() -> None:
    """Of each history."""
    for vector in VECTORS["keys"]:
        assert index_key(_subject(vector)).hex() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["map_hashes"], ids=lambda vector: str(len(vector["content"])))
def test_map_hashes(vector: dict[str, Any]) -> None:
    """Of small maps whose keys part early and late."""
    content = {bytes.fromhex(key): bytes.fromhex(value) for key, value in vector["content"].items()}
    assert build_map(memory_nodes(), sorted(content.items())).root.hex() == vector["root"]


@pytest.mark.parametrize("vector", _HISTORY["pages"], ids=lambda vector: f"{vector['from']}")
def test_pages(vector: dict[str, Any]) -> None:
    """Made, and verified up to the map's value."""
    leaves = [hash_history_leaf(entry) for entry in _HISTORY["entries"]]
    page = make_page(
        len(leaves),
        vector["from"],
        vector["entries"],
        lambda level, index: root_of(leaves[index << level : (index + 1) << level]),
    )
    assert [value.hex() for value in page.left] == vector["left"]
    assert [value.hex() for value in page.right] == vector["right"]
    assert page_value(page).hex() == _HISTORY["value"]
    wrong = Page(page.count, page.first + 1, page.entries, page.left, page.right)
    if page.entries:
        with pytest.raises(ProofError):
            page_value(wrong)


@pytest.mark.parametrize("vector", VECTORS["issuance_entries"], ids=lambda vector: vector["why"])
def test_issuance_entries(vector: dict[str, Any]) -> None:
    """What each is listed under."""
    entry = parse_merkle_tree_leaf(bytes.fromhex(vector["merkle_tree_leaf"]))
    spki = vector["issuer_spki"]
    assert spki is None or entry.entry_type != PRECERT_ENTRY
    issuer = None if spki is None else sha256(bytes.fromhex(spki)).digest()
    assert subjects_of_entry(entry, issuer) == {_subject(one) for one in vector["listed_under"]}


@pytest.mark.parametrize("number", range(len(VECTORS["statement_entries"])))
def test_statement_entries(number: int) -> None:
    """What each is listed under."""
    vector = VECTORS["statement_entries"][number]
    found = subjects_of_statement(bytes.fromhex(vector["entry"]))
    assert found == {_subject(one) for one in vector["listed_under"]}


def test_the_index_of_these_entries() -> None:
    """Its root, and the proof of every history in it and of one that is not."""
    content = {}
    for vector in _INDEX["histories"]:
        value = _value(vector["entries"])
        assert value.hex() == vector["map_value"]
        content[index_key(_subject(vector))] = value
    nodes = memory_nodes()
    version = build_map(nodes, sorted(content.items()))
    assert version.root.hex() == _INDEX["map_root"]
    for vector in _INDEX["histories"]:
        key = index_key(_subject(vector))
        found = prove(nodes, version.top, key)
        assert (found.value, found.proof.hex()) == (content[key], vector["presence_proof"])
        verify_presence(key, content[key], found.proof, version.root)
    for vector in _INDEX["absent"]:
        key = index_key(_subject(vector))
        found = prove(nodes, version.top, key)
        assert (found.value, found.proof.hex()) == (None, vector["absence_proof"])
        verify_absence(key, found.proof, version.root)


@pytest.mark.parametrize("vector", VECTORS["answers"], ids=lambda vector: vector["kind"])
def test_answers(vector: dict[str, Any]) -> None:
    """Whole answers, verified from trust.json alone; one tick too old is too old."""
    trust = parse_trust(encode_json(VECTORS["trust"]))
    keys = IndexTrust(trust.issuance.key, trust.statements.key, trust.statements.statement_key)
    head = VECTORS["head"]
    answer = parse_answer(encode_json(vector))
    assert parse_answer(answer.encode()) == answer
    assert json.loads(answer.encode()) == vector
    now_ms = head["timestamp"] + 900_000
    found = verify_answer(answer, _subject(vector), keys, Freshness(now_ms), head_index=head["leaf_index"])
    assert (found.head.index, found.head.timestamp, found.head.lag) == tuple(head.values())
    with pytest.raises(VerificationError) as refused:
        verify_answer(answer, _subject(vector), keys, Freshness(now_ms + 1))
    assert refused.value.check == "head-too-old"


@pytest.mark.samples
def test_published_vectors(samples: Path) -> None:
    """The vectors that the index was fixed with: histories, map root, one proof of presence and one of absence."""
    published = json.loads((samples / "vectors" / "device-index.json").read_text("utf-8"))
    content = {}
    for vector in published["histories"]:
        key = index_key(_subject(vector))
        assert key.hex() == vector["K"]
        content[key] = _value(vector["entries"])
        assert content[key].hex() == vector["V"]
    nodes = memory_nodes()
    version = build_map(nodes, sorted(content.items()))
    assert version.root.hex() == published["map_root"]
    key = index_key(Subject(IndexKind.DEVICE_CERTIFICATES, bytes.fromhex(published["device_ids"]["A"])))
    assert prove(nodes, version.top, key).proof.hex() == published["presence_proof_device_A"]
    key = index_key(Subject(IndexKind.DEVICE_STATEMENTS, bytes.fromhex(published["device_ids"]["A"])))
    assert key.hex() == published["absence_key"]
    proof = prove(nodes, version.top, key).proof
    assert proof.hex() == published["absence_proof_statements_of_A"]
    verify_absence(key, proof, version.root)


def test_torchwood() -> None:
    """Torchwood's published leaf, and its map of two keys that differ first at bit 128, with values of 32 bytes."""

    def leaf(key: bytes, value: bytes) -> bytes:
        return sha256(b"\x00" + make_index_vectors.leaf(key, value)).digest()

    assert leaf(b"\xab", b"\xcd").hex() == "e2803f59293564e96b6c5c16157cec731a294631aefb5d08d18630ed6a27184c"
    left = bytes.fromhex("a3b93625e143e33744bc532953260c66bcdb124ff930e6a55257558871df9e72")
    right = bytes.fromhex("4f02252ceaba90d9997b0f84bface6cd661dcb1779c5beb55d1eec2510680464")
    beginning = b"\xff" * 16
    root = hash_inner(128, leaf(beginning + bytes(16), left), leaf(beginning + b"\x80" + bytes(15), right))
    assert root.hex() == "55664663e0148e90b47b18ec9660b0a9c5d83b03fc0235fcb8938763d7d3ed7f"
    assert hash_map_leaf(bytes(32), bytes(40)) == leaf(bytes(32), bytes(40))
