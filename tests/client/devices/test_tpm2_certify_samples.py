# SPDX-License-Identifier: Apache-2.0
"""Real TPMs' certifications, as published with WebAuthn: found, verified below an authority, safe from changes."""

from hashlib import sha1, sha256
from pathlib import Path

import pytest

from keystead.certificate.x509 import parse_vendor_certificate
from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet, VendorAnchor
from keystead.devices.collect import collect
from keystead.devices.piece import Piece
from keystead.devices.verify import verify_evidence
from keystead.errors import EvidenceError
from support.mutation import flip_bits

pytestmark = pytest.mark.samples

SAMPLES = {
    "py_webauthn_test_verify_attestation_dell_xps_13": ("Nuvoton", "NPCT6xx", "id:13"),
    "py_webauthn_test_verify_attestation_surface_pro_4": ("Intel", "ICL", "id:00020000"),
}
PARTS = ("certInfo.bin", "sig.bin", "pubArea.bin", "x5c0.der")


def found(samples: Path, name: str) -> tuple[Piece, AnchorSet]:
    """The piece that the sample's files make, and the authority of its attestation key, pinned."""
    folder = samples / "attestation" / "tpm2" / "webauthn" / name
    issuer = parse_vendor_certificate((folder / "x5c1.der").read_bytes())
    anchors = AnchorSet([VendorAnchor("AIK CA", issuer.spki, frozenset({"tpm2-certify"}))])
    (piece,) = collect({part: (folder / part).read_bytes() for part in PARTS}, anchors).pieces
    return piece, anchors


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_gives_its_known_values(samples: Path, name: str) -> None:
    """Who made the TPM by its attestation key's certificate; the hash is SHA-1, as in many."""
    piece, anchors = found(samples, name)
    assert sorted(piece.files) == sorted(PARTS)
    attestation = verify_evidence(piece.evidence, anchors)
    vendor, model, version = SAMPLES[name]
    assert (attestation.vendor, attestation.model, attestation.identities) == (vendor, model, ())
    assert attestation.properties["tpm_version"] == version
    assert attestation.properties["signature_hash"] == "sha1"
    assert attestation.properties["permissions"] == ["decrypt", "sign"]


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_signed_along_is_the_published_registration(samples: Path, name: str) -> None:
    """WebAuthn has the TPM sign the hash of the authenticator's data and the client's, which lie beside the sample."""
    folder = samples / "attestation" / "tpm2" / "webauthn" / name
    piece, anchors = found(samples, name)
    registration = (folder / "attestationObject.cbor").read_bytes()
    start = registration.index(b"authData") + len(b"authData")
    assert registration[start] == 0x59  # CBOR: octets, with a length of two octets
    size = int.from_bytes(registration[start + 1 : start + 3])
    client_data = (folder / "clientDataJSON.bin").read_bytes()
    signed = registration[start + 3 : start + 3 + size] + sha256(client_data).digest()
    attestation = verify_evidence(piece.evidence, anchors)
    assert attestation.properties["qualifying_data"] == sha1(signed, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("name", SAMPLES)
def test_without_an_authority_of_ones_own_the_sample_is_refused(samples: Path, name: str) -> None:
    """No authority for attestation keys ships with Keystead."""
    piece, _ = found(samples, name)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(piece.evidence, BUILTIN_ANCHORS)
    assert caught.value.check == "unknown-anchor"


@pytest.mark.parametrize("name", SAMPLES)
def test_no_flipped_bit_gives_another_key(samples: Path, name: str) -> None:
    """Positions all over the sample: none is accepted."""
    piece, anchors = found(samples, name)
    assert flip_bits(piece.evidence, 2000, 20260202, anchors) == []
