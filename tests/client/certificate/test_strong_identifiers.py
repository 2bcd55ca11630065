# SPDX-License-Identifier: Apache-2.0
"""Strong identifiers: what compares across certificates, and that dates never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.certificate.strong_identifiers import StrongIdentifiers, reads_as_date, strong_identifiers
from support.fuzzing import FUZZ

LEI, OTHER_LEI = "5493001KJTIIGC8Y1R12", "529900T8BM49AURSDO55"


def of(eku: str | None = None, **attributes: str) -> StrongIdentifiers:
    """The identifiers among attributes."""
    return strong_identifiers(attributes, eku)


@pytest.mark.parametrize(
    "text",
    [
        "2003-05-04",
        " 2003-05-04 ",
        "2003/5/4",
        "2003-13-04",
        "1670-05-02",
        "2003.05.04",
        "04.05.2003",
        "5/4/2003",
        "5/4/03",
        "04-05-03",
        "20030504",
        "04052003",
        "05042003",
        "030504",
        "20030504000000Z",
        "200305041200",
        "2003-05-04T00:00:00Z",
        "2003-05-04 12:30",
        "4 May 2003",
        "May 4, 2003",
        "May 4th, 2003",
        "4 mai 2003",
        "4. März 1898",
        "2003年5月4日",
        "4 мая 2003 г.",
    ],
)
def test_dates_in_any_notation_are_recognized(text: str) -> None:
    """Dates of incorporation, as CAs write them, identify nobody."""
    assert reads_as_date(text)
    assert of(jurisdictionC="SE", serialNumber=text).registration is None


@pytest.mark.parametrize(
    "text",
    [
        "556720-8755",
        "5567208755",
        "03981413",
        "91440300746612636Q",
        "7995644000",
        "HRB 12345",
        "C1234567",
        "2003-05-32",
        "20033205",
        "04031510",
        "999999",
        "1234567",
        "12-34-56",
        "Government Entity",
        "",
        "A 2003",
    ],
)
def test_registration_numbers_do_not_read_as_dates(text: str) -> None:
    """Numbers of real registries, and what only looks a little like a date."""
    assert not reads_as_date(text)


def test_registrations_compare_across_spellings() -> None:
    """Case, punctuation and leading zeros do not distinguish; letters, jurisdiction and number do."""
    one = of(jurisdictionC="SE", serialNumber="556720-8755")
    assert one.agrees(of(jurisdictionC="se", serialNumber="5567208755"), one_issuer=False) == (
        "registration",
    )
    assert of(jurisdictionC="GB", serialNumber="03981413").registration == ("GB", "", "", "3981413")
    for other in (
        of(jurisdictionC="NO", serialNumber="556720-8755"),
        of(jurisdictionC="SE", serialNumber="556720-8756"),
        of(jurisdictionC="SE", jurisdictionST="Skåne", serialNumber="556720-8755"),
    ):
        assert one.agrees(other, one_issuer=True) == ()
        assert one.contradicts(other) == ("registration",)
    for nothing in (of(serialNumber="1"), of(jurisdictionC="SE", serialNumber="Government Entity"), of()):
        assert nothing.registration is None
        assert one.contradicts(nothing) == nothing.contradicts(one) == ()


def test_organization_identifiers_compare_within_their_scheme() -> None:
    """A VAT number and a trade register number differ without contradicting; two of one scheme contradict."""
    ntr, vat = of(organizationIdentifier="NTRSE-556720-8755"), of(organizationIdentifier="VATSE-556720875501")
    assert ntr.organization == ("NTRSE", "5567208755")
    assert ntr.agrees(of(organizationIdentifier="ntrse5567208755"), one_issuer=False) == ("organization",)
    assert ntr.contradicts(vat) == ()
    assert ntr.contradicts(of(organizationIdentifier="NTRSE-1")) == ("organization",)
    for text in ("", "NTRSE-", "NTRSE", "12345", "NTRSE-2003-05-04", "NTRSE-none"):
        assert of(organizationIdentifier=text).organization is None


def test_an_lei_counts_with_its_check_digits() -> None:
    """Twenty characters, 1 modulo 97; also inside an organizationIdentifier."""
    assert of(LEI=LEI).lei == LEI
    assert of(LEI=LEI.lower()).lei == LEI
    assert of(organizationIdentifier=f"LEIXG-{LEI}").lei == LEI
    assert of(LEI=LEI).contradicts(of(LEI=OTHER_LEI)) == ("lei",)
    for text in ("", LEI[:-1], LEI[:-1] + "3", LEI + "0", "Ⅷ" * 20):
        assert of(LEI=text).lei is None


def test_a_durable_purpose_compares_under_one_issuer_only() -> None:
    """Equal purposes join where one organization vetted both; unequal ones never contradict."""
    one, other = of("1.3.6.1.4.1.311.97.5"), of("1.3.6.1.4.1.311.97.6")
    assert one.agrees(one, one_issuer=True) == ("eku",)
    assert one.agrees(one, one_issuer=False) == ()
    assert one.contradicts(other) == ()


@given(text=st.text(max_size=40), other=st.text(max_size=40))
@FUZZ
def test_any_text_has_an_answer(text: str, other: str) -> None:
    """Hostile attributes never make it fail, and an identifier agrees with itself and contradicts nothing of it."""
    found = of(jurisdictionC=other, serialNumber=text, organizationIdentifier=text, LEI=other)
    assert isinstance(reads_as_date(text), bool)
    assert found.contradicts(found) == ()
    kinds = [kind for kind in ("registration", "organization", "lei") if getattr(found, kind) is not None]
    assert found.agrees(found, one_issuer=False) == tuple(kinds)
