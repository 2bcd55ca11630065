# SPDX-License-Identifier: Apache-2.0
"""The walk from a signed certificate to a pinned key: exactly the path, and nothing looser than the rule set."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from keystead.certificate.x509 import Certificate, parse_vendor_certificate
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.vendor_chain import ChainRules, SignedStatement, walk
from keystead.encoding.der import SEQUENCE, encode, encode_oid
from keystead.errors import EvidenceError, SignatureError
from keystead.testvendor.certificates import certificate, common_name, extension
from keystead.testvendor.keys import derive_key
from keystead.testvendor.refusals import stray_certificate

RULES = ChainRules(format="test", roles=("statement", "device", "maker"))

NAMES = ("Root", "Maker", "Device", "Statement")
KEYS = {name: derive_key(b"vendor chain", name) for name in NAMES}
ROOT = VendorAnchor("Root", KEYS["Root"].spki, frozenset({"test"}))
ANCHORS = AnchorSet([ROOT])


def issue(name: str, by: str, *extensions: bytes, **changes: object) -> bytes:
    """A certificate of one of our names by another."""
    fields: dict[str, object] = {
        "subject": common_name(name),
        "spki": KEYS[name].spki,
        "issuer": common_name(by),
        "key": KEYS[by],
        "not_before": 0,
        "not_after": 1,
        "extensions": extensions,
    }
    return certificate(**{**fields, **changes})  # type: ignore[arg-type]


MAKER = issue("Maker", "Root")
DEVICE = issue("Device", "Maker")
STATEMENT = issue("Statement", "Device")


def signed(der: bytes = STATEMENT) -> Certificate:
    """The lower end of the path."""
    return parse_vendor_certificate(der)


def refused(chain: tuple[bytes, ...], anchors: AnchorSet = ANCHORS, rules: ChainRules = RULES) -> str:
    """The check by which a chain above the statement is refused."""
    with pytest.raises(EvidenceError) as caught:
        walk(signed(), chain, anchors, rules)
    assert str(caught.value)
    return caught.value.check


def test_the_exact_path_is_accepted() -> None:
    """Certificates of version 1, expired long ago, in order and without the root: a vendor's chain."""
    path = walk(signed(), (DEVICE, MAKER), ANCHORS, RULES)
    assert path.anchor == ROOT
    assert [one.der for one in path.certificates] == [DEVICE, MAKER]


def test_every_step_is_shown_with_its_role_and_dates() -> None:
    """The elements of the path name roles, keys and dates, the anchor last."""
    elements = walk(signed(), (DEVICE, MAKER), ANCHORS, RULES).elements(RULES)
    assert [element.role for element in elements] == ["statement", "device", "maker", "anchor"]
    assert [element.name for element in elements] == ["CN=Statement", "CN=Device", "CN=Maker", "Root"]
    assert [element.key_hash for element in elements[:-1]] == [
        parse_vendor_certificate(der).key_hash for der in (STATEMENT, DEVICE, MAKER)
    ]
    assert elements[-1].key_hash == ROOT.key_hash
    assert elements[0].not_after == 1
    assert elements[-1].fingerprint is None


def test_the_last_role_repeats() -> None:
    """A path longer than the list of roles calls the rest by the last."""
    elements = walk(signed(), (DEVICE, MAKER), ANCHORS, RULES).elements(
        replace(RULES, roles=("statement", "above"))
    )
    assert [element.role for element in elements] == ["statement", "above", "above", "anchor"]


def test_an_empty_chain_will_do_where_the_pinned_key_signed() -> None:
    """The path may have no certificates at all."""
    statement = parse_vendor_certificate(issue("Statement", "Root"))
    assert walk(statement, (), ANCHORS, RULES).certificates == ()


STRAY = issue("Device", "Statement", serial=b"\x07")


@pytest.mark.parametrize(
    ("chain", "check"),
    [
        ((), "unknown-anchor"),
        ((DEVICE,), "unknown-anchor"),
        ((MAKER,), "missing-link"),
        ((MAKER, DEVICE), "chain-order"),
        ((DEVICE, MAKER, issue("Root", "Root")), "chain-includes-anchor"),
        ((DEVICE, MAKER, MAKER), "chain-repeats"),
        ((STATEMENT, DEVICE, MAKER), "chain-repeats"),
        ((DEVICE, MAKER, STRAY), "stray-certificate"),
        ((STRAY, DEVICE, MAKER), "stray-certificate"),
        ((DEVICE, STRAY, MAKER), "stray-certificate"),
        ((DEVICE, b"\x30\x00"), "malformed-chain"),
        ((DEVICE, MAKER + b"\0"), "malformed-chain"),
        ((issue("Device", "Statement", issuer=common_name("Maker")), MAKER), "wrong-signature"),
        ((issue("Device", "Maker", spki=KEYS["Maker"].spki), MAKER), "wrong-signature"),
        ((DEVICE, issue("Maker", "Device", issuer=common_name("Root"))), "wrong-signature"),
        (
            (DEVICE, issue("Maker", "Root", extension("1.2.3", b""), extension("1.2.3", b"a"))),
            "malformed-chain",
        ),
        (tuple(issue("Device", "Maker", serial=bytes((n,))) for n in range(1, 10)), "chain-too-long"),
    ],
)
def test_anything_but_the_path_is_refused(chain: tuple[bytes, ...], check: str) -> None:
    """Each deviation has its own check."""
    assert refused(chain) == check


