# SPDX-License-Identifier: Apache-2.0
"""PKIX Evidence from a test vendor: what is read from it, how it is carried, and that every defect is refused."""

from pathlib import Path

import pytest
from hypothesis import given

from keystead.certificate.device_identifier import SCHEMES, DeviceClass
from keystead.devices.anchors import AnchorSet, VendorAnchor
from keystead.devices.collect import collect, identify
from keystead.devices.containers import sort_files
from keystead.devices.csr_attestation import CSR_ATTESTATION
from keystead.devices.evidence import Evidence
from keystead.devices.material import FoundCertificate
from keystead.devices.pkix_evidence_structure import ARC, parse_pkix_evidence
from keystead.devices.verify import ADMITTED_BY_LOGS, FORMATS, require_key, verify_evidence
from keystead.encoding.der import OCTET_STRING, SEQUENCE, encode, encode_oid
from keystead.encoding.rfc4648 import encode_base64
from keystead.errors import EvidenceError, ParseError
from keystead.testvendor import TestVendor
from keystead.testvendor.certificates import common_name, to_pem
from keystead.testvendor.containers import certification_request
from keystead.testvendor.keys import derive_key
from keystead.testvendor.pkix_evidence import KEY as KEY_ELEMENT
from keystead.testvendor.pkix_evidence import (
    PLATFORM,
    TRANSACTION,
    claim,
    element,
    evidence_der,
    purposes,
    signature_block,
    tbs_evidence,
)
from keystead.testvendor.refusals import Refusal
from support.fuzzing import FUZZ, damaged, only_our_errors
from support.mutation import flip_bits
from support.refused_evidence import assert_refused_by_name

VENDOR = TestVendor("test pkix evidence", "ec-p256")
ANCHORS = VENDOR.anchors("pkix-evidence")
DEVICE = VENDOR.pkix_module("17-a1b2")
KEY = DEVICE.generate()
GOOD = DEVICE.attest(KEY.spki)
TBS = parse_pkix_evidence(GOOD.data).tbs
(ANCHOR,) = ANCHORS


def evidence_of(key: dict[str, object] | None = None, platform: dict[str, object] | None = None) -> Evidence:
    """Evidence with some claims changed."""
    return DEVICE.evidence(
        element(PLATFORM, DEVICE.platform_claims() | (platform or {})),  # type: ignore[arg-type]
        element(KEY_ELEMENT, DEVICE.key_claims(KEY.spki) | (key or {})),  # type: ignore[arg-type]
    )


def test_evidence_names_the_module_below_its_pinned_key() -> None:
    """Serial numbers of two vendors are different devices even where vendor and model are the same texts."""
    attestation = verify_evidence(GOOD, ANCHORS)
    (identity,) = attestation.identities
    parts = (ANCHOR.key_hash, b"Acme Corp", b"HSM-9000", b"17-a1b2")
    assert identity.value == "/".join(part.hex() for part in parts)
    assert (identity.scheme, identity.class_) == ("pkix-evidence-serial", DeviceClass.UNIT)
    assert (attestation.vendor, attestation.model, attestation.serial) == ("Acme Corp", "HSM-9000", "17-a1b2")
    require_key(attestation, KEY.spki)
    other = TestVendor("another", "ec-p256")
    (another,) = verify_evidence(
        other.pkix_module("17-a1b2").attest(KEY.spki), other.anchors("pkix-evidence")
    ).identities
    assert another.device_id != identity.device_id


def test_a_module_that_was_not_asked_for_its_serial_number_is_class_none() -> None:
    """Hardware is proven, and no device named; that is said."""
    attestation = verify_evidence(VENDOR.pkix_module(None).attest(KEY.spki), ANCHORS)
    assert (attestation.identities, attestation.serial) == ((), None)
    assert any("was not asked for its serial number" in sentence for sentence in attestation.unproven)


