# SPDX-License-Identifier: Apache-2.0
"""Names as people write them become the names that certificates have."""

import pytest

from keystead.certificate.name import display
from keystead.certificate.name_text import parse_name
from keystead.certificate.subscriber import subscriber_of_subject
from keystead.errors import ParseError
from keystead.testvendor.subjects import ev_subject, ov_subject


@pytest.mark.parametrize(
    "text",
    [
        "O=Alpha AB,C=SE",
        r"CN=Alpha\, Beta & Co,O=Alpha\\,C=SE",
        "OU=x+O=Åländska Ängar,C=AX",
        "serialNumber=556-1234,O=Alpha,jurisdictionC=SE",
        "1.2.3.4=x,O=Alpha",
        r"O=\ Alpha\ ,C=SE",
    ],
)
def test_what_is_shown_can_be_written(text: str) -> None:
    """The reverse of `display`."""
    assert display(parse_name(text)) == text


def test_as_other_tools_write_it() -> None:
    """With spaces, in another case, with other short names."""
    assert display(parse_name("o = Alpha AB , c=SE")) == "O=Alpha AB,C=SE"
    assert display(parse_name("E=a@b,S=X")) == "emailAddress=a@b,ST=X"


def test_the_same_subscriber() -> None:
    """A name that is written out has the id of the certificate's subject."""
    for subject in (ov_subject("Alpha AB", "SE"), ev_subject("Alpha AB", "SE", "1234567")):
        assert subscriber_of_subject(parse_name(display(subject))).id == subscriber_of_subject(subject).id


@pytest.mark.parametrize("text", ["", "Alpha AB", "=x", "nonsense=x", "O=Alpha,", "C=Sweden", "O=a,,C=SE"])
def test_no_name(text: str) -> None:
    """A sentence says how to write one."""
    with pytest.raises(ParseError, match="no distinguished name"):
        parse_name(text)
