# SPDX-License-Identifier: Apache-2.0
"""Published YubiHSM attestations: each gives the values that are known of it, and no damaged one gives others."""

from pathlib import Path

import pytest

from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.anchors import BUILTIN, AnchorSet
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_identity, require_key, verify_evidence
from keystead.errors import EvidenceError
from support.attestation_samples import yubihsm_samples
from support.mutation import flip_bits

pytestmark = pytest.mark.samples

FOLDER = "psf-tuf-2020-10-30/0013200460"


def test_every_sample_gives_its_known_values(samples: Path) -> None:
    """Serial number, firmware, object, label, key and path of each published attestation."""
    found = list(yubihsm_samples(samples))
    assert len(found) == 3
    for sample in found:
        expected, attestation = sample.expected, verify_evidence(sample.evidence)
        assert attestation.serial == str(expected["serial"])
        assert [one.value for one in attestation.identities] == [str(expected["serial"])]
        assert attestation.firmware == ".".join(str(octet) for octet in bytes.fromhex(expected["fw_raw"])[2:])
        assert attestation.properties["label"] == expected["label"]
        assert str(attestation.properties["object_id"]) == expected["subject_cn"][-6:]
        assert attestation.properties["capabilities"] == ["sign-ecdsa"]
        assert attestation.properties["domains"] == ["1"]
        assert attestation.certification is None
        assert attestation.key_hash.hex() == expected["spki_sha256"]
        assert [one.name.removeprefix("CN=") for one in attestation.chain] == expected["chain"]
        assert attestation.chain[1].key_hash.hex() == expected["issuing_attestation_key_spki_sha256"]
    assert {str(one.expected["serial"]) for one in found} == {"13200460", "31650425"}


def test_the_published_keys_are_the_attested_ones(samples: Path) -> None:
    """The record of the ceremony has each key beside its attestation; keys are not exchangeable."""
    folder = samples / "attestation" / "yubihsm2" / FOLDER
    found = {one.file.rpartition("_")[0].rpartition("_")[2]: one for one in yubihsm_samples(samples)}
    keys = {
        role: certificates_from_pem(
            (folder / f"0013200460_{role}_pubkey.pem").read_bytes().replace(b"PUBLIC KEY", b"CERTIFICATE")
        )[0]
        for role in ("root", "targets")
    }
    for role, other in (("root", "targets"), ("targets", "root")):
        attestation = verify_evidence(found[role].evidence)
        require_key(attestation, keys[role])
        with pytest.raises(EvidenceError) as caught:
            require_key(attestation, keys[other])
        assert caught.value.check == "key-mismatch"


def test_a_folder_with_the_published_sub_ca_is_identified(samples: Path) -> None:
    """Two attestations and their device certificate, in one folder, become two pieces of one device."""
    root = samples / "attestation"
    files = {path.name: path.read_bytes() for path in sorted((root / "yubihsm2" / FOLDER).iterdir())}
    sub_ca = root / "vendor-roots" / "yubico" / "E45DA5F361B091B30D8F2C6FA040DB6FEF57918E.pem"
    collection = collect({**files, sub_ca.name: sub_ca.read_bytes()})
    assert len(collection.pieces) == 2
    for piece in collection.pieces:
        attestation = identify(piece)
        require_identity(attestation, "yubihsm-serial", "13200460")
        with pytest.raises(EvidenceError) as caught:
            require_identity(attestation, "yubico-piv-serial", "13200460")
        assert caught.value.check == "identity-mismatch"


def test_the_file_of_a_missing_sub_ca_is_named(samples: Path) -> None:
    """The sentence ends with the address at which Yubico publishes the very certificate."""
    sample, *_ = yubihsm_samples(samples)
    with pytest.raises(EvidenceError, match=r"/Concepts/E45DA5F361B091B30D8F2C6FA040DB6FEF57918E\.pem"):
        verify_evidence(Evidence("yubihsm", sample.evidence.data, sample.evidence.chain[:1]))


def test_devices_have_attestation_keys_of_their_own(samples: Path) -> None:
    """One device's certificate does not vouch for another's attestation."""
    one, *_, other = yubihsm_samples(samples)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("yubihsm", one.evidence.data, other.evidence.chain))
    assert caught.value.check == "missing-link"


def test_without_its_root_each_sample_is_refused(samples: Path) -> None:
    """No other pinned key vouches for a YubiHSM."""
    rest = AnchorSet(anchor for anchor in BUILTIN if anchor.name != "Yubico YubiHSM Root CA")
    for sample in yubihsm_samples(samples):
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(sample.evidence, rest)
        assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_goes_unnoticed(samples: Path) -> None:
    """Every byte of one sample's encoding and a thousand of the others': refused with our errors."""
    for seed, sample in enumerate(yubihsm_samples(samples)):
        assert not flip_bits(sample.evidence, None if seed == 0 else 1000, seed), sample.file