def test_vendor_and_model_may_be_missing() -> None:
    """Then their places in the identifier are empty; a model that is no text is shown in hexadecimal digits."""
    claims = {"hwserial": "1", "swversion": "3.2.1"}
    evidence = DEVICE.evidence(element(PLATFORM, claims), element(KEY_ELEMENT, DEVICE.key_claims(KEY.spki)))
    attestation = verify_evidence(evidence, ANCHORS)
    assert attestation.identities[0].value == f"{ANCHOR.key_hash.hex()}///31"
    assert (attestation.vendor, attestation.model, attestation.firmware) == ("unknown", None, "3.2.1")
    assert attestation.certification is None
    assert verify_evidence(evidence_of(platform={"hwmodel": b"\x80\x01"}), ANCHORS).model == "8001"


def test_what_the_module_claims_is_shown() -> None:
    """By the draft's names; purposes that it does not list by their identifiers."""
    evidence = DEVICE.evidence(
        element(TRANSACTION, {"timestamp": "20260721111338Z"}),
        element(
            PLATFORM, {"oemid": b"\x01", "swname": "os", "bootcount": 7, "dbgstat": 3, "fipsboot": False}
        ),
        element(
            KEY_ELEMENT,
            DEVICE.key_claims(KEY.spki) | {"expiry": "20301231235959Z", "purpose": (f"{ARC}.2.8", "1.2.3")},
        ),
    )
    attestation = verify_evidence(evidence, ANCHORS)
    assert dict(attestation.properties) == {
        "generated_on_device": True,
        "exportable": False,
        "key_identifiers": ["9a25f603-a2c4-4dad-9ee0-a1b4e771f2c3"],
        "permissions": ["1.2.3", "derive"],
        "expiry": "20301231235959Z",
        "timestamp": "20260721111338Z",
        "oemid": "01",
        "swname": "os",
        "dbgstat": 3,
        "bootcount": 7,
        "fipsboot": False,
    }
    assert any("no nonce" in sentence for sentence in attestation.unproven)


def test_unknown_elements_and_claims_are_passed_over() -> None:
    """As the draft asks for: they take nothing away."""
    more = element("1.2.3.4", {"1.2.3": 5, "1.2.4": None})
    own = encode(SEQUENCE, encode_oid(KEY_ELEMENT), encode(SEQUENCE, claim("1.2.3", None), *_key_claims()))
    assert verify_evidence(DEVICE.evidence(more, own), ANCHORS).key == KEY.spki


def _key_claims() -> list[bytes]:
    return [claim(name, value) for name, value in DEVICE.key_claims(KEY.spki).items()]


REFUSALS = VENDOR.refusals("pkix-evidence")


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: one.name)
def test_every_defect_is_refused_by_its_name(refusal: Refusal) -> None:
    """One thing is wrong, signed again where it is signed; the refusal names the check and the thing."""
    assert_refused_by_name(refusal, ANCHORS)


def test_every_check_of_the_format_is_exercised() -> None:
    """The test vendor makes something wrong for each check that the format has of its own."""
    assert {refusal.check for refusal in REFUSALS} >= {
        "binding-mismatch",
        "extractable-key",
        "malformed-attestation",
        "malformed-key",
        "not-a-device-certificate",
        "not-a-key-pair",
        "not-an-attestation",
        "not-an-issuing-certificate",
        "not-generated",
        "unknown-critical-extension",
        "wrong-signature",
    }


def test_a_pinned_attestation_key_is_not_enough() -> None:
    """Its certificate belongs into the chain: it says that the key is one."""
    anchors = AnchorSet([VendorAnchor("key", DEVICE.key.spki, frozenset({"pkix-evidence"}))])
    with pytest.raises(EvidenceError, match="without a certificate") as caught:
        verify_evidence(Evidence("pkix-evidence", GOOD.data), anchors)
    assert caught.value.check == "not-a-device-certificate"


def test_logs_do_not_admit_it() -> None:
    """It is experimental, as is its scheme; the library identifies it all the same."""
    assert FORMATS.keys() - ADMITTED_BY_LOGS == {"pkix-evidence", "smartcard-hsm"}
    assert [scheme.name for scheme in SCHEMES.values() if scheme.experimental] == ["pkix-evidence-serial"]


OTHER = VENDOR.pkix_module("the other")


