# SPDX-License-Identifier: Apache-2.0
"""The table of pinned keys, and which of them may attest what."""

import subprocess
import sys
from pathlib import Path

import asn1crypto.x509
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keystead.certificate.public_key import load_public_key
from keystead.certificate.x509 import certificates_from_pem
from keystead.devices.anchors import BUILTIN, BUILTIN_ANCHORS, AnchorSet, VendorAnchor
from keystead.devices.verify import FORMATS

ONE = VendorAnchor("One", b"key one", frozenset({"a"}))
TWO = VendorAnchor("Two", b"key two", frozenset({"a", "b"}), cloud=True)

ROOT_FILES = {
    "Yubico PIV Root CA Serial 263751": "yubico/yubico-piv-ca-1.pem",
    "Yubico U2F Root CA Serial 457200631": "yubico/yubicoPIVCAPEMU2F.pem",
    "Yubico Attestation Root 1": "yubico/yubico-ca-1.pem",
    "Yubico YubiHSM Root CA": "yubico/yubihsm2-attest-ca-crt.pem",
    "Chrysalis-ITS Root": "thales/luna-rsa-root-certificate.pem",
    "SafeNet ECC Manufacturer Integrity Module": "thales/luna-ecc-root-certificate.pem",
    "localca.liquidsecurity.cavium.com": "marvell/liquidsecurity1-2024.pem",
    "cavium-liquidsecurity-ls2": "marvell/liquidsecurity2-mi-2024.pem",
    "Hawksbill Root v1 prod": "google/hawksbill-root-v1-prod.pem",
    "PRIMUS_HSM_ROOTKEY": "securosys/primus_hsm_rootkey.pem",
    "C4A_RCA": "crypto4a/C4A_RCA.pem",
}
"""By name in the vendor's own certificate, where that is among the samples."""


def test_builtin_anchors_are_whole() -> None:
    """Each has a loadable key, attests known formats only, says where its vendor publishes it, and is there once."""
    assert len({anchor.key_hash for anchor in BUILTIN}) == len(BUILTIN)
    for anchor in BUILTIN:
        load_public_key(anchor.key)
        assert anchor.formats
        assert anchor.formats <= FORMATS.keys()
        assert anchor.source.startswith("https://")
        assert anchor.note


def test_every_format_has_an_anchor() -> None:
    """A format that no pinned key may attest could never verify: but for those whose roots operators must add."""
    without = {name for name in FORMATS if not BUILTIN_ANCHORS.attesting(name)}
    assert without == {"fortanix", "pkix-evidence", "tpm2-certify"}


@pytest.mark.parametrize(
    ("name", "roots"),
    [
        (
            "yubikey-piv",
            {
                "Yubico PIV Root CA Serial 263751",
                "Yubico U2F Root CA Serial 457200631",
                "Yubico Attestation Root 1",
            },
        ),
        ("yubihsm", {"Yubico YubiHSM Root CA", "Yubico Attestation Root 1"}),
        ("luna-pkc", {"Chrysalis-ITS Root", "SafeNet ECC Manufacturer Integrity Module"}),
        (
            "marvell",
            {
                "localca.liquidsecurity.cavium.com",
                "cavium-liquidsecurity-ls2",
                "Hawksbill Root v1 prod",
            },
        ),
        ("nshield", {"nShield KWARN-1"}),
        ("primus", {"PRIMUS_HSM_ROOTKEY"}),
        ("qasm", {"C4A_RCA"}),
        ("smartcard-hsm", {"DESRCACC100001"}),
    ],
)
def test_each_format_has_the_roots_of_all_its_hierarchies(name: str, roots: set[str]) -> None:
    """What real devices' paths end at is pinned, and nothing else."""
    assert {anchor.name for anchor in BUILTIN_ANCHORS.attesting(name)} == roots


@pytest.mark.samples
@pytest.mark.parametrize("name", ROOT_FILES)
def test_pinned_keys_are_the_vendors(samples: Path, name: str) -> None:
    """The pinned key and name are those of the certificate that the vendor publishes."""
    pem = (samples / "attestation" / "vendor-roots" / ROOT_FILES[name]).read_bytes()
    (der,) = certificates_from_pem(pem)
    certificate = asn1crypto.x509.Certificate.load(der)  # cryptography refuses one of them
    (pinned,) = [anchor for anchor in BUILTIN if anchor.name == name]
    assert pinned.key == certificate.public_key.dump()
    assert certificate.subject.native["common_name"].strip() == name


@pytest.mark.samples
def test_both_certificates_of_the_older_root_have_the_pinned_key(samples: Path) -> None:
    """Yubico reissued the certificate of its PIV root with the same key, so pinning the key covers both."""
    folder = samples / "attestation" / "vendor-roots" / "yubico"
    keys = {
        x509.load_pem_x509_certificate((folder / name).read_bytes())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for name in ("yubico-piv-ca-1.pem", "piv-attestation-ca-old.pem")
    }
    assert keys == {anchor.key for anchor in BUILTIN if "263751" in anchor.name}


def test_a_cloud_providers_keys_are_marked() -> None:
    """What is proven under Google's key belongs to Google; no other built-in key is a cloud's."""
    assert {anchor.name for anchor in BUILTIN if anchor.cloud} == {"Hawksbill Root v1 prod"}


def test_an_anchor_attests_its_formats_only() -> None:
    """Lookup by format gives the anchors that list it, in order."""
    anchors = AnchorSet([ONE, TWO])
    assert anchors.attesting("a") == (ONE, TWO)
    assert anchors.attesting("b") == (TWO,)
    assert anchors.attesting("c") == ()


def test_a_key_listed_twice_is_one_anchor() -> None:
    """Its formats are those of both entries, and it is a cloud's if either says so."""
    anchors = AnchorSet([ONE]).extended([VendorAnchor("Again", ONE.key, frozenset({"b"}), cloud=True)])
    assert len(anchors) == 1
    (anchor,) = anchors
    assert anchor.name == "One"
    assert anchor.formats == {"a", "b"}
    assert anchor.cloud


def test_keys_that_turned_bad_are_left_out() -> None:
    """`without` drops keys by digest."""
    anchors = AnchorSet([ONE, TWO]).without([ONE.key_hash])
    assert list(anchors) == [TWO]
    assert anchors.by_key_hash(ONE.key_hash) is None
    assert anchors.by_key_hash(TWO.key_hash) == TWO


def test_importing_devices_loads_no_network_and_no_second_asn1_library() -> None:
    """Whoever imports the package for identities alone pays for nothing else."""
    code = (
        "import sys, keystead.devices.verify, keystead.devices.collect;"
        "heavy = {'asn1crypto', 'aiohttp', 'asyncio', 'cryptography.x509', 'click', 'rich'};"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
