# SPDX-License-Identifier: Apache-2.0
"""The published Luna confirmation gives the values that are known of it, and damaged it gives no others."""

from pathlib import Path

import pytest

from keystead.certificate.x509 import certificates_from_pem, parse_certificate
from keystead.devices.anchors import BUILTIN, AnchorSet
from keystead.devices.collect import collect, identify
from keystead.devices.containers import sort_files
from keystead.devices.evidence import Evidence
from keystead.devices.request import parse_request, verify_request
from keystead.devices.verify import require_identity, require_key, verify_evidence
from keystead.errors import EvidenceError, ParseError
from support.attestation_samples import luna_sample
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def test_the_sample_gives_its_known_values(samples: Path) -> None:
    """Serial number, firmware and path of the module."""
    evidence = luna_sample(samples)
    attestation = verify_evidence(evidence)
    require_identity(attestation, "luna-serial", "521174")
    assert (attestation.vendor, attestation.model, attestation.firmware) == ("Thales", "Luna K7", "7.84")
    assert attestation.certification is None
    assert attestation.properties["confirmation"] == "Chrysalis-ITS"
    assert [one.name.partition(",")[0] for one in attestation.chain[1:]] == [
        "CN=Luna K7-521174",
        "CN=Hardware Origin Certificate",
        "CN=Thales Luna Mfg Integrity Certifcate x1",
        "Chrysalis-ITS Root",
    ]
    # A strict parser refuses what the module's encoder writes: critical FALSE.
    with pytest.raises(ParseError, match="critical"):
        parse_certificate(evidence.data)


def test_the_request_beside_it_is_for_the_confirmed_key(samples: Path) -> None:
    """The published request claims the key, and is signed with it."""
    folder = samples / "attestation" / "thales-luna-pkc"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    (piece,) = collect(files).pieces
    assert piece.evidence == luna_sample(samples)
    (csr,) = certificates_from_pem(files["rsa-test.csr"].replace(b" REQUEST", b"").replace(b"NEW ", b""))
    request = parse_request(csr)
    require_key(identify(piece), request.spki)
    verify_request(request)


def test_the_root_at_the_end_is_refused(samples: Path) -> None:
    """The bundle ends with the root; the canonical chain does not."""
    evidence = luna_sample(samples)
    file = samples / "attestation" / "thales-luna-pkc" / "rsa-pkc.p7b"
    ders = [one.certificate.der for one in sort_files({"p7b": file.read_bytes()}).certificates]
    assert (ders[0], *ders[1:-1]) == (evidence.data, *evidence.chain)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("luna-pkc", ders[0], tuple(ders[1:])))
    assert caught.value.check == "chain-includes-anchor"


def test_without_its_root_it_is_refused(samples: Path) -> None:
    """Neither the root of EC keys nor another vendor's vouches for it."""
    rest = AnchorSet(anchor for anchor in BUILTIN if anchor.name != "Chrysalis-ITS Root")
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(luna_sample(samples), rest)
    assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_goes_unnoticed(samples: Path) -> None:
    """Every byte of the sample's encoding: refused with our errors."""
    assert not flip_bits(luna_sample(samples), None, 20_260_102)
