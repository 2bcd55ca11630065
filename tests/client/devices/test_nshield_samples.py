# SPDX-License-Identifier: Apache-2.0
"""A published nShield bundle: it gives the values that are known of it, and no damaged one gives others."""

import json
from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN, AnchorSet
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.verify import require_identity, verify_evidence
from keystead.errors import EvidenceError
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def bundle(samples: Path) -> bytes:
    """The file, as its publisher has it."""
    return (samples / "attestation" / "entrust-nshield" / "key_simple_test1.att").read_bytes()


def test_the_sample_gives_its_known_values(samples: Path) -> None:
    """Module, world, approval and recovery of the published bundle, under the key that Entrust publishes."""
    (piece,) = collect({"key_simple_test1.att": bundle(samples)}).pieces
    attestation = identify(piece)
    assert [(one.scheme, one.value, one.class_.value) for one in attestation.identities] == [
        ("nshield-esn", "8938-1075-88BB", "appliance"),
        ("nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8", "domain"),
    ]
    require_identity(attestation, "nshield-world", "8780fd7238ee86ee3b124486d222b597aaa7a2a8")
    assert attestation.certification == "FIPS 140-2 level 3"
    assert attestation.properties["recoverable"] is True
    assert attestation.properties["protection"] == "module"
    assert attestation.properties["warrant"] == "field upgrade"
    assert "sign" in attestation.properties["permissions"]  # type: ignore[operator]
    assert len(attestation.key) == 294  # RSA of 2,048 bits
    (anchor,) = [one for one in BUILTIN if one.key_hash in attestation.anchors]
    assert anchor.formats == {"nshield"}


def test_without_its_root_the_sample_is_refused(samples: Path) -> None:
    """No other pinned key vouches for it."""
    rest = AnchorSet(one for one in BUILTIN if "nshield" not in one.formats)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("nshield", bundle(samples)), rest)
    assert caught.value.check == "unknown-anchor"


def test_no_flipped_bit_gives_another_device_or_key(samples: Path) -> None:
    """Thousands of positions: refused with our errors, or the very same identities and key."""
    evidence = Evidence("nshield", bundle(samples))
    accepted = flip_bits(evidence, 2500, 20260101)
    assert all(evidence.encode()[place] in b" \n" for place in accepted)


def test_parts_of_two_bundles_do_not_mix(samples: Path) -> None:
    """Each signed part, cut short in its last byte, breaks the bundle."""
    document = json.loads(bundle(samples))
    for name, value in document.items():
        if name in {"root", "ciphersuite"}:
            continue
        changed = document | {name: value[:-4]}
        with pytest.raises(EvidenceError):
            verify_evidence(Evidence("nshield", json.dumps(changed).encode()))
