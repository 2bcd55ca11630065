# SPDX-License-Identifier: Apache-2.0
"""Warrants, and the encoding that they are in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.nshield.warrant import ROOT_NAME, Symbol, decode_ddds, verify_warrant
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor.nshield import TestNShieldMaker
from keystead.testvendor.nshield_messages import ddds
from support.fuzzing import FUZZ, damaged, only_our_errors

MAKER = TestNShieldMaker(b"test warrant")
ANCHORS = AnchorSet(MAKER.anchors())
DEVICE = MAKER.make("1234-5678-9ABC", upgraded=True)
WARRANT = ddds([Symbol(ROOT_NAME), *DEVICE.warrant_certificates()])

SYMBOLS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(Symbol)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(0, 2**600),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=15),
        SYMBOLS,
        st.binary(max_size=400),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(SYMBOLS.map(lambda one: one.name), inner, max_size=4),
    ),
    max_leaves=8,
)


@FUZZ
@given(VALUES)
def test_ddds_is_read_as_it_is_written(value: Any) -> None:
    """Every kind of value that warrants have comes back."""
    decoded = only_our_errors(lambda data: decode_ddds(data, "it"), ddds(value))
    assert decoded is None or decoded == value


@FUZZ
@given(damaged(WARRANT))
def test_damaged_warrants_raise_our_errors_only(data: bytes) -> None:
    """A warrant that verifies is about the same module."""
    warrant = only_our_errors(lambda one: verify_warrant(one, ANCHORS), data)
    assert warrant is None or warrant.esn == "1234-5678-9ABC"


def test_a_warrant_leads_from_the_root_to_the_module() -> None:
    """The delegate stands between; serial numbers and approvals are those that the vendor certified."""
    warrant = verify_warrant(WARRANT, ANCHORS)
    assert warrant.anchor == MAKER.anchor()
    assert [key.spki for key in warrant.delegates] == [MAKER.key("delegate").spki]
    assert warrant.module_key.spki == DEVICE.klf2.spki
    assert warrant.esn == "1234-5678-9ABC"
    assert warrant.approvals == ("FIPS 140-2 level 3",)
    assert warrant.upgraded
    assert warrant.physical_serial is not None


def test_the_root_may_name_a_module_itself() -> None:
    """Without a delegate the warrant has one certificate."""
    certificate = MAKER.certificate(MAKER.key("root"), DEVICE.module_information())
    warrant = verify_warrant(ddds([Symbol(ROOT_NAME), certificate]), ANCHORS)
    assert warrant.delegates == ()


def test_approvals_may_be_missing_or_of_other_kinds() -> None:
    """What is not stated is not claimed, and what is no FIPS 140 approval is not called one."""
    for approvals, words in (
        ([], ()),
        ([[Symbol("CommonCriteria"), 4, 1]], ()),
        ([[Symbol("FIPS140"), 3, 3]], ("FIPS 140-3 level 3",)),
    ):
        information = DEVICE.module_information() | {"Approvals": approvals}
        certificate = MAKER.certificate(MAKER.key("root"), information)
        assert verify_warrant(ddds([Symbol(ROOT_NAME), certificate]), ANCHORS).approvals == words
    information = DEVICE.module_information()
    del information["Approvals"], information["PhysicalSerialNumber"]
    warrant = verify_warrant(
        ddds([Symbol(ROOT_NAME), MAKER.certificate(MAKER.key("root"), information)]), ANCHORS
    )
    assert (warrant.approvals, warrant.physical_serial) == ((), None)


def test_a_key_pinned_for_another_format_is_named() -> None:
    """The same key, pinned for another vendor's devices, proves nothing here."""
    other = AnchorSet(VendorAnchor(one.name, one.key, frozenset({"yubihsm"})) for one in ANCHORS)
    with pytest.raises(EvidenceError, match="may not attest nshield") as caught:
        verify_warrant(WARRANT, other)
    assert caught.value.check == "anchor-format"


def test_too_many_delegations_are_refused_unread() -> None:
    """The list is bounded before any signature is looked at."""
    certificates = [MAKER.delegation(MAKER.key("root"))] * 9
    with pytest.raises(ParseError, match="list"):
        verify_warrant(ddds([Symbol(ROOT_NAME), *certificates]), ANCHORS)
