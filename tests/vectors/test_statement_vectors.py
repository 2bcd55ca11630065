# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/statements.json`, which was made without it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError, StatementError
from keystead.statements.dsse import (
    Envelope,
    parse_canonical_envelope,
    parse_envelope,
    pre_authentication_encoding,
    sign_envelope,
    verify_envelope,
)
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.statements.payloads import KINDS, parse_statement, service_id_of
from keystead.statements.policy import parse_policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.statements.statement_key import SigningKey, keyid_of, load_statement_key
from keystead.tlog.merkle import hash_leaf
from vectors import make_statement_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "statements.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("ascii"))
_STATEMENTS = VECTORS["statements"]
_SERVICE = VECTORS["service"]
_SPKI = {key["name"]: decode_base64(key["spki"]) for key in VECTORS["keys"]}


def _private(name: str) -> SigningKey:
    (secret,) = (bytes.fromhex(key["private"]) for key in VECTORS["keys"] if key["name"] == name)
    public = load_statement_key(_SPKI[name])
    if isinstance(public, ec.EllipticCurvePublicKey):
        return ec.derive_private_key(int.from_bytes(secret), public.curve)
    return Ed25519PrivateKey.from_private_bytes(secret)


def _envelope(vector: dict[str, Any]) -> Envelope:
    return parse_canonical_envelope(vector["envelope"].encode())


def _registry() -> ServiceRegistry:
    policies = PolicyHistory()
    policies.add(0, _STATEMENTS[0]["time_ms"], parse_policy(VECTORS["policy"]["json"].encode()))
    registry = ServiceRegistry(policies)
    for index, vector in enumerate(_STATEMENTS):
        registry.apply(index, vector["time_ms"], parse_statement(_envelope(vector)), _envelope(vector))
    return registry


def test_the_file_is_what_its_script_makes() -> None:
    """Whoever runs the script gets the published file, byte for byte."""
    assert make_statement_vectors.encoded() == _FILE.read_text("ascii")


def test_there_is_a_vector_of_every_kind() -> None:
    """And of every algorithm."""
    assert {vector["kind"] for vector in _STATEMENTS} == KINDS.keys()
    assert {vector["signer"] for vector in _STATEMENTS} >= {"auditor", "operator", "operator 2"}


@pytest.mark.parametrize("key", VECTORS["keys"], ids=lambda key: key["name"])
def test_keyid(key: dict[str, str]) -> None:
    """Of each key."""
    assert keyid_of(decode_base64(key["spki"])) == key["keyid"]


@pytest.mark.parametrize("index", range(len(_STATEMENTS)))
def test_statement(index: int) -> None:
    """Payload, signature, envelope, identity and leaf hash, made and read."""
    vector = _STATEMENTS[index]
    payload = vector["payload"].encode()
    payload_type = KINDS[vector["kind"]].payload.kind
    made = sign_envelope(
        _private(vector["signer"]), f"application/vnd.keystead.{payload_type}.v1+json", payload
    )
    assert made.encode().decode() == vector["envelope"]
    assert made.signature.hex() == vector["signature"]
    assert made.payload_digest.hex() == vector["payload_sha256"]
    assert made.identity.hex() == vector["identity"]
    signed = pre_authentication_encoding(made.payload_type, payload)
    assert sha256(signed).hexdigest() == vector["pae_sha256"]
    verify_envelope(made, _SPKI[vector["signer"]])
    statement = parse_statement(made)
    assert statement.kind == vector["kind"]
    assert statement.encode() == payload
    entry = StatementEntry(vector["time_ms"], made)
    assert hash_leaf(entry.encode()).hex() == vector["leaf_hash"]
    assert parse_statement_entry(entry.encode()) == entry


@pytest.mark.parametrize("vector", VECTORS["submitted"], ids=lambda vector: str(vector["statement"]))
def test_submitted_spelling(vector: dict[str, Any]) -> None:
    """What a submitter writes becomes the canonical form, which alone a log stores."""
    data = vector["envelope"].encode()
    assert parse_envelope(data).encode().decode() == _STATEMENTS[vector["statement"]]["envelope"]
    with pytest.raises(ParseError):
        parse_canonical_envelope(data)


def _refusal(vector: dict[str, str]) -> Envelope:
    return Envelope(vector["payload_type"], vector["payload"].encode(), "00" * 32, b"s")


@pytest.mark.parametrize("vector", VECTORS["malformed"], ids=lambda vector: vector["why"])
def test_malformed(vector: dict[str, str]) -> None:
    """Not as the schema says."""
    with pytest.raises(ParseError):
        parse_statement(_refusal(vector))


@pytest.mark.parametrize("vector", VECTORS["contradictions"], ids=lambda vector: vector["why"])
def test_contradiction(vector: dict[str, str]) -> None:
    """As the schema says, and still no statement."""
    with pytest.raises(StatementError) as refused:
        parse_statement(_refusal(vector))
    assert refused.value.check == vector["check"]


def test_policy() -> None:
    """Its one encoding and digest."""
    policy = parse_policy(VECTORS["policy"]["json"].encode())
    assert policy.digest.hex() == VECTORS["policy"]["sha256"]
    assert policy.encode().decode() == VECTORS["policy"]["json"]


def test_service_id() -> None:
    """From founding key and name."""
    made = service_id_of(decode_base64(_SERVICE["founding_key"]), _SERVICE["service_name"])
    assert made.hex() == _SERVICE["service"]


def test_operator_keys_and_audits() -> None:
    """Which key spoke when, and why an audit does not qualify."""
    service = _registry().service(bytes.fromhex(_SERVICE["service"]))
    assert service is not None
    for vector in _SERVICE["operator_key_for"]:
        assert keyid_of(service.operator_key_for(vector["index"]).key) == vector["keyid"]
    found = [{"index": audit.index, "shortcomings": list(audit.shortcomings)} for audit in service.audits]
    assert found == _SERVICE["shortcomings"]


@pytest.mark.parametrize(
    "vector", _SERVICE["standings"], ids=lambda vector: f"{vector['at_ms']} {vector['code']}"
)
def test_standing(vector: dict[str, Any]) -> None:
    """At a moment, as known at another."""
    standing = _registry().standing(
        bytes.fromhex(_SERVICE["service"]), vector["at_ms"], vector["known_at_ms"]
    )
    assert standing.code == vector["code"]


@pytest.mark.parametrize("vector", _SERVICE["devices"], ids=lambda vector: vector["device_id"][:8])
def test_enrolments(vector: dict[str, Any]) -> None:
    """Of a device, as known at a moment."""
    found = _registry().enrolments(bytes.fromhex(vector["device_id"]), vector["known_at_ms"])
    assert [[entry.start_ms, entry.end_ms] for entry in found] == vector["enrolments"]
