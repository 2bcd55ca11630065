# SPDX-License-Identifier: Apache-2.0
"""What a log keeps of a certificate, against a real log's entries and `cryptography`'s own editor."""

import gzip
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509 as library
from hypothesis import given

from keystead.certificate.precertificate import (
    POISON_OID,
    SCT_LIST_OID,
    certificate_id,
    embedded_scts,
    is_precertificate,
    log_tbs,
    require_final_certificate,
    require_precertificate,
)
from keystead.certificate.x509 import parse_certificate, parse_tbs_certificate, parse_vendor_certificate
from keystead.ct.sct import sct_list_extension_value
from keystead.ct.tile_leaf import decode_data_tile
from keystead.encoding.der import encode
from keystead.errors import ChainError, ParseError
from support.certificates import (
    CODE_SIGNING,
    POISON,
    Minted,
    RawExtension,
    chain,
    ec_key,
    mint,
    purposes,
    rewrapped,
    subject,
)
from support.fuzzing import FUZZ, damaged, only_our_errors

ISSUER = chain().intermediate
SCTS: RawExtension = (SCT_LIST_OID, False, sct_list_extension_value([b"first", b"second"]))
OTHERS = (purposes(CODE_SIGNING), ("1.2.3.4", False, bytes(200)))


def issued(*extensions: RawExtension) -> Minted:
    """A certificate or precertificate of one subscriber."""
    return mint(subject(O="Exempel AB"), ec_key(11), ISSUER, extensions)


@pytest.mark.samples
def test_the_entries_of_a_real_log_are_made_from_their_precertificates(samples: Path) -> None:
    """All 256 logged TBSCertificates come out of the precertificates beside them, byte for byte."""
    tile = gzip.decompress((samples / "vectors/static-ct-navigli/tile/data/000").read_bytes())
    leaves = decode_data_tile(tile, 256)
    issuing_keys: dict[bytes, bytes] = {}
    for leaf in leaves:
        precertificate = parse_certificate(leaf.precertificate)
        assert is_precertificate(precertificate)
        assert log_tbs(precertificate) == leaf.entry.signed
        logged = parse_tbs_certificate(leaf.entry.signed)
        assert log_tbs(logged) == leaf.entry.signed
        assert logged.subject == precertificate.subject
        # The issuers are not published: their keys can only be compared with each other.
        issuer = leaf.fingerprints[0]
        assert issuing_keys.setdefault(issuer, leaf.entry.issuer_key_hash) == leaf.entry.issuer_key_hash
    # Published in words beside the tile: the first entry's hashes.
    first = leaves[0]
    assert sha256(first.precertificate).hexdigest().startswith("f404aa5dd1f97b07")
    assert sha256(first.entry.signed).hexdigest().startswith("09013d4b9032ffe4")
    assert first.entry.issuer_key_hash.hex().startswith("b3e49ac8cb4ac4f9")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_precertificate_and_its_certificate_are_one(place: int) -> None:
    """Whatever the place of the poison and of the SCT list, what is logged and the certificate id agree."""
    poisoned, promised = list(OTHERS), list(OTHERS)
    poisoned.insert(place, POISON)
    promised.insert(2 - place, SCTS)
    plain = issued(*OTHERS).certificate
    made = [plain, issued(*poisoned).certificate, issued(*promised).certificate]
    assert {log_tbs(certificate) for certificate in made} == {plain.tbs}
    issuer_key_hash = ISSUER.certificate.spki_hash
    assert issuer_key_hash == sha256(ISSUER.certificate.spki).digest()
    ids = {certificate_id(issuer_key_hash, log_tbs(certificate)) for certificate in made}
    assert ids == {sha256(b"keystead/certificate/v1\n" + issuer_key_hash + plain.tbs).digest()}


def test_cryptography_removes_the_sct_list_alike() -> None:
    """For certificates with an SCT list the library has an editor of its own: an oracle."""
    for extensions in ((SCTS, *OTHERS), (*OTHERS, SCTS), (OTHERS[0], SCTS, OTHERS[1])):
        made = issued(*extensions)
        oracle = library.load_der_x509_certificate(made.der).tbs_precertificate_bytes
        assert log_tbs(made.certificate) == oracle


