# SPDX-License-Identifier: Apache-2.0
"""Names made comparable: what one clerk would take for one, what may be one, and what is not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.monitor.legal_forms import SPACED, UNSPACED
from keystead.monitor.names import (
    are_similar,
    plain,
    same_name,
    same_organization,
    same_place,
    similar_names,
)
from support.fuzzing import FUZZ

SAME = [
    ("Dash Core Group, Inc.", "DASH CORE GROUP INC"),
    ("Dash Core Group, Inc.", "Dash Core Group Incorporated"),
    ("Yubico AB", "YUBICO AKTIEBOLAG"),
    ("Aktiebolaget Volvo", "Volvo AB"),
    ("Dash Core Group, Inc.", "Dash Core Group Inc"),
    ("Dash Core Group, Inc.", "DASH CORE GROUP, INCORPORATED"),
    ("CodeTwo sp. z o.o. sp. k.", "CODETWO SP. Z O. O. SP.K."),
    ("James LTH d.o.o.", "JAMES LTH DOO"),
    ("Foo S.A. de C.V.", "FOO SA DE CV"),
    ("Nuotio IT Oy", "NUOTIO IT OSAKEYHTIÖ"),
    ("Müller Gesellschaft mit beschränkter Haftung", "MÜLLER GmbH"),
    ("Smith & Sons Ltd.", "Smith and Sons Limited"),
    ("The Document Foundation", "Document Foundation"),
    ("ООО «Ромашка»", 'Общество с ограниченной ответственностью "Ромашка"'),
    ("株式会社トヨタ", "トヨタ（株）"),
    ("株式会社トヨタ", "㈱ﾄﾖﾀ"),
    ("삼성전자 주식회사", "㈜삼성전자"),
    ("北京奇虎科技有限公司", "北京奇虎科技有限责任公司"),
    ("Koç Yazılım Anonim Şirketi", "Koç Yazılım A.Ş."),
    ("Padaria Limitada", "Padaria Lda."),
    ("O'Reilly Media, Inc.", "O’Reilly Media Inc."),
    ("Ａｌｐｈａ ＡＢ", "Alpha AB"),
]

SIMILAR = [
    ("Dash Core Group, Inc.", "Dash Core Group LLC"),
    ("Dash Core Group, Inc.", "DashCore Group"),
    ("Yubico AB", "Yubico Limited"),
    ("Deno Land Inc.", "Deno Land"),
    ("Smith Ltd", "Smith LLC"),
    ("Müller GmbH", "Mueller AG"),
    ("Müller GmbH", "Muller"),
    ("ООО Ромашка", "Romashka LLC"),
    ("Αθήνα Α.Ε.", "Athina SA"),
    ("トヨタ株式会社", "Toyota K.K."),
    ("삼성전자", "Samseong Jeonja Co., Ltd."),
    ("Trading Name (Legal Name Ltd)", "Legal Name Limited"),
    ("Trading Name (Legal Name Ltd)", "Trading Name"),
    ("Société Générale", "Societe Generale SA"),
    ("Łódź Software", "Lodz Software Sp. z o.o."),
    (
        "International Association of Very Long Names for Companies and Or",
        "International Association of Very Long Names for Companies and Others Ltd",
    ),
]
SIMILAR[-1] = (SIMILAR[-1][1][:64], SIMILAR[-1][1])

DIFFERENT = [
    ("Alpha AB", "Beta AB"),
    # Renamed, or bought: nothing in the names says so, a CA must.
    ("Astral Software Inc.", "OpenAI OpCo, LLC"),
    ("Ltd", "AB"),
    ("Alpha", "Alpha Holding"),
    ("Deno Land Inc.", "Yubico AB"),
    ("Simon Tatham", "Matthew Glazar"),
    ("北京科技有限公司", "上海科技有限公司"),
    ("Foo 1 Ltd", "Foo 2 Ltd"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_name(one: str, other: str) -> None:
    """Case, width, punctuation, and the spelling and place of a legal form make no difference."""
    assert same_name(one) == same_name(other)
    assert are_similar(one, other)


@pytest.mark.parametrize(("one", "other"), SIMILAR)
def test_what_may_be_one_name_is_not_taken_for_one(one: str, other: str) -> None:
    """Another legal form, accents, another script, a trade name, a name that was cut off: similar, and no more."""
    assert same_name(one) != same_name(other)
    assert are_similar(one, other)
    assert are_similar(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_that_differ(one: str, other: str) -> None:
    """Nor is a name that is a legal form alone one with another."""
    assert same_name(one) != same_name(other)
    assert not are_similar(one, other)


def test_places_lose_the_word_for_what_they_are() -> None:
    """And nothing else."""
    assert same_place("Stockholms län") == same_place("STOCKHOLM") == "stockholm"
    assert same_place("State of Texas") == same_place("Texas")
    assert same_place("Los Angeles County") == "los angeles"
    assert same_place("County") == "county"
    assert same_place("Ohio") != same_place("Texas")
    assert same_place("") == ""


def test_issuing_organizations_are_told_by_name_and_country() -> None:
    """One CA spells itself in several ways; two countries are two organizations."""
    assert same_organization("DigiCert, Inc. (US)") == same_organization("DigiCert Inc (US)")
    assert same_organization("DigiCert, Inc. (US)") != same_organization("DigiCert, Inc. (DE)")
    assert same_organization("Foo (Bar)") == same_name("Foo (Bar)")


def test_the_table_of_legal_forms_is_as_names_are_compared() -> None:
    """Every spelling is recognized behind a name."""
    for spelling, form in SPACED.items():
        assert same_name(f"Zyx {spelling}") == f"zyx [{form}]", spelling
    for spelling, form in UNSPACED.items():
        if spelling.isascii():
            continue  # what the form is called in the table
        assert same_name(f"甲乙{spelling}") == f"甲乙 [{form}]", spelling


@FUZZ
@given(st.text(max_size=70))
def test_any_text_has_a_name(text: str) -> None:
    """Nothing fails, and a name is like itself, in every width and case."""
    assert similar_names(text)
    assert are_similar(text, text)
    assert plain(plain(text)) == plain(text)
    if text.isascii():
        assert same_name(text) == same_name(text.upper())
    assert same_name(unicodedata.normalize("NFKC", text)) == same_name(text)
