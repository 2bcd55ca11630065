# SPDX-License-Identifier: Apache-2.0
"""A published Primus statement: it gives the values that are known of it, and no damaged one gives others."""

import json
from pathlib import Path

import pytest

from keystead.certificate.public_key import key_hash
from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.anchors import BUILTIN_ANCHORS
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.piece import Piece
from keystead.devices.request import parse_request
from keystead.devices.verify import require_identity, require_key, verify_evidence
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import EvidenceError
from support.attestation_samples import der_of
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def folder(samples: Path) -> Path:
    """Where the statement, its signature, its chain and its request lie."""
    return samples / "attestation" / "securosys-primus" / "gillstrom-18386101"


def sample(samples: Path) -> Piece:
    """The piece that the files make."""
    files = {path.name: path.read_bytes() for path in folder(samples).iterdir()}
    (piece,) = collect(files).pieces
    return piece


def test_the_sample_gives_its_known_values(samples: Path) -> None:
    """Serial number, origin and key, as its publisher states them."""
    expected = json.loads((folder(samples) / "expected.json").read_bytes())
    attestation = identify(sample(samples))
    require_identity(attestation, "primus-serial", expected["hsmSerialNumber"])
    assert attestation.vendor == expected["hsmVendor"]
    assert attestation.properties["generated_on_device"] is (expected["keyOrigin"] == "generated")
    assert attestation.properties["exportable"] is expected["keyExportable"]
    assert attestation.key_hash.hex() == expected["attestedPublicKeyFingerprint"].replace(":", "")
    assert "sign" in attestation.properties["permissions"]  # type: ignore[operator]
    assert BUILTIN_ANCHORS.by_key_hash(attestation.anchors[0]) is not None


def test_the_request_beside_it_is_for_the_attested_key(samples: Path) -> None:
    """The statement is about the key for which a certificate was asked."""
    text = (folder(samples) / "csr.pem").read_text()
    request = parse_request(decode_base64("".join(text.splitlines()[1:-1])))
    attestation = identify(sample(samples))
    require_key(attestation, request.spki)
    assert key_hash(request.spki) == attestation.key_hash


def test_the_answer_of_an_interface_is_the_same_piece(samples: Path) -> None:
    """Statement, signature and certificates in one JSON document."""
    files = {"request.json": (folder(samples) / "request.json").read_bytes()}
    (piece,) = collect(files).pieces
    assert piece.evidence == sample(samples).evidence


def test_the_root_in_the_chain_is_refused(samples: Path) -> None:
    """The canonical chain ends below the pinned key."""
    evidence = sample(samples).evidence
    root = der_of(samples / "attestation" / "vendor-roots" / "securosys" / "primus_hsm_rootkey.pem")
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("primus", evidence.data, (*evidence.chain, root)))
    assert caught.value.check == "chain-includes-anchor"
    assert len(certificates_from_pem((folder(samples) / "chain0.pem").read_bytes())) == 1


def test_no_flipped_bit_gives_another_device_or_key(samples: Path) -> None:
    """Thousands of positions of statement, signature and chain: refused."""
    assert not flip_bits(sample(samples).evidence, 3000, 20260102)
