# SPDX-License-Identifier: Apache-2.0
"""Published YubiKey attestations: each gives the values that are known of it, and no damaged one gives others."""

from pathlib import Path

import pytest

from keystead.certificate.x509 import certificates_from_pem, parse_certificate
from keystead.devices.anchors import BUILTIN, BUILTIN_ANCHORS, AnchorSet
from keystead.devices.authority import sole_common_name
from keystead.devices.evidence import Evidence
from keystead.devices.vendor_chain import BARE_SHA2_ALGORITHMS, ChainRules, walk
from keystead.devices.verify import require_identity, require_key, verify_evidence
from keystead.errors import EvidenceError
from support.attestation_samples import YubicoSample, der_of, yubikey_samples
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def good(samples: Path) -> list[YubicoSample]:
    """All but the pairs that were swapped on purpose."""
    return [one for one in yubikey_samples(samples) if "mismatch" not in one.file]


def test_every_sample_gives_its_known_values(samples: Path) -> None:
    """Serial number, firmware, policies, form factor, key and path of each published attestation."""
    found = good(samples)
    assert len(found) == 23
    for sample in found:
        expected, attestation = sample.expected, verify_evidence(sample.evidence)
        serial = expected.get("serial")
        assert attestation.serial == (None if serial is None else str(serial)), sample.file
        assert [one.value for one in attestation.identities] == ([] if serial is None else [str(serial)])
        assert attestation.firmware == ".".join(str(octet) for octet in bytes.fromhex(expected["fw_raw"]))
        assert attestation.key_hash.hex() == expected["spki_sha256"]
        pin, touch = bytes.fromhex(expected["policy_raw"])
        assert attestation.properties["pin_policy"] == (None, "never", "once", "always")[pin]
        assert attestation.properties["touch_policy"] == (None, "never", "always", "cached")[touch]
        form = bytes.fromhex(expected.get("form_raw", ""))
        assert (attestation.form_factor is None) == (not form)
        fips = bool(form and form[0] & 0x80) or any(
            oid.endswith(".3.10") for oid in expected["attestation_cert_yubico_exts"]
        )
        assert (attestation.certification == "FIPS series") == fips, sample.file
        names = [one.name.removeprefix("CN=") for one in attestation.chain]
        assert names == expected["chain"]
        assert attestation.chain[1].key_hash.hex() == expected["issuing_attestation_key_spki_sha256"]


def test_swapped_f9_certificates_are_refused(samples: Path) -> None:
    """Each attestation of a swapped pair fails against the f9 certificate beside it."""
    swapped = [one for one in yubikey_samples(samples) if "mismatch" in one.file]
    assert len(swapped) == 2
    for sample in swapped:
        with pytest.raises(EvidenceError) as caught:
            verify_evidence(sample.evidence)
        assert caught.value.check == "wrong-signature"


def test_a_folder_named_after_another_device_is_found_out(samples: Path) -> None:
    """The folder 12345678 holds an attestation of 26551025; the claim is refused, the content stands."""
    (sample,) = [one for one in good(samples) if "/12345678/" in one.file]
    attestation = verify_evidence(sample.evidence)
    require_identity(attestation, "yubico-piv-serial", "26551025")
    with pytest.raises(EvidenceError, match="26551025") as caught:
        require_identity(attestation, "yubico-piv-serial", "12345678")
    assert caught.value.check == "identity-mismatch"


def test_a_real_code_signing_certificate_has_the_attested_key(samples: Path) -> None:
    """The attestation of slot 9a is of the EV certificate's key; that of slot 9c, of another."""
    folder = samples / "attestation" / "yubikey-piv" / "ipxe-28557046"
    spki = parse_certificate(der_of(folder / "evcs.crt")).spki
    f9 = der_of(folder / "attestation-intermediate.crt")
    attested = {
        slot: verify_evidence(Evidence("yubikey-piv", der_of(folder / f"attestation-{slot}.crt"), (f9,)))
        for slot in ("9a", "9c")
    }
    assert {one.serial for one in attested.values()} == {"28557046"}
    require_key(attested["9a"], spki)
    with pytest.raises(EvidenceError) as caught:
        require_key(attested["9c"], spki)
    assert caught.value.check == "key-mismatch"
    assert caught.value.evidence == {"attested": attested["9c"].key, "claimed": spki}


