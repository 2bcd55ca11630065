# SPDX-License-Identifier: Apache-2.0
"""A log's policy, read and written."""

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given

from keystead.devices.anchors import BUILTIN, VendorAnchor
from keystead.errors import ParseError
from keystead.statements.audit_scheme import QUALIFYING_BY_DEFAULT, AuditScheme
from keystead.statements.policy import (
    MAX_POLICY_BYTES,
    PARTY_KINDS,
    Backfill,
    Limits,
    Party,
    Policy,
    parse_policy,
)
from keystead.statements.statement_key import keyid_of, spki_of
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.statements import AUDITOR, CA, ISSUER, NOW, OTHER_CA, OTHER_ISSUER, digest, policy

FULL = policy(
    roots=(digest("root b"), digest("root a")),
    vendor_anchors=(
        VendorAnchor("Vendor", b"key", frozenset({"yubikey-piv", "yubihsm"}), cloud=True),
        *BUILTIN,
    ),
    backfill=Backfill.ANY,
    limits=Limits(pool=5, per_issuer=1, per_issuer_fresh=2, per_party=3, max_chain_bytes=4),
    qualifying_schemes=(AuditScheme.ETSI_EN_319_411_1,),
    distrusted={digest("bad"): NOW, digest("worse"): NOW + 1},
)


def test_policy_is_read_as_it_was_written() -> None:
    """With everything, and with nothing; the digest is of the bytes."""
    for made in (FULL, Policy()):
        read = parse_policy(made.encode())
        assert read.encode() == made.encode()
        assert read.digest == made.digest == sha256(made.encode()).digest()
        assert (read.parties, read.limits, read.distrusted) == (made.parties, made.limits, made.distrusted)


def test_encoding_of_the_default_policy() -> None:
    """What an operator gets who configures nothing: these bytes."""
    assert Policy().encode() == (
        b'{"roots":[],"vendor_anchors":[],"parties":[],"backfill":"evidence",'
        b'"limits":{"pool":10000,"per_issuer":0,"per_issuer_fresh":0,"per_party":0,'
        b'"max_chain_bytes":65536},'
        b'"qualifying_schemes":["webtrust-csbr-netsec","etsi-en-319-411-1"],"distrusted":[]}'
    )
    assert Policy().qualifying_schemes == QUALIFYING_BY_DEFAULT


def test_policy_has_one_encoding() -> None:
    """Another order, another spelling or white space is another digest, and refused."""
    value = json.loads(FULL.encode())
    backwards = dict(reversed(value.items()))
    unsorted = json.loads(FULL.encode())
    unsorted["parties"][0]["kinds"].reverse()
    for other in (
        json.dumps(value).encode(),
        json.dumps(backwards, separators=(",", ":")).encode(),
        json.dumps(unsorted, separators=(",", ":")).encode(),
        FULL.encode().replace(b"Auditor", b"\\u0041uditor"),
        FULL.encode() + b"\n",
    ):
        with pytest.raises(ParseError, match="canonical"):
            parse_policy(other)


def test_parties_are_found_by_key_kind_and_issuer() -> None:
    """A party is recognized for its kinds, and speaks for its issuing keys."""
    made = policy()
    auditor, ca, other = made.parties
    assert made.party_with_key(keyid_of(spki_of(AUDITOR))) == auditor
    assert made.party(auditor.keyid, "service-audit") == auditor
    assert made.party(auditor.keyid, "device-binding") is None
    assert made.party("00" * 32, "service-audit") is None
    assert made.party_of_issuer(ISSUER) == ca
    assert made.party_of_issuer(OTHER_ISSUER) == other
    assert made.party_of_issuer(digest("x")) is None


def test_anchors_carry_their_formats_and_clouds() -> None:
    """What evidence is verified with comes out of the policy's JSON."""
    anchors = parse_policy(FULL.encode()).anchors
    anchor = anchors.by_key_hash(sha256(b"key").digest())
    assert anchor is not None
    assert anchor.cloud
    assert anchor.formats == {"yubikey-piv", "yubihsm"}
    assert anchor in anchors.attesting("yubihsm")
    assert len(anchors) == 1 + len(BUILTIN)


