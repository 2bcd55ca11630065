# SPDX-License-Identifier: Apache-2.0
"""Keystead's code against `specs/vectors/identifiers.json`, which was made without it."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from keystead.certificate.device_identifier import SCHEMES, device_id
from keystead.certificate.precertificate import certificate_id, is_precertificate, log_tbs
from keystead.certificate.public_key import key_hash, normalize_spki
from keystead.certificate.subscriber import LEI_OID, subscriber_of
from keystead.certificate.x509 import parse_certificate
from keystead.devices.evidence import Evidence, parse_evidence
from keystead.statements.kinds.service_audit import service_id_of
from support.certificates import ec_key, mint, purposes, rewrapped
from support.certificates import subject as library_name
from vectors import make_identifier_vectors

_FILE = Path(__file__).resolve().parents[2] / "specs" / "vectors" / "identifiers.json"
VECTORS: dict[str, Any] = json.loads(_FILE.read_text("utf-8"))


def test_the_file_is_what_its_maker_makes() -> None:
    """The vectors can be made again, octet for octet."""
    assert _FILE.read_text("utf-8") == make_identifier_vectors.encoded()


def test_device_ids() -> None:
    """Every scheme of the code has a vector with its number, class and an id."""
    assert [case["scheme"] for case in VECTORS["device_ids"]] == list(SCHEMES)
    for case in VECTORS["device_ids"]:
        scheme = SCHEMES[case["scheme"]]
        assert (scheme.number, scheme.oid, scheme.class_) == (case["number"], case["oid"], case["class"])
        assert device_id(case["scheme"], case["value"]).hex() == case["device_id"]
        assert sha256(bytes.fromhex(case["preimage"])).hexdigest() == case["device_id"]


@pytest.mark.parametrize("case", VECTORS["certificates"], ids=lambda case: case["kind"])
def test_certificate_ids(case: dict[str, Any]) -> None:
    """A certificate without promises, with promises, and its precertificate have one TBS and one id."""
    certificate = parse_certificate(bytes.fromhex(case["der"]))
    assert is_precertificate(certificate) == (case["kind"] == "precertificate")
    assert log_tbs(certificate).hex() == case["tbs"]
    issuer_key_hash = sha256(bytes.fromhex(case["issuer_spki"])).digest()
    assert issuer_key_hash.hex() == case["issuer_key_hash"]
    assert certificate_id(issuer_key_hash, log_tbs(certificate)).hex() == case["certificate_id"]


@pytest.mark.parametrize("case", VECTORS["subscribers"], ids=lambda case: case["what"])
def test_subscriber_ids(case: dict[str, Any]) -> None:
    """The strict rule on a certificate with the subject, the LEI extension and the key purposes of the case."""
    extensions = []
    if case["lei_extension"] is not None:
        extensions.append((LEI_OID, False, bytes.fromhex(case["lei_extension"])))
    if case["key_purposes"]:
        extensions.append(purposes(*case["key_purposes"]))
    der = mint(library_name(CN="replaced"), ec_key(1), None, extensions).der
    subject = bytes.fromhex(case["subject"])
    found = subscriber_of(parse_certificate(rewrapped(der, lambda fields: fields.__setitem__(5, subject))))
    assert found.canonical == case["canonical"]
    assert found.rule == case["rule"]
    assert found.decodable == case["decodable"]
    assert found.id.hex() == case["subscriber_id"]


def test_service_ids() -> None:
    """A service is its founding key and its name."""
    for case in VECTORS["services"]:
        founding_key = bytes.fromhex(case["founding_key"])
        assert service_id_of(founding_key, case["service_name"]).hex() == case["service_id"]


@pytest.mark.parametrize("case", VECTORS["public_keys"], ids=lambda case: case["what"])
def test_public_keys(case: dict[str, Any]) -> None:
    """Encodings of one key have one hash; what cannot be normalized is hashed as it is."""
    given = bytes.fromhex(case["spki"])
    assert normalize_spki(given).hex() == case["normalized"]
    assert key_hash(given).hex() == case["key_hash"]


def test_evidence_digests() -> None:
    """One piece of evidence has one encoding and one digest."""
    for case in VECTORS["evidence"]:
        chain = tuple(bytes.fromhex(element) for element in case["chain"])
        encoded = bytes.fromhex(case["encoded"])
        piece = Evidence(case["format"], bytes.fromhex(case["data"]), chain)
        assert piece.encode() == encoded
        assert parse_evidence(encoded) == piece
        assert piece.digest.hex() == case["digest"]
