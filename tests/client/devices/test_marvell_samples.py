# SPDX-License-Identifier: Apache-2.0
"""The published statement of Google Cloud HSM gives the values that are known of it, and damaged it gives none."""

import random
from pathlib import Path

import pytest

from keystead.certificate.device_identifier import DeviceClass
from keystead.certificate.x509 import certificates_from_pem, parse_vendor_certificate
from keystead.devices.anchors import BUILTIN, AnchorSet
from keystead.devices.collect import Collection, collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.marvell.files import decompress
from keystead.devices.verify import require_identity, require_key, verify_evidence
from keystead.encoding.rfc3339 import parse_time
from keystead.errors import EvidenceError
from support.attestation_samples import der_of
from support.fuzzing import only_our_errors
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def sample(samples: Path) -> Evidence:
    """The published files as the evidence that they are."""
    folder = samples / "attestation" / "gcp-cloudhsm-marvell"
    (piece,) = collect({name: (folder / name).read_bytes() for name in ("ec.dat", "ec.certs")}).pieces
    return piece.evidence


def test_the_sample_gives_its_known_values(samples: Path) -> None:
    """Adapter, both anchors, class cloud, and an EC key that was generated inside and cannot leave."""
    evidence = sample(samples)
    attestation = verify_evidence(evidence)
    require_identity(attestation, "marvell-adapter", "5.2G1804-ICM000678")
    assert attestation.identities[0].class_ is DeviceClass.CLOUD
    assert len(evidence.chain) == 3
    assert [one.name for one in attestation.chain if one.role == "anchor"] == [
        "localca.liquidsecurity.cavium.com",
        "Hawksbill Root v1 prod",
    ]
    assert attestation.certification == "FIPS mode"
    assert attestation.properties["statement_version"] == 2
    assert attestation.properties["partition"] == 1
    assert attestation.properties["exportable"] is False
    assert "sign" in attestation.properties["purposes"]  # type: ignore[operator]


def test_the_statement_is_about_its_own_key_alone(samples: Path) -> None:
    """The digest that the module states is its key's; the public key that lies beside the files is another."""
    attestation = verify_evidence(sample(samples))
    require_key(attestation, attestation.key)
    folder = samples / "attestation" / "gcp-cloudhsm-marvell"
    text = (folder / "pub.pem").read_bytes().replace(b"PUBLIC KEY", b"CERTIFICATE")
    (published,) = certificates_from_pem(text)
    with pytest.raises(EvidenceError) as caught:
        require_key(attestation, published)
    assert caught.value.check == "key-mismatch"


def test_the_makers_root_expired_and_still_proves_who_made_it(samples: Path) -> None:
    """Its certificate of 2015 ended on 2025-11-16; both certificates have the pinned key."""
    folder = samples / "attestation" / "vendor-roots" / "marvell"
    (maker,) = [anchor for anchor in BUILTIN if anchor.name == "localca.liquidsecurity.cavium.com"]
    older, newer = (
        parse_vendor_certificate(der_of(folder / f"liquidsecurity1-{year}.pem")) for year in (2015, 2024)
    )
    assert older.spki == newer.spki == maker.key
    assert older.not_after < parse_time("2025-11-17T00:00:00Z") < newer.not_after
    assert verify_evidence(sample(samples)).anchors[0] == maker.key_hash


def test_without_the_owner_it_is_an_appliance_and_without_the_maker_nothing(samples: Path) -> None:
    """The maker's path proves the module; the owner's adds only whose it is."""
    evidence = sample(samples)
    alone = Evidence("marvell", evidence.data, evidence.chain[:2])
    assert verify_evidence(alone).identities[0].class_ is DeviceClass.APPLIANCE
    for chain in (evidence.chain[2:], (evidence.chain[2], *evidence.chain[:2])):
        with pytest.raises(EvidenceError):
            verify_evidence(Evidence("marvell", evidence.data, chain))
    for name in ("localca.liquidsecurity.cavium.com", "Hawksbill Root v1 prod"):
        rest = AnchorSet(anchor for anchor in BUILTIN if anchor.name != name)
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(evidence, rest)
        assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_goes_unnoticed(samples: Path) -> None:
    """Every byte of the sample's encoding: refused with our errors."""
    assert not flip_bits(sample(samples), None, 20_260_103)


def test_damaged_files_give_no_other_device(samples: Path) -> None:
    """A thousand flipped bits of the compressed file: not a piece, refused, or the very same statement."""
    folder = samples / "attestation" / "gcp-cloudhsm-marvell"
    original, certificates = ((folder / name).read_bytes() for name in ("ec.dat", "ec.certs"))
    chance, truth = random.Random(5), decompress(original)
    for place in [chance.randrange(len(original)) for _ in range(1000)]:
        damaged = bytearray(original)
        damaged[place] ^= 1 << chance.randrange(8)
        found: Collection | None = only_our_errors(collect, {"a": bytes(damaged), "b": certificates})
        for piece in () if found is None else found.pieces:
            attestation = only_our_errors(identify, piece)
            assert attestation is None or piece.evidence.data == truth
