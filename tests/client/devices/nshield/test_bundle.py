# SPDX-License-Identifier: Apache-2.0
"""The JSON bundle: which members it has, and how they are written."""

import json

import pytest
from hypothesis import given

from keystead.devices.nshield.bundle import looks_like_bundle, parse_bundle
from keystead.errors import ParseError
from keystead.testvendor.nshield import TestNShieldMaker
from support.fuzzing import FUZZ, damaged, only_our_errors

MAKER = TestNShieldMaker(b"test bundle")
KEY = MAKER.make("1234-5678-9ABC").generate(kind="ec-p256").spki
PLAIN = MAKER.make("1234-5678-9ABC").attest(KEY).data
FIPS = MAKER.make("1234-5678-9ABC", fips=True).attest(KEY).data


def test_a_bundle_is_read_in_any_order_and_spacing() -> None:
    """Members have no order; what counts is what they hold."""
    document = json.loads(PLAIN)
    turned = json.dumps(dict(reversed(document.items())), separators=(",", ":")).encode()
    assert parse_bundle(turned) == parse_bundle(PLAIN)
    assert not parse_bundle(PLAIN).fips_world
    assert parse_bundle(FIPS).fips_world


@pytest.mark.parametrize("member", ["hkre", "hkra", "CertKREaKRAbKNSO"])
def test_recovery_is_whole_or_missing(member: str) -> None:
    """The three members of recovery belong together."""
    document = json.loads(PLAIN)
    del document[member]
    with pytest.raises(ParseError):
        parse_bundle(json.dumps(document).encode())
    for other in ("hkre", "hkra", "CertKREaKRAbKNSO"):
        document.pop(other, None)
    assert "hkre" not in parse_bundle(json.dumps(document).encode()).parts


def test_bundles_are_recognized_by_their_members() -> None:
    """No other JSON is taken for a bundle, and a bundle that is not whole still is one."""
    assert looks_like_bundle(PLAIN)
    assert looks_like_bundle(b'{"warrant": 1, "kcmsg": 2, "modstatemsg": 3}')
    for other in (b"{}", b"[]", b"{", b'{"warrant": "x"}', b"\xff", b"1"):
        assert not looks_like_bundle(other)


@FUZZ
@given(damaged(PLAIN, FIPS))
def test_damaged_bundles_raise_our_errors_only(data: bytes) -> None:
    """Whatever the text, a bundle or an error of ours."""
    only_our_errors(parse_bundle, data)