def test_one_f9_key_is_in_devices_of_unrelated_organizations(samples: Path) -> None:
    """A batch shares its attestation key, which therefore identifies nothing; serial numbers do."""
    by_f9: dict[bytes, set[str]] = {}
    for sample in good(samples):
        attestation = verify_evidence(sample.evidence)
        if attestation.serial:
            by_f9.setdefault(attestation.chain[1].key_hash, set()).add(attestation.serial)
    assert max(len(serials) for serials in by_f9.values()) >= 5
    ids = {verify_evidence(one.evidence).identities for one in good(samples)}
    serials = {one.expected.get("serial") for one in good(samples)}
    assert len(ids) == len(serials)


def test_the_root_in_the_chain_is_refused(samples: Path) -> None:
    """The canonical chain ends below the pinned key, whose certificate published bundles often include."""
    folder = samples / "attestation" / "yubikey-piv" / "ipxe-28557046"
    leaf, f9, root = (der_of(folder / f"attestation-{name}.crt") for name in ("9a", "intermediate", "root"))
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("yubikey-piv", leaf, (f9, root)))
    assert caught.value.check == "chain-includes-anchor"


def test_without_its_root_each_sample_is_refused(samples: Path) -> None:
    """Each of the roots is needed by its own devices and vouches for no other's."""
    for anchor in BUILTIN:
        rest = AnchorSet(other for other in BUILTIN if other is not anchor)
        for sample in good(samples):
            if sample.expected["chain"][-1] != anchor.name:
                verify_evidence(sample.evidence, rest)
                continue
            with pytest.raises(EvidenceError) as caught:
                verify_evidence(sample.evidence, rest)
            assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_gives_another_device_or_key(samples: Path) -> None:
    """Thousands of positions of the encodings: refused with our errors, or the very same identity and key."""
    for seed, sample in enumerate(good(samples)):
        assert not flip_bits(sample.evidence, 350, seed), f"{sample.file}: a changed bit went unnoticed"


def test_every_flipped_bit_of_one_sample_is_refused(samples: Path) -> None:
    """All positions of one attestation and its f9 certificate, all eight bits of each byte."""
    folder = samples / "attestation" / "yubikey-piv" / "ipxe-28557046"
    leaf, f9 = (der_of(folder / f"attestation-{name}.crt") for name in ("9a", "intermediate"))
    for part, (data, chain) in (("leaf", (leaf, f9)), ("f9", (leaf, f9))):
        original = data if part == "leaf" else chain
        for position in range(len(original)):
            changed = bytearray(original)
            changed[position] ^= 1 << (position % 8)
            damaged = (bytes(changed), f9) if part == "leaf" else (leaf, bytes(changed))
            with pytest.raises(EvidenceError):
                verify_evidence(Evidence("yubikey-piv", damaged[0], (damaged[1],)))


def test_every_published_issuer_of_devices_leads_to_the_pinned_root(samples: Path) -> None:
    """The issuers of 2024 and of 2025, which are signed with an algorithm that lacks its NULL."""
    folder = samples / "attestation" / "vendor-roots" / "yubico"
    ders = certificates_from_pem((folder / "yubico-intermediate.pem").read_bytes())
    by_name = {sole_common_name(parse_certificate(der).subject) or "": der for der in ders}
    rules = ChainRules("yubikey-piv", ("issuer", "intermediate"), algorithms=BARE_SHA2_ALGORITHMS)
    issuers = [name for name in by_name if "PIV" in name or "YubiHSM" in name]
    assert {"Yubico PIV Attestation B 1", "Yubico PIV Attestation B2 1", "YubiHSM Attestation B2 1"} <= {
        *issuers
    }
    for name in issuers:
        issuer = parse_certificate(by_name[name])
        above = by_name[sole_common_name(issuer.issuer) or ""]
        assert walk(issuer, (above,), BUILTIN_ANCHORS, rules).anchor.name == "Yubico Attestation Root 1"
