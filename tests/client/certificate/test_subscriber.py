# SPDX-License-Identifier: Apache-2.0
"""The strict subscriber rule: published vectors, each rule's edges, and what is not decodable."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.subscriber import LEI_OID, Subscriber, subscriber_of, subscriber_of_subject
from keystead.certificate.x509 import certificates_from_pem, parse_certificate
from keystead.encoding.der import encode, encode_oid
from support.certificates import RawExtension, ec_key, mint, purposes, rewrapped, subject
from support.fuzzing import FUZZ, damaged, only_our_errors

OIDS = {
    "C": "2.5.4.6",
    "O": "2.5.4.10",
    "CN": "2.5.4.3",
    "ST": "2.5.4.8",
    "L": "2.5.4.7",
    "serialNumber": "2.5.4.5",
    "organizationIdentifier": "2.5.4.97",
    "jurisdictionC": "1.3.6.1.4.1.311.60.2.1.3",
    "jurisdictionST": "1.3.6.1.4.1.311.60.2.1.2",
    "jurisdictionL": "1.3.6.1.4.1.311.60.2.1.1",
}
UTF8, PRINTABLE, UNIVERSAL = 0x0C, 0x13, 0x1C


def name_der(*attributes: tuple[str, str | bytes] | tuple[str, bytes, int]) -> bytes:
    """A Name of single attributes, UTF8String unless a tag is given."""
    rdns = []
    for label, value, *tag in attributes:
        raw = value.encode() if isinstance(value, str) else value
        value_der = encode(tag[0] if tag else UTF8, raw)
        rdns.append(encode(0x31, encode(0x30, encode_oid(OIDS[label]), value_der)))
    return encode(0x30, *rdns)


def of(*attributes: tuple[str, str | bytes] | tuple[str, bytes, int]) -> Subscriber:
    """The subscriber that these attributes name."""
    return subscriber_of_subject(name_der(*attributes))


def certified(subject_der: bytes, *extensions: RawExtension) -> Subscriber:
    """The subscriber of a certificate with any subject and these extensions."""
    der = mint(subject(CN="x"), ec_key(1), None, extensions).der
    return subscriber_of(parse_certificate(rewrapped(der, lambda fields: fields.__setitem__(5, subject_der))))


def lei(text: str, tag: int = PRINTABLE) -> RawExtension:
    """The LEI extension."""
    return (LEI_OID, False, encode(tag, text.encode()))


@pytest.mark.samples
def test_published_subscribers_reproduce(samples: Path) -> None:
    """Canonical text and id of every published vector, from real certificates that say the same."""
    for listed in json.loads((samples / "vectors/identity.json").read_bytes())["subscribers"]:
        subject_der = (
            bytes.fromhex(listed["name_der"])
            if "name_der" in listed
            else name_der(*listed["attributes"].items())
        )
        extensions = [lei(listed["lei"])] if "lei" in listed else []
        extensions += [purposes(*listed["ekus"])] if "ekus" in listed else []
        found = certified(subject_der, *extensions)
        assert found.canonical == listed["canonical"]
        assert found.id.hex() == listed["subscriber_id"]
        assert found.decodable
        assert found.rule == listed["canonical"].split("\n")[0]


@pytest.mark.samples
def test_yubico_is_one_subscriber_at_several_cas(samples: Path) -> None:
    """Real EV certificates with and without the hyphen in the number, of several CAs, have one subscriber."""
    folder = samples / "certificates/yubico-org"
    ids = set()
    for path in sorted(folder.glob("Yubico-AB-*.pem")):
        (der, *_) = certificates_from_pem(path.read_bytes())
        certificate = parse_certificate(der)
        found = subscriber_of(certificate)
        assert found.decodable
        if found.rule == "registration":
            ids.add(found.id)
            assert found.strong.registration == ("SE", "", "", "5567208755")
    assert len(ids) == 1


EV = (("jurisdictionC", "SE"), ("serialNumber", "556720-8755"), ("O", "Exempel AB"))


@pytest.mark.parametrize(
    ("attributes", "canonical"),
    [
        (EV, "registration\nse\n\n\n5567208755"),
        ((*EV, ("jurisdictionL", " Stock  holm ")), "registration\nse\n\nstock holm\n5567208755"),
        ((*EV, ("jurisdictionST", "ÅÄÖ-län")), "registration\nse\nÅÄÖ-län\n\n5567208755"),
        ((("jurisdictionC", " \t"), *EV[1:]), "name\n\nexempel ab"),
        ((("jurisdictionC", "SE"), ("serialNumber", "none"), EV[2]), "name\n\nexempel ab"),
        ((("jurisdictionC", "SE"), ("serialNumber", " 2003-05-04 "), EV[2]), "name\n\nexempel ab"),
        ((("jurisdictionC", "SE"), ("serialNumber", "2003-05-04."), EV[2]), "registration\nse\n\n\n20030504"),
        ((("jurisdictionC", "SE"), ("serialNumber", "04.05.2003"), EV[2]), "registration\nse\n\n\n04052003"),
        ((("jurisdictionC", "SE"), ("serialNumber", "20030504\t"), EV[2]), "registration\nse\n\n\n20030504"),
        ((("jurisdictionC", "SE"), ("serialNumber", "٥٥٦"), EV[2]), "name\n\nexempel ab"),
        (
            (
                ("jurisdictionC", "CN"),
                ("serialNumber", "第1号X"),
            ),
            "registration\ncn\n\n\n第1号x",
        ),
        ((("organizationIdentifier", "NTRSE-556720-8755"), ("O", "x")), "organization\nntrse5567208755"),
        ((("organizationIdentifier", "-- "), ("O", "x")), "name\n\nx"),
        ((("O", "First"), ("O", "Second")), "name\n\nfirst"),
        ((("O", ""), ("CN", "Person")), None),
        ((("O", " \x00\x1f\x7f "), ("CN", "Person")), None),
        ((("CN", "Person"), ("C", "SE")), "name\nse\nperson"),
        ((("CN", "A\x00\x01\x7f \tB"),), "name\n\na b"),
        ((("O", "ÉCOLE\u00a0X"),), "name\n\nÉcole\u00a0x"),
        ((("C", "SE"),), None),
        ((), None),
    ],
)
def test_the_first_rule_that_applies_decides(
    attributes: tuple[tuple[str, str], ...], canonical: str | None
) -> None:
    """Each rule with its edges; None is rule 6, which hashes the subject."""
    found = of(*attributes)
    expected = canonical or "subject\n" + sha256(name_der(*attributes)).hexdigest()
    assert found.canonical == expected
    assert found.id == sha256(b"keystead/subscriber/v1\n" + expected.encode()).digest()
    assert found.decodable


@pytest.mark.parametrize(
    ("ekus", "rule"),
    [
        (("1.3.6.1.4.1.311.97.5.6", "1.3.6.1.4.1.311.97.7"), "eku\n1.3.6.1.4.1.311.97.5.6"),
        (("1.3.6.1.4.1.311.97.1.0", "1.3.6.1.4.1.311.97.7"), "eku\n1.3.6.1.4.1.311.97.7"),
        (("1.3.6.1.4.1.311.97.10.2",), "eku\n1.3.6.1.4.1.311.97.10.2"),
        (("1.3.6.1.4.1.311.97.1.4.3.1.1",), "name\n\nx"),
        (("1.3.6.1.4.1.311.97.1",), "name\n\nx"),
        (("1.3.6.1.4.1.311.97",), "name\n\nx"),
        (("1.3.6.1.4.1.311.970.1",), "name\n\nx"),
        (("1.3.6.1.5.5.7.3.3",), "name\n\nx"),
    ],
)
def test_durable_purposes_are_compared_by_arcs(ekus: tuple[str, ...], rule: str) -> None:
    """The first purpose under 311.97 counts, but not under 311.97.1; 311.97.10 is another arc."""
    assert certified(name_der(("O", "x")), purposes(*ekus)).canonical == rule


def test_the_lei_extension_stands_before_the_purpose_and_the_name() -> None:
    """Rule 3 applies before rules 4 and 5, after 1 and 2; an LEI without letters or digits is none."""
    durable = purposes("1.3.6.1.4.1.311.97.5.6")
    assert certified(name_der(("O", "x")), lei("5493-00 1kjt"), durable).canonical == "lei\n5493001kjt"
    assert certified(name_der(*EV), lei("5493001KJT")).rule == "registration"
    assert certified(name_der(("O", "x")), lei(" -"), durable).rule == "eku"


def test_unreadable_purposes_are_no_purposes() -> None:
    """A malformed extendedKeyUsage is not among what the rule reads: rule 4 has nothing, rule 5 goes on."""
    found = certified(name_der(("O", "x")), ("2.5.29.37", False, b"\x30\x02\x05\x00"))
    assert (found.canonical, found.decodable) == ("name\n\nx", True)


UNDECODABLE = [
    ((("O", b"\xff"), ("CN", "x")), ()),
    ((*EV, ("CN", b"\x00\x00\x00x", UNIVERSAL)), ()),
    ((*EV, ("organizationIdentifier", b"\x00", 0x03)), ()),
    ((*EV, ("C", b"\xe9", PRINTABLE)), ()),
    (EV, (lei("x", 0x04),)),
    (EV, ((LEI_OID, False, b""),)),
    (EV, ((LEI_OID, False, b"\x13\x01x\x00"),)),
    (EV, ((LEI_OID, False, b"\x0c\x01\xff"),)),
]


@pytest.mark.parametrize("case", range(len(UNDECODABLE)))
def test_one_value_that_is_no_text_makes_rule_6_and_undecodable(case: int) -> None:
    """Whether or not a rule would have reached it, a value that cannot be decoded decides."""
    attributes, extensions = UNDECODABLE[case]
    subject_der = name_der(*attributes)
    found = certified(subject_der, *extensions)
    assert found.canonical == "subject\n" + sha256(subject_der).hexdigest()
    assert (found.rule, found.decodable) == ("subject", False)


def test_later_values_and_other_attributes_may_be_anything() -> None:
    """Only the first value of the eight attributes is read: OU, ST, L and a second O may be no text."""
    found = of(*EV, ("O", b"\xff"), ("ST", b"\xff"), ("L", b"\x00", UNIVERSAL))
    assert (found.rule, found.decodable) == ("registration", True)
    assert "ST" not in found.attributes


def test_a_subject_that_is_no_name_is_undecodable() -> None:
    """Rule 6 hashes whatever stands there."""
    for subject_der in (b"\x30\x02\x05\x00", encode(0x30, b"\x31\x00")):
        found = subscriber_of_subject(subject_der)
        assert (found.rule, found.decodable) == ("subject", False)
        assert found.canonical == "subject\n" + sha256(subject_der).hexdigest()


def test_a_subscriber_keeps_what_people_compare() -> None:
    """The name for people, and the attributes that later comparison needs."""
    found = of(("C", "SE"), ("ST", "Skåne"), ("L", "Lund"), ("O", "Exempel AB"), ("CN", "x"))
    assert dict(found.attributes) == {"C": "SE", "ST": "Skåne", "L": "Lund", "O": "Exempel AB", "CN": "x"}
    assert found.name == "Exempel AB"
    assert of(("CN", "Person")).name == "Person"
    assert of(("C", "SE")).name == "C=SE"
    assert hash(found) == hash(
        of(("C", "SE"), ("ST", "Skåne"), ("L", "Lund"), ("O", "Exempel AB"), ("CN", "x"))
    )


@given(
    der=damaged(name_der(*EV, ("C", "SE"), ("CN", "x")), name_der(("O", b"\x00a", 0x1E))),
    lei_value=st.none() | damaged(b"\x13\x05abcde"),
)
@FUZZ
def test_every_subject_has_a_subscriber(der: bytes, lei_value: bytes | None) -> None:
    """The rule never fails, and what cannot be decoded always falls to rule 6."""
    found = subscriber_of_subject(der)
    assert len(found.id) == 32
    assert found.decodable or found.rule == "subject"
    if lei_value is not None:
        found = certified(name_der(("O", "x")), (LEI_OID, False, lei_value))
        assert found.decodable or found.rule == "subject"
    assert only_our_errors(subscriber_of_subject, der) == subscriber_of_subject(der)