def test_one_of_several_signatures_is_verified() -> None:
    """The one that the chain is about, wherever it stands; the others may be of any kind."""
    tbs = tbs_evidence([element(KEY_ELEMENT, DEVICE.key_claims(KEY.spki))])
    ours, theirs = DEVICE.block(tbs), OTHER.block(tbs)
    odd = encode(
        SEQUENCE,
        encode(SEQUENCE, encode(0xA0, encode(OCTET_STRING, b"x"))),
        encode(SEQUENCE, encode_oid("1.2.3")),
        encode(OCTET_STRING, b"x"),
    )
    for blocks in ([ours, theirs], [theirs, ours], [odd, ours, theirs]):
        data = evidence_der(tbs, blocks)
        for device in (DEVICE, OTHER):
            attestation = verify_evidence(Evidence("pkix-evidence", data, device.chain), ANCHORS)
            assert any("other signatures" in sentence for sentence in attestation.unproven)
    with pytest.raises(EvidenceError) as caught:
        verify_evidence(Evidence("pkix-evidence", evidence_der(tbs, [ours, theirs]), (b"x",)), ANCHORS)
    assert caught.value.check == "malformed-chain"


def test_signers_may_be_named_by_certificate_and_key() -> None:
    """In any combination, as long as it is true."""
    (der, _), identifier = DEVICE.chain, b"any name"
    for named in ({"der": der}, {"spki": DEVICE.key.spki}, {"der": der, "spki": DEVICE.key.spki}):
        data = evidence_der(TBS, [signature_block(TBS, DEVICE.key, identifier=identifier, **named)])
        assert verify_evidence(Evidence("pkix-evidence", data, DEVICE.chain), ANCHORS).key == KEY.spki


def test_purposes_may_be_critical_or_crypto4as() -> None:
    """The draft wants a sole purpose to be critical; its earlier samples have Crypto4A's own."""
    usage = DEVICE.maker.authority_extensions("issuer")[3]
    for purpose in (
        purposes("1.3.6.1.5.5.7.3.999", critical=True),
        purposes("1.3.6.1.4.1.39901.4.1.1", "1.2"),
    ):
        chain = (DEVICE.maker.certify(DEVICE.key.spki, usage, purpose), DEVICE.chain[1])
        assert verify_evidence(Evidence("pkix-evidence", GOOD.data, chain), ANCHORS).key == KEY.spki


def test_no_flipped_bit_gives_another_module_or_key() -> None:
    """Every place of the encoding: refused, but for the name by which the signature calls its key."""
    named = GOOD.encode().index(encode(0xA0, encode(OCTET_STRING, signer_name())))
    assert set(flip_bits(GOOD, None, 20260301, ANCHORS)) <= set(range(named + 4, named + 24))


def signer_name() -> bytes:
    """The identifier of the attestation key in the signature."""
    start = GOOD.data.index(b"\xa0\x16\x04\x14", len(TBS))
    return GOOD.data[start + 4 : start + 24]


@FUZZ
@given(damaged(GOOD.data, evidence_of({"expiry": "20301231235959Z"}).data))
def test_damaged_evidence_raises_our_errors_only(data: bytes) -> None:
    """Whatever the bytes."""
    only_our_errors(
        lambda one: verify_evidence(Evidence("pkix-evidence", one, GOOD.chain), ANCHORS), data or b"x"
    )


PEM = "".join(map(to_pem, (*GOOD.chain, DEVICE.maker.root_der))).encode()
BY_CERTIFICATE = signature_block(TBS, DEVICE.key, der=GOOD.chain[0])
IMPLICIT = evidence_der(TBS, [BY_CERTIFICATE], encode(0xA0, *GOOD.chain[1:]))
EXPLICIT = evidence_der(TBS, [BY_CERTIFICATE], encode(0xA0, encode(SEQUENCE, *GOOD.chain[1:])))
NOTHING = evidence_der(TBS, [BY_CERTIFICATE], encode(0xA0, encode(SEQUENCE)))