def test_the_path_ends_at_the_first_pinned_key() -> None:
    """Where an intermediate is pinned, a chain that goes on beyond it is not the path."""
    anchors = ANCHORS.extended([VendorAnchor("Pinned maker", KEYS["Maker"].spki, frozenset({"test"}))])
    assert walk(signed(), (DEVICE,), anchors, RULES).anchor.name == "Pinned maker"
    assert refused((DEVICE, MAKER), anchors) == "chain-includes-anchor"


def test_an_anchor_of_another_format_does_not_attest() -> None:
    """The signature is right and the key is pinned, but not for this."""
    anchors = AnchorSet([replace(ROOT, formats=frozenset({"other"}))])
    assert refused((DEVICE, MAKER), anchors) == "anchor-format"


def test_names_must_chain_unless_the_vendor_does_not_chain_them() -> None:
    """A right signature under another issuer's name counts only where the rule set says so."""
    odd = issue("Device", "Maker", issuer=common_name("Somebody"))
    assert refused((odd, MAKER)) == "missing-link"
    walk(signed(), (odd, MAKER), ANCHORS, replace(RULES, names=False))


def test_an_algorithm_outside_the_rule_set_is_refused() -> None:
    """Even where the signature would verify."""
    assert refused((DEVICE, MAKER), rules=replace(RULES, algorithms=frozenset())) == "signature-algorithm"


def test_an_algorithm_is_written_in_one_way() -> None:
    """The algorithm outside is not signed: parameters that mean the same would be a second encoding."""
    padded = encode(SEQUENCE, encode_oid("1.2.840.10045.4.3.2"), b"\x05\x00")
    der = encode(SEQUENCE, signed(DEVICE).tbs, padded, encode(0x03, b"\0", signed(DEVICE).signature))
    assert refused((der, MAKER)) == "signature-algorithm"
    wide = replace(RULES, algorithms=RULES.algorithms | {padded})
    assert refused((der, MAKER), rules=wide) == "signature-algorithm"


@pytest.mark.parametrize("place", [0, 1])
def test_the_rule_set_judges_each_place(place: int) -> None:
    """The judge sees every certificate of the chain with its place, and its refusal stands."""

    def judge(at: int) -> Callable[[Certificate, int], None]:
        def refuse(one: Certificate, found: int) -> None:
            if found == at:
                raise EvidenceError(f"not {one.subject!r}", check="wrong-role")

        return refuse

    assert refused((DEVICE, MAKER), rules=replace(RULES, judge=judge(place))) == "wrong-role"
    walk(signed(), (DEVICE, MAKER), ANCHORS, replace(RULES, judge=judge(2)))


def test_a_hostile_name_is_safe_in_the_sentence() -> None:
    """Control characters and overlong names do not reach a terminal as they are."""
    evil = issue("Device", "Maker", subject=common_name("\x1b[31m" + "A" * 500))
    with pytest.raises(EvidenceError) as caught:
        walk(signed(evil), (), ANCHORS, RULES)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_statement_that_is_no_certificate_is_walked_the_same_way() -> None:
    """What the device signed may be bytes in a format of their own: same path, same checks, same words."""
    key, message = KEYS["Device"], b"a statement"
    statement = SignedStatement("the statement", message, key.algorithm, key.sign(message))
    path = walk(statement, (DEVICE, MAKER), ANCHORS, RULES)
    assert path.anchor == ROOT
    first, *rest = path.elements(RULES, b"attested")
    assert (first.role, first.name, first.key_hash, first.fingerprint) == (
        "statement",
        "the statement",
        b"attested",
        None,
    )
    assert [one.name for one in rest] == ["CN=Device", "CN=Maker", "Root"]
    for chain, check in (
        ((MAKER, DEVICE), "chain-order"),
        ((stray_certificate(), DEVICE, MAKER), "stray-certificate"),
        ((DEVICE, MAKER, MAKER), "chain-repeats"),
        ((), "unknown-anchor"),
        ((MAKER,), "wrong-signature"),
    ):
        with pytest.raises(EvidenceError) as caught:
            walk(statement, chain, ANCHORS, RULES)
        assert caught.value.check == check


def test_a_vendor_may_verify_signatures_in_its_own_way() -> None:
    """The rules' `verify` decides, for links and for the pinned key alike."""
    asked: list[bytes] = []

    def refuse(spki: bytes, algorithm: bytes, signature: bytes, message: bytes) -> None:
        asked.append(spki)
        raise SignatureError("never")

    with pytest.raises(EvidenceError) as caught:
        walk(signed(), (DEVICE, MAKER), ANCHORS, replace(RULES, verify=refuse))
    assert caught.value.check == "wrong-signature"
    assert KEYS["Device"].spki in asked
    with pytest.raises(EvidenceError):
        walk(signed(MAKER), (), ANCHORS, replace(RULES, verify=refuse))
    assert ROOT.key in asked
