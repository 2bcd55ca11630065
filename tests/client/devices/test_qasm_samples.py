# SPDX-License-Identifier: Apache-2.0
"""A published QASM message: it gives the values that are known of it, and no damaged one gives others."""

from pathlib import Path

import pytest

from keystead.devices.anchors import BUILTIN, AnchorSet
from keystead.devices.collect import collect, identify
from keystead.devices.evidence import Evidence
from keystead.devices.qasm_message import parse_message
from keystead.devices.verify import require_identity, verify_evidence
from keystead.errors import EvidenceError
from support.mutation import flip_bits

pytestmark = pytest.mark.samples


def folder(samples: Path) -> Path:
    """Where the message lies."""
    return samples / "attestation" / "crypto4a-qasm" / "pkic-QSM000129"


def test_the_sample_gives_its_known_values(samples: Path) -> None:
    """Serial number and firmware; no FIPS claim, so FIPS is unknown. Both signatures verify."""
    files = {path.name: path.read_bytes() for path in folder(samples).iterdir()}
    assert set(files) == {"attestation.der", "attestation.pem"}
    (piece,) = collect(files).pieces
    assert piece.evidence == Evidence("qasm", files["attestation.der"])
    attestation = identify(piece)
    require_identity(attestation, "crypto4a-serial", "QSM000129")
    assert attestation.firmware == "4.0.2.493"
    assert attestation.certification is None
    assert attestation.properties["certified_production"] is True
    assert attestation.properties["attestation_keys_unique"] is True
    assert len(attestation.anchors) == 2


def test_without_its_root_the_sample_is_refused(samples: Path) -> None:
    """No other pinned key vouches for it, though its root's certificate is attached."""
    evidence = Evidence("qasm", (folder(samples) / "attestation.der").read_bytes())
    rest = AnchorSet(one for one in BUILTIN if "qasm" not in one.formats)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence, rest)
    assert caught.value.check in {"unknown-anchor", "missing-link", "wrong-signature"}


def test_no_flipped_bit_gives_another_device_or_key(samples: Path) -> None:
    """Positions all over the message: refused, but for the names of the signers' keys."""
    evidence = Evidence("qasm", (folder(samples) / "attestation.der").read_bytes())
    encoded = evidence.encode()
    harmless: set[int] = set()
    for block in parse_message(evidence.data).blocks:
        start = encoded.index(block.certificate)
        harmless |= set(range(start - 30, start))
    assert set(flip_bits(evidence, 500, 20260103)) <= harmless