@pytest.mark.parametrize(
    ("files", "data"),
    [
        ({"evidence.der": GOOD.data, "chain.pem": PEM}, GOOD.data),
        ({"evidence.pem": to_pem(GOOD.data, "EVIDENCE").encode(), "chain.pem": PEM}, GOOD.data),
        ({"evidence.b64": encode_base64(GOOD.data).encode() + b"\n", "chain.pem": PEM}, GOOD.data),
        ({"all.pem": PEM + to_pem(GOOD.data, "EVIDENCE").encode()}, GOOD.data),
        ({"evidence": IMPLICIT}, IMPLICIT),
        ({"evidence": EXPLICIT}, EXPLICIT),
        ({"evidence": NOTHING, "ca.der": GOOD.chain[1]}, NOTHING),
        ({"evidence": evidence_der(TBS, [BY_CERTIFICATE], encode(0xA0)), "ca.der": GOOD.chain[1]}, None),
    ],
)
def test_files_make_evidence(files: dict[str, bytes], data: bytes | None) -> None:
    """In DER, PEM or base64, with certificates beside it or attached in either tagging."""
    (piece,) = collect(files, ANCHORS).pieces
    assert piece.evidence.data == (files["evidence"] if data is None else data)
    assert piece.evidence.chain == GOOD.chain
    assert piece.files == tuple(files)
    assert identify(piece, ANCHORS).serial == "17-a1b2"


@pytest.mark.parametrize("wrapped", [False, True])
def test_requests_carry_evidence(wrapped: bool) -> None:
    """As a statement of any type in an attestation bundle; the request must be for the attested key."""
    value = encode(OCTET_STRING, GOOD.data) if wrapped else GOOD.data
    statement = encode(SEQUENCE, encode_oid("1.2.3"), value)
    bundle = encode(SEQUENCE, encode(SEQUENCE, statement), encode(SEQUENCE, *GOOD.chain))
    der = certification_request(common_name("x"), KEY, attributes=[(CSR_ATTESTATION, bundle)])
    (piece,) = collect({"request.der": der}, ANCHORS).pieces
    assert piece.evidence == GOOD
    assert piece.request is not None
    assert identify(piece, ANCHORS).key == KEY.spki


def test_the_signature_whose_path_is_pinned_is_taken() -> None:
    """A tenant's signature of the same evidence leads nowhere; where none does, the first is shown."""
    tenant = derive_key(b"tenant", "attestation")
    certified = DEVICE.maker.issue("tenant", tenant.spki, "TenantsCA", "tenants")
    blocks = [signature_block(TBS, tenant, der=certified), BY_CERTIFICATE]
    data = evidence_der(TBS, blocks, encode(0xA0, *GOOD.chain[1:]))
    (piece,) = collect({"evidence": data}, ANCHORS).pieces
    assert piece.evidence.chain == GOOD.chain
    (piece,) = collect({"evidence": data}, AnchorSet(())).pieces
    assert piece.evidence.chain == (certified,)


def test_what_is_missing_is_said() -> None:
    """Without the signer's certificate there is no evidence; an unreadable attached one changes nothing."""
    with pytest.raises(ParseError, match="no certificate here is for a key that signed"):
        collect({"evidence": GOOD.data}, ANCHORS)
    broken = evidence_der(TBS, [DEVICE.block(TBS)], encode(0xA0, encode(SEQUENCE, encode(SEQUENCE))))
    (piece,) = collect({"evidence": broken, "chain.pem": PEM}, ANCHORS).pieces
    assert piece.evidence.chain == GOOD.chain


@pytest.mark.samples
@pytest.mark.parametrize("name", ["evidence1.pem", "evidence1.b64"])
def test_the_drafts_vector_is_about_no_key(samples: Path, name: str) -> None:
    """Its signature leads to its root, and then it reports the platform alone."""
    folder = samples / "attestation" / "ietf-pkix-evidence"
    files = {one: (folder / one).read_bytes() for one in (name, "ak.crt", "int.crt", "ca.crt")}
    root = next(
        found.certificate
        for found in _certificates(files)
        if found.certificate.subject == found.certificate.issuer
    )
    anchors = AnchorSet([VendorAnchor("RootCA", root.spki, frozenset({"pkix-evidence"}))])
    (piece,) = collect(files, anchors).pieces
    assert piece.files == (name, "ak.crt", "int.crt")
    with pytest.raises(EvidenceError, match="0 keys") as caught:
        verify_evidence(piece.evidence, anchors)
    assert caught.value.check == "not-an-attestation"


def _certificates(files: dict[str, bytes]) -> list[FoundCertificate]:
    return sort_files(files).certificates
