# SPDX-License-Identifier: Apache-2.0
"""Evidence examined by the monitor: its own anchors first, the policy's after them."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.x509 import parse_vendor_certificate
from keystead.devices.anchors import BUILTIN_ANCHORS, AnchorSet
from keystead.devices.collect import collect
from keystead.devices.evidence import Evidence
from keystead.monitor.evidence import Outcome, examine, parse_identities, withheld
from keystead.testvendor.keys import derive_key
from support.history import VENDOR, yubikey

_KEY = derive_key(b"evidence", "key")
_EVIDENCE = VENDOR.yubikey(7).attest(_KEY.spki)
_NONE = AnchorSet(())


def test_evidence_under_own_anchors_verifies() -> None:
    """And says which anchors, which key and which devices."""
    found = examine(_EVIDENCE.encode(), VENDOR.anchors(), _NONE)

    assert found.outcome is Outcome.VERIFIED
    assert found.anchors == (VENDOR.anchor().key_hash,)
    assert [one.device_id for one in found.identities] == [yubikey(7)]
    assert found.anchors[0] in found.rests_on
    assert len(found.rests_on) > 1
    assert parse_identities(found.identities_text()) == list(found.identities)


def test_evidence_under_the_policys_anchors_verifies_and_says_so() -> None:
    """What that is worth is decided by whose anchor it is."""
    assert examine(_EVIDENCE.encode(), BUILTIN_ANCHORS, VENDOR.anchors()) == examine(
        _EVIDENCE.encode(), VENDOR.anchors(), _NONE
    )


def test_a_key_of_the_chain_that_the_user_pinned_makes_no_liar_of_the_log() -> None:
    """Chains end below a pinned key; what the policy bears with the whole chain is what the log could record."""
    inner = replace(VENDOR.anchor(), key=parse_vendor_certificate(_EVIDENCE.chain[0]).spki)

    found = examine(_EVIDENCE.encode(), AnchorSet([inner]), VENDOR.anchors())

    assert found.outcome is Outcome.VERIFIED
    assert found.anchors == (VENDOR.anchor().key_hash,)


def test_evidence_under_no_anchor_fails() -> None:
    """With the reason."""
    found = examine(_EVIDENCE.encode(), BUILTIN_ANCHORS, _NONE)

    assert found.outcome is Outcome.FAILED
    assert found.why
    assert found.identities == ()


def test_a_format_of_a_later_version_is_no_failure() -> None:
    """This program cannot tell."""
    found = examine(Evidence("later-format", b"data").encode(), VENDOR.anchors(), _NONE)

    assert (found.outcome, found.format) == (Outcome.UNKNOWN_FORMAT, "later-format")


@given(st.binary(max_size=100))
def test_any_bytes_give_an_outcome(data: bytes) -> None:
    """Nothing is raised."""
    assert examine(data, VENDOR.anchors(), _NONE).outcome is Outcome.FAILED


def test_withheld_evidence_has_no_identities() -> None:
    """Only the log's statement names devices then."""
    assert withheld("yubikey-piv").identities == ()


@pytest.mark.samples
def test_real_evidence_under_the_anchors_that_ship(samples: Path) -> None:
    """A published attestation, without a word from any policy."""
    folder = samples / "attestation/yubikey-piv/ipxe-28557046"
    names = ("attestation-9a.crt", "attestation-intermediate.crt")
    (piece,) = collect({name: (folder / name).read_bytes() for name in names}).pieces

    found = examine(piece.evidence.encode(), BUILTIN_ANCHORS, _NONE)

    assert found.outcome is Outcome.VERIFIED
    assert [one.value for one in found.identities] == ["28557046"]