def test_distrusted_keys() -> None:
    """From a date on, by the SHA-256 of the key."""
    assert FULL.distrusts(digest("bad"))
    assert FULL.distrusted_from_ms(digest("bad")) == NOW * 1000
    assert not FULL.distrusts(digest("good"))
    assert FULL.distrusted_from_ms(digest("good")) is None


def party(name: str = "A", key: Any = AUDITOR, **changed: Any) -> Party:
    return Party(**({"name": name, "kinds": PARTY_KINDS, "key": spki_of(key)} | changed))


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "root": {"roots": (digest("r"), digest("r"))},
    "vendor anchor's key": {
        "vendor_anchors": (VendorAnchor("a", b"k", frozenset("f")), VendorAnchor("b", b"k", frozenset("g")))
    },
    "party's name": {"parties": (party(), party(key=CA))},
    "party's key": {"parties": (party(), party("B"))},
    "issuing key of a party": {
        "parties": (party(issuers=frozenset({ISSUER})), party("B", CA, issuers=frozenset({ISSUER})))
    },
    "qualifying scheme": {"qualifying_schemes": (AuditScheme.SOC2, AuditScheme.SOC2)},
}


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_what_is_unique_is_named_once(what: str) -> None:
    """However the policy is made."""
    with pytest.raises(ParseError, match=f"names one {what} twice"):
        Policy(**CONTRADICTIONS[what])


@pytest.mark.parametrize(
    "members",
    [
        {"qualifying_schemes": (AuditScheme.OTHER,)},
        {"vendor_anchors": (VendorAnchor("a", b"", frozenset("f")),)},
        {"vendor_anchors": (VendorAnchor("a", b"k", frozenset()),)},
        {"vendor_anchors": (VendorAnchor("", b"k", frozenset("f")),)},
        {"parties": (party(kinds=frozenset()),)},
        {"parties": (party(kinds=frozenset({"service-devices"})),)},
        {"parties": (party(kinds=frozenset({"log-policy"})),)},
        {"parties": (party(kinds=frozenset({"device-evidence"})),)},
        {"parties": (party(key=OTHER_CA, name="A\x07"),)},
        {"limits": Limits(pool=0)},
        {"limits": Limits(max_chain_bytes=0)},
    ],
)
def test_policies_that_make_no_sense_are_refused(members: dict[str, Any]) -> None:
    """No party speaks for the log or for operators; nothing that bounds is zero; nothing is nameless."""
    with pytest.raises(ParseError):
        Policy(**members)


def test_party_key_must_be_able_to_sign() -> None:
    """A key of another algorithm is found when the policy is made, not when the party speaks."""
    with pytest.raises(ParseError, match="key of A"):
        Policy(parties=(Party("A", PARTY_KINDS, b"no key"),))


def test_distrusted_key_is_listed_once() -> None:
    """Two dates for one key would be two policies."""
    data = FULL.encode().replace(digest("worse").hex().encode(), digest("bad").hex().encode())
    with pytest.raises(ParseError, match="distrusted key twice"):
        parse_policy(data)


def test_length_is_bounded() -> None:
    """Read or made."""
    with pytest.raises(ParseError, match="longer"):
        parse_policy(b" " * (MAX_POLICY_BYTES + 1))
    with pytest.raises(ParseError, match="longer"):
        Policy(roots=tuple(digest(str(number)) for number in range(MAX_POLICY_BYTES // 66)))


@FUZZ
@given(damaged(FULL.encode()))
def test_damaged_policies_raise_only_our_errors(data: bytes) -> None:
    """And what is read has these very bytes as its encoding."""
    read = only_our_errors(parse_policy, data)
    if read is not None:
        assert read.encode() == data