def test_an_emptied_list_of_extensions_leaves_no_wrapper() -> None:
    """A precertificate whose only extension is the poison logs a TBSCertificate without `[3]`."""
    tbs = log_tbs(issued(POISON).certificate)
    assert parse_tbs_certificate(tbs).extensions == ()
    assert tbs == mint(subject(O="Exempel AB"), ec_key(11), ISSUER).certificate.tbs


@pytest.mark.parametrize(
    "poison",
    [(POISON_OID, False, b"\x05\x00"), (POISON_OID, True, b""), (POISON_OID, True, b"\x05\x00\x00")],
)
def test_a_malformed_poison_is_neither_one_nor_the_other(poison: RawExtension) -> None:
    """A poison is critical and holds NULL; anything else is refused where it lies, not read as a certificate."""
    certificate = issued(poison).certificate
    for judge in (is_precertificate, log_tbs):
        with pytest.raises(ParseError, match="poison"):
            judge(certificate)
    with pytest.raises(ChainError) as caught:
        require_precertificate(certificate)
    assert caught.value.check == "poison-malformed"
    with pytest.raises(ChainError):
        require_final_certificate(certificate)


def test_each_kind_is_refused_where_the_other_belongs() -> None:
    """add-chain takes no poison; add-pre-chain wants one, and no SCT list beside it."""
    plain, poisoned, both = issued(*OTHERS), issued(POISON), issued(POISON, SCTS)
    require_precertificate(poisoned.certificate)
    require_final_certificate(plain.certificate)
    require_final_certificate(issued(SCTS).certificate)
    for minted, judge, check in (
        (plain, require_precertificate, "poison-missing"),
        (both, require_precertificate, "sct-list-in-precertificate"),
        (poisoned, require_final_certificate, "poison-in-certificate"),
        (both, require_final_certificate, "poison-in-certificate"),
    ):
        with pytest.raises(ChainError) as caught:
            judge(minted.certificate)
        assert caught.value.check == check
        assert caught.value.evidence == {"certificate": minted.der}
    with pytest.raises(ParseError, match="both"):
        log_tbs(both.certificate)


def test_a_doubled_poison_makes_no_entry() -> None:
    """The tolerant parser lets an extension stand twice; nothing is logged of it."""

    def twice(fields: list[bytes]) -> None:
        poison = encode(
            0x30, b"\x06\x0a\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x03", b"\x01\x01\xff\x04\x02\x05\x00"
        )
        fields[-1] = encode(0xA3, encode(0x30, poison, poison))

    der = rewrapped(issued(POISON).der, twice)
    with pytest.raises(ParseError, match="twice"):
        parse_certificate(der)
    with pytest.raises(ParseError, match="twice"):
        log_tbs(parse_vendor_certificate(der))


def test_embedded_scts_come_out_as_they_went_in() -> None:
    """The SCTs stay opaque; without the extension there are none; a malformed list is refused."""
    assert embedded_scts(issued(SCTS).certificate) == [b"first", b"second"]
    assert embedded_scts(issued(*OTHERS).certificate) == []
    for value in (b"", b"\x04\x00", b"\x04\x02\x00\x00", SCTS[2] + b"\x00", SCTS[2][2:], b"\x05\x00"):
        with pytest.raises(ParseError):
            embedded_scts(issued((SCT_LIST_OID, False, value)).certificate)


@given(der=damaged(issued(POISON, *OTHERS).der, issued(*OTHERS, SCTS).der))
@FUZZ
def test_damage_leads_to_no_other_error_and_no_other_tbs(der: bytes) -> None:
    """What is logged of any readable certificate is itself readable, and has nothing left to remove."""
    certificate = only_our_errors(parse_vendor_certificate, der)
    if certificate is None:
        return
    only_our_errors(embedded_scts, certificate)
    tbs = only_our_errors(log_tbs, certificate)
    logged = only_our_errors(parse_tbs_certificate, tbs) if tbs else None
    if logged is not None:
        assert log_tbs(logged) == tbs
        assert logged.extension(POISON_OID) is None
        assert logged.extension(SCT_LIST_OID) is None
