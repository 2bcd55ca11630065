# SPDX-License-Identifier: Apache-2.0
"""Chains: completed to an anchor, refused with a stable check, and verified on real certificates."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given

from keystead.certificate.chain import (
    CHECKS,
    MAX_ISSUERS,
    complete_chain,
    require_loadable,
    verify_issued,
    verify_issuers,
    verify_leaf,
)
from keystead.certificate.precertificate import PRECERT_SIGNING_EKU
from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import (
    ANY_EXTENDED_KEY_USAGE,
    Certificate,
    certificates_from_pem,
    parse_certificate,
    parse_vendor_certificate,
)
from keystead.encoding.der import encode, encode_oid
from keystead.errors import ChainError, SignatureError, VerificationError
from support.certificates import (
    BASIC_CONSTRAINTS,
    CA,
    CODE_SIGNING,
    POISON,
    Minted,
    RawExtension,
    ca_constraints,
    chain,
    ec_key,
    key_usage,
    mint,
    purposes,
    rewrapped,
    rsa_key,
    subject,
)
from support.fuzzing import FUZZ, damaged, only_our_errors

FINE = chain()
LEAF, INTERMEDIATE, ROOT = FINE.certificates
ANCHORS = FINE.anchors
EKU = purposes(CODE_SIGNING)


def anchors(*minted: Minted) -> dict[bytes, Certificate]:
    """Accepted anchors."""
    return {made.fingerprint: made.certificate for made in minted}


def refusal(submitted: Sequence[Certificate], accepted: dict[bytes, Certificate] = ANCHORS) -> str:
    """The check that refuses a chain."""
    with pytest.raises(VerificationError) as caught:
        complete_chain(submitted, accepted)
    if isinstance(caught.value, ChainError):
        assert caught.value.check in CHECKS
    return caught.value.check


def test_a_chain_is_complete_with_or_without_its_anchor() -> None:
    """The anchor is appended where the submitter left it out; the result is the same."""
    whole = (LEAF, INTERMEDIATE, ROOT)
    assert complete_chain(whole, ANCHORS) == whole
    assert complete_chain(whole[:2], ANCHORS) == whole
    assert complete_chain(complete_chain(whole[:2], ANCHORS), ANCHORS) == whole


def test_an_intermediate_can_be_the_anchor() -> None:
    """A chain may be the leaf alone; what was submitted above the anchor is left away."""
    accepted = anchors(FINE.intermediate)
    for submitted in ([LEAF], [LEAF, INTERMEDIATE], [LEAF, INTERMEDIATE, ROOT]):
        assert complete_chain(submitted, accepted) == (LEAF, INTERMEDIATE)
    both = anchors(FINE.intermediate, FINE.root)
    assert complete_chain([LEAF, INTERMEDIATE, ROOT], both) == (LEAF, INTERMEDIATE, ROOT)
    assert complete_chain([LEAF, INTERMEDIATE], both) == (LEAF, INTERMEDIATE)


def test_among_anchors_of_one_name_the_one_that_signed_is_appended() -> None:
    """Names are no proof: of two anchors that are called alike the signature finds the issuer."""
    namesake = mint(subject(C="SE", O="Root"), ec_key(200), None, [CA])
    for accepted in (anchors(namesake, FINE.root), anchors(FINE.root, namesake)):
        assert complete_chain([LEAF, INTERMEDIATE], accepted)[-1] == ROOT
    assert refusal([LEAF, INTERMEDIATE], anchors(namesake)) == "unknown-anchor"


def test_of_two_certificates_of_one_root_the_choice_does_not_depend_on_order() -> None:
    """A root that was issued anew with the same key has two certificates; the least fingerprint is appended."""
    again = mint(subject(C="SE", O="Root"), ec_key(101), None, [CA], serial=2)
    chosen = min(again.fingerprint, FINE.root.fingerprint)
    for accepted in (anchors(again, FINE.root), anchors(FINE.root, again)):
        assert complete_chain([LEAF, INTERMEDIATE], accepted)[-1].fingerprint == chosen


def test_issuers_are_verified_once_and_leaves_each() -> None:
    """The two halves give what the whole gives."""
    issuers = verify_issuers(LEAF, [INTERMEDIATE], ANCHORS)
    assert issuers == (INTERMEDIATE, ROOT)
    verify_leaf(LEAF, issuers[0])
    other = mint(subject(O="Other"), ec_key(55), FINE.intermediate, [EKU]).certificate
    verify_leaf(other, issuers[0])


def test_an_expired_chain_is_admitted() -> None:
    """Dates are no reason to refuse: there is no clock here."""
    ended = mint(
        subject(O="Old"),
        ec_key(56),
        FINE.intermediate,
        [EKU],
        not_before=FINE.leaf.library.not_valid_before_utc.replace(year=1990),
        not_after=FINE.leaf.library.not_valid_after_utc.replace(year=1991),
    )
    assert complete_chain([ended.certificate, INTERMEDIATE], ANCHORS)[0] == ended.certificate


BAD_CHAINS: dict[str, tuple[Sequence[RawExtension] | None, Sequence[RawExtension] | None, str]] = {
    "no key purpose": ([], None, "code-signing-missing"),
    "another key purpose": ([purposes("1.3.6.1.5.5.7.3.1")], None, "code-signing-missing"),
    "any key purpose": ([purposes(ANY_EXTENDED_KEY_USAGE)], None, "code-signing-missing"),
    "malformed key purposes": ([("2.5.29.37", False, b"\x30\x00")], None, "extension-malformed"),
    "an issuer without constraints": (None, [key_usage(sign_certificates=True)], "issuer-not-ca"),
    "an issuer that is no CA": (None, [(BASIC_CONSTRAINTS, True, b"\x30\x00")], "issuer-not-ca"),
    "an issuer that may not sign": (None, [CA, key_usage(sign_certificates=False)], "issuer-key-usage"),
    "an issuer with malformed usage": (None, [CA, ("2.5.29.15", True, b"\x03\x00")], "extension-malformed"),
    "an issuer with malformed constraints": (None, [(BASIC_CONSTRAINTS, True, b"")], "extension-malformed"),
    "a precertificate signing certificate": (
        None,
        [CA, purposes(PRECERT_SIGNING_EKU)],
        "precertificate-signing-certificate",
    ),
    "an issuer that is a precertificate": (None, [CA, POISON], "poison-in-issuer"),
}


@pytest.mark.parametrize("case", BAD_CHAINS)
def test_each_rule_refuses_with_its_check(case: str) -> None:
    """One extension wrong, one check."""
    leaf, intermediate, check = BAD_CHAINS[case]
    made = chain(
        leaf_extensions=[EKU] if leaf is None else leaf,
        intermediate_extensions=[CA] if intermediate is None else intermediate,
    )
    assert refusal(made.certificates, made.anchors) == check
    assert refusal(made.certificates[:2], made.anchors) == check


def test_an_issuer_without_key_usage_may_sign() -> None:
    """keyUsage restricts only where it is present."""
    made = chain(intermediate_extensions=[CA])
    assert len(complete_chain(made.certificates, made.anchors)) == 3


def test_path_lengths_are_respected_and_self_issued_issuers_do_not_count() -> None:
    """RFC 5280 section 4.2.1.9, below intermediates and below the anchor."""
    root = mint(subject(O="R"), ec_key(1), None, [ca_constraints(0)])
    middle = mint(subject(O="M"), ec_key(2), root, [CA])
    leaf = mint(subject(O="L"), ec_key(3), middle, [EKU])
    assert refusal([leaf.certificate, middle.certificate], anchors(root)) == "path-length"
    rollover = mint(subject(O="R"), ec_key(4), root, [CA])  # the root's next key, under the root's own name
    leaf = mint(subject(O="L"), ec_key(3), rollover, [EKU])
    assert len(complete_chain([leaf.certificate, rollover.certificate], anchors(root))) == 3
    roomy = mint(subject(O="R"), ec_key(1), None, [ca_constraints(1)])
    middle = mint(subject(O="M"), ec_key(2), roomy, [ca_constraints(0)])
    leaf = mint(subject(O="L"), ec_key(3), middle, [EKU])
    assert len(complete_chain([leaf.certificate, middle.certificate], anchors(roomy))) == 3


def test_version_1_is_tolerated_for_an_anchor_only() -> None:
    """An old root has no extensions; an intermediate or leaf like that is refused."""

    def to_version_1(der: bytes) -> Certificate:
        return parse_vendor_certificate(rewrapped(der, lambda fields: fields.__delitem__(slice(0, 6, 7))))

    bare = mint(subject(C="SE", O="Root"), ec_key(101)).der
    old_root = to_version_1(bare)
    assert old_root.version == 1
    assert complete_chain([LEAF, INTERMEDIATE], {old_root.fingerprint: old_root})[-1] == old_root
    old_intermediate = to_version_1(mint(subject(C="SE", O="Issuing"), ec_key(102), FINE.root).der)
    assert refusal([LEAF, old_intermediate, ROOT]) == "issuer-not-ca"
    unconstrained = mint(subject(C="SE", O="Root"), ec_key(101), None, [key_usage(sign_certificates=True)])
    assert refusal([LEAF, INTERMEDIATE], anchors(unconstrained)) == "issuer-not-ca"


def test_chains_in_another_order_or_from_elsewhere_are_refused() -> None:
    """Names must match link by link, and the end must be known."""
    stranger = mint(subject(O="Stranger"), ec_key(60), None, [CA])
    assert refusal([LEAF, ROOT]) == "issuer-name"
    assert refusal([LEAF, stranger.certificate, INTERMEDIATE, ROOT]) == "issuer-name"
    assert refusal([LEAF, ROOT, INTERMEDIATE]) == "issuer-name"
    assert refusal([LEAF, INTERMEDIATE], {}) == "unknown-anchor"
    assert refusal([LEAF, INTERMEDIATE, ROOT], anchors(stranger)) == "unknown-anchor"
    assert refusal([LEAF], ANCHORS) == "unknown-anchor"
    assert refusal([]) == "chain-empty"
    assert refusal([LEAF, *[INTERMEDIATE] * (MAX_ISSUERS + 1)]) == "chain-too-long"


def test_signatures_are_verified_on_every_link() -> None:
    """A certificate that names the right issuer and is signed by another key."""
    impostor = Minted(FINE.intermediate.der, ec_key(61))
    forged_leaf = mint(subject(O="Forged"), ec_key(62), impostor, [EKU])
    assert refusal([forged_leaf.certificate, INTERMEDIATE]) == "signature-invalid"
    false_root = Minted(FINE.root.der, ec_key(63))
    forged_intermediate = mint(subject(C="SE", O="Issuing"), ec_key(102), false_root, [CA])
    assert refusal([LEAF, forged_intermediate.certificate, ROOT]) == "signature-invalid"
    assert refusal([LEAF, forged_intermediate.certificate]) == "unknown-anchor"
    with pytest.raises(SignatureError) as caught:
        verify_issued(forged_leaf.certificate, INTERMEDIATE)
    assert caught.value.evidence == {"certificate": forged_leaf.der, "issuer": FINE.intermediate.der}


def test_md5_is_refused_and_sha1_is_not() -> None:
    """A log records history, but what anybody can forge is no record."""

    def signed_with(oid: str) -> Certificate:
        algorithm = encode(0x30, encode_oid(oid), b"\x05\x00")
        root = mint(subject(O="R"), rsa_key(), None, [CA])
        der = mint(subject(O="L"), ec_key(3), root, [EKU]).der
        der = rewrapped(der, lambda fields: fields.__setitem__(2, algorithm))
        tbs = parse_vendor_certificate(der).tbs
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        digest = hashes.SHA1() if oid.endswith(".5") else hashes.MD5()
        signature = encode(0x03, b"\x00" + rsa_key().sign(tbs, padding.PKCS1v15(), digest))
        return parse_certificate(encode(0x30, tbs, algorithm, signature))

    root = mint(subject(O="R"), rsa_key(), None, [CA])
    assert len(complete_chain([signed_with("1.2.840.113549.1.1.5")], anchors(root))) == 2
    assert (
        refusal([signed_with("1.2.840.113549.1.1.4"), root.certificate], anchors(root))
        == "signature-algorithm"
    )


def test_what_the_library_cannot_load_is_refused() -> None:
    """Our walk reads names and keys over; the certificate library reads them."""
    for index, field in ((5, encode(0x30, b"\x05\x00")), (6, b"\x30\x00")):
        broken = parse_certificate(
            rewrapped(FINE.leaf.der, lambda fields, i=index, f=field: fields.__setitem__(i, f))
        )
        with pytest.raises(ChainError) as caught:
            require_loadable(broken)
        assert caught.value.check == "certificate-unloadable"
        assert refusal([broken, INTERMEDIATE, ROOT]) == "certificate-unloadable"
        assert refusal([LEAF, broken, ROOT]) == "certificate-unloadable"


def test_serial_number_zero_is_loaded_without_a_warning() -> None:
    """Old roots have it; warnings are errors in these tests."""
    der = rewrapped(FINE.root.der, lambda fields: fields.__setitem__(1, b"\x02\x01\x00"))
    require_loadable(parse_certificate(der))


def test_hostile_subjects_are_shown_harmless() -> None:
    """What a refusal says can be printed anywhere."""
    evil = mint(subject(O="\x1b[2J\u202e"), ec_key(64), None, [CA])
    with pytest.raises(ChainError) as caught:
        verify_issued(LEAF, evil.certificate)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("curve", [ec.SECP384R1, ec.SECP521R1])
def test_other_curves_sign_chains(curve: type[ec.EllipticCurve]) -> None:
    """The curves of code-signing CAs."""
    root = mint(subject(O="R"), ec_key(9, curve), None, [CA])
    leaf = mint(subject(O="L"), ec_key(3), root, [EKU])
    assert len(complete_chain([leaf.certificate], anchors(root))) == 2


@given(der=damaged(FINE.leaf.der, FINE.intermediate.der))
@FUZZ
def test_damaged_chains_raise_only_our_errors(der: bytes) -> None:
    """A damaged certificate in any place of a chain never verifies, and raises only our errors."""
    certificate = only_our_errors(parse_certificate, der)
    if certificate is None or certificate in {LEAF, INTERMEDIATE}:
        return
    for submitted in ([certificate, INTERMEDIATE, ROOT], [LEAF, certificate, ROOT], [LEAF, certificate]):
        assert only_our_errors(lambda given: complete_chain(given, ANCHORS), submitted) is None


def published_chains(samples: Path) -> list[tuple[str, list[Certificate]]]:
    """The code-signing certificates whose chains are published, leaf first."""
    folder = samples / "certificates"
    chains = []
    for listed in json.loads((folder / "index.json").read_bytes()):
        path = folder / listed["file"]
        above = path.with_name(path.name.replace(".pem", ".chain.pem"))
        if above.exists():
            ders = certificates_from_pem(path.read_bytes()) + certificates_from_pem(above.read_bytes())
            chains.append((listed["file"], [parse_certificate(der) for der in ders]))
    ipxe = samples / "attestation/yubikey-piv/ipxe-28557046"
    ders = [
        der
        for name in ("evcs.crt", "evcs.chain.pem")
        for der in certificates_from_pem((ipxe / name).read_bytes())
    ]
    chains.append(("FEN SYSTEMS LTD.", [parse_certificate(der) for der in ders]))
    return chains


@pytest.mark.samples
def test_published_chains_verify(samples: Path) -> None:
    """Every published code-signing chain, expired ones too, leads to its last certificate as the anchor."""
    found = published_chains(samples)
    assert len(found) >= 16
    for _, submitted in found:
        accepted = {submitted[-1].fingerprint: submitted[-1]}
        assert complete_chain(submitted, accepted) == tuple(submitted)
        assert complete_chain(submitted[:-1], accepted) == tuple(submitted)
        for child, issuer in pairwise(submitted):
            verify_signature(issuer.spki, child.signature_algorithm, child.signature, child.tbs)


@pytest.mark.samples
def test_published_chains_of_others_do_not_verify(samples: Path) -> None:
    """Each leaf under the issuers of the next one is refused, unless they are the same."""
    found = published_chains(samples)
    for (_, one), (_, other) in pairwise(found):
        accepted = {other[-1].fingerprint: other[-1]}
        if one[1] != other[1]:
            with pytest.raises(VerificationError):
                complete_chain([one[0], *other[1:]], accepted)
