# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/evidence.json`."""

import json
from pathlib import Path
from typing import Any

import pytest

from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.evidence import Evidence, evidence_from_json, parse_evidence
from keystead.devices.verify import verify_evidence
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import EvidenceError, ParseError
from vectors import make_evidence_vectors

FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "evidence.json"
VECTORS: dict[str, Any] = json.loads(FILE.read_bytes())
ANCHORS = AnchorSet(
    VendorAnchor(one["name"], decode_base64(one["key"]), frozenset(one["formats"]), one["cloud"])
    for one in VECTORS["anchors"]
)


def named(kind: str) -> Any:
    """Parametrize over the vectors of one kind, by name."""
    return pytest.mark.parametrize("vector", VECTORS[kind], ids=lambda one: one.get("name") or one.get("why"))


def test_the_published_file_is_what_the_maker_makes() -> None:
    """The file is reproducible from the sources."""
    assert json.loads(json.dumps(make_evidence_vectors.vectors())) == VECTORS


@pytest.mark.parametrize("vector", VECTORS["encodings"], ids=lambda one: one["format"])
def test_encodings(vector: dict[str, Any]) -> None:
    """Evidence encodes and hashes as stated, and parses back."""
    chain = tuple(bytes.fromhex(part) for part in vector["chain"])
    evidence = Evidence(vector["format"], bytes.fromhex(vector["data"]), chain)
    assert evidence.encode().hex() == vector["encoded"]
    assert evidence.digest.hex() == vector["digest"]
    assert parse_evidence(bytes.fromhex(vector["encoded"])) == evidence


@named("refused_encodings")
def test_refused_encodings(vector: dict[str, Any]) -> None:
    """What is no encoding of evidence does not parse."""
    with pytest.raises(ParseError):
        parse_evidence(bytes.fromhex(vector["encoded"]))


def test_anchors() -> None:
    """Anchors are referred to by the digest of their keys."""
    assert [anchor.key_hash.hex() for anchor in ANCHORS] == [one["key_sha256"] for one in VECTORS["anchors"]]


@named("attestations")
def test_attestations(vector: dict[str, Any]) -> None:
    """Evidence gives the result that is written beside it."""
    evidence = evidence_from_json(vector["evidence"])
    assert evidence.digest.hex() == vector["digest"]
    result = verify_evidence(evidence, ANCHORS).to_json()
    assert {member: result[member] for member in vector["gives"]} == vector["gives"]
    assert len(result["chain"]) >= 1 + len(evidence.chain) + len(result["anchors"])


@named("refusals")
def test_refusals(vector: dict[str, Any]) -> None:
    """Evidence that is no good is refused by the check that is written beside it."""
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence_from_json(vector["evidence"]), ANCHORS)
    assert caught.value.check == vector["check"]


def test_every_check_of_the_specification_has_a_vector_or_a_reason() -> None:
    """Checks without a vector concern what is no part of evidence under these anchors."""
    specification = (FILE.parents[1] / "evidence.md").read_text()
    table = specification.split("## 5. Refusals")[1].split("## 6.")[0]
    listed = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `")}
    elsewhere = {
        "malformed-evidence",
        "anchor-format",
        "key-mismatch",
        "identity-mismatch",
        "request-signature",
    }
    assert {one["check"] for one in VECTORS["refusals"]} == listed - elsewhere
