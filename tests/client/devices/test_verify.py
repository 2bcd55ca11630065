# SPDX-License-Identifier: Apache-2.0
"""Verification of any format: it returns what was proven or raises our error, whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.devices.evidence import Evidence
from keystead.devices.verify import FORMATS, require_identity, require_key, verify_evidence
from keystead.encoding.der import BIT_STRING, SEQUENCE, encode, encode_oid
from keystead.errors import EvidenceError
from keystead.testvendor import TestVendor
from keystead.testvendor.keys import derive_key
from support.fuzzing import FUZZ, damaged, only_our_errors

VENDOR = TestVendor("test verify", "ec-p256")
ANCHORS = VENDOR.anchors()
KEY = derive_key(b"test verify", "attested")
GOOD = VENDOR.yubikey(20_000_001, firmware=(5, 7, 4)).attest(KEY.spki)
TRUTH = verify_evidence(GOOD, ANCHORS)


def test_an_unknown_format_is_refused_with_the_evidence() -> None:
    """The refusal names the check and carries what was refused."""
    evidence = Evidence("no-such-format", b"x")
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(evidence)
    assert caught.value.check == "unknown-format"
    assert caught.value.evidence == {"evidence": evidence.encode()}


def test_verification_depends_on_its_arguments_alone() -> None:
    """The same bytes under the same anchors give the same answer."""
    assert verify_evidence(GOOD, ANCHORS) == TRUTH


@FUZZ
@given(damaged(GOOD.data), st.lists(damaged(*GOOD.chain), max_size=4))
def test_damaged_certificates_prove_nothing_else(data: bytes, chain: list[bytes]) -> None:
    """No edit of attestation and chain gives another identity or key, or an error that is not ours."""
    parts = tuple(part for part in chain if part)
    if not data:
        return
    for evidence in (Evidence(GOOD.format, data, GOOD.chain), Evidence(GOOD.format, GOOD.data, parts)):
        attestation = only_our_errors(lambda piece: verify_evidence(piece, ANCHORS), evidence)
        if attestation is not None:
            assert attestation.identities == TRUTH.identities
            assert attestation.key == TRUTH.key


@FUZZ
@given(st.sampled_from(sorted(FORMATS)), st.binary(min_size=1, max_size=400), st.lists(st.binary(min_size=1)))
def test_arbitrary_bytes_are_refused(name: str, data: bytes, chain: list[bytes]) -> None:
    """Random bytes of any known format are refused as evidence."""
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence(name, data, tuple(chain)), ANCHORS)
    assert caught.value.check


def test_the_attested_key_must_be_the_claimed_one() -> None:
    """Another key's attestation, replayed for a certificate, is refused."""
    require_key(TRUTH, KEY.spki)
    with pytest.raises(EvidenceError) as caught:
        require_key(TRUTH, derive_key(b"test verify", "another").spki)
    assert caught.value.check == "key-mismatch"


def test_keys_are_compared_normalized() -> None:
    """A certificate that writes the same EC point compressed has the attested key."""
    point = KEY.spki[-65:]
    compressed = bytes((2 + (point[-1] & 1),)) + point[1:33]
    algorithm = encode(SEQUENCE, encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    spki = encode(SEQUENCE, algorithm, encode(BIT_STRING, b"\0", compressed))
    assert spki != KEY.spki
    require_key(TRUTH, spki)


def test_bytes_that_are_no_key_do_not_match() -> None:
    """A claim that cannot be read is no match and no crash."""
    for claim in (b"", b"\x30\x00", KEY.spki[:-1]):
        with pytest.raises(EvidenceError, match="not the key"):
            require_key(TRUTH, claim)


def test_the_named_device_must_be_the_proven_one() -> None:
    """Scheme and value both count, and class none names no device."""
    require_identity(TRUTH, "yubico-piv-serial", "20000001")
    for scheme, value in (("yubihsm-serial", "20000001"), ("yubico-piv-serial", "20000002")):
        with pytest.raises(EvidenceError, match="yubico-piv-serial:20000001") as caught:
            require_identity(TRUTH, scheme, value)
        assert caught.value.check == "identity-mismatch"
    nameless = VENDOR.yubikey(None).attest(KEY.spki)
    with pytest.raises(EvidenceError, match="names no device"):
        require_identity(verify_evidence(nameless, ANCHORS), "yubico-piv-serial", "20000001")
