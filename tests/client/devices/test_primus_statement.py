# SPDX-License-Identifier: Apache-2.0
"""The XML of Primus statements: what is read, and that nothing else is XML here."""

import pytest
from hypothesis import given

from keystead.devices.primus_statement import MAX_ELEMENTS, XmlElement, parse_statement_xml
from keystead.errors import ParseError
from keystead.testvendor.keys import derive_key
from keystead.testvendor.primus import TestPrimusMaker
from support.fuzzing import FUZZ, damaged, only_our_errors

STATEMENT = TestPrimusMaker(b"test xml").make(1).statement(derive_key(b"test xml", "attested").spki)


def test_elements_texts_and_attributes_are_read() -> None:
    """With the declaration or without it, white space between elements meaning nothing."""
    for data in (
        b'<a x="1" y="2">\n<b>one &amp; &lt;two&gt; &quot;&apos;</b><c></c></a>',
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\r\n<a x="1" y="2">'
            b"<b>one &amp; &lt;two&gt; &quot;&apos;</b><c> </c></a>\n"
        ),
    ):
        root = parse_statement_xml(data)
        assert (root.name, root.attributes) == ("a", {"x": "1", "y": "2"})
        assert root.children["b"].text == "one & <two> \"'"
        assert root.children["c"] == XmlElement("c")


def test_a_real_statements_shape_is_read() -> None:
    """Every element of a statement, and the flags in theirs."""
    root = parse_statement_xml(STATEMENT)
    assert root.name == "private_key"
    assert len(root.children) == 9
    assert root.children["attributes"].children["extractable"].text == "false"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a/>",
        b"<a>",
        b"</a>",
        b"<a></a><a></a>",
        b"<A></A>",
        b"<a >x</a>",
        b"<a x=1></a>",
        b"<a x='1'></a>",
        b"<a>&#65;</a>",
        b"<a>&amp</a>",
        b"<a>x<b>y</b></a>",
        b"<a><b>y</b>x</a>",
        b"<a>\xc0\x80</a>",
        b"\xef\xbb\xbf<a></a>",
        b"<a>\x1b[2J</a>",
        b"<?xml version='1.1'?><a></a>",
        b"<a><!-- x --></a>",
        b"<a xmlns:x='y'></a>",
        b"text",
    ],
)
def test_other_xml_is_refused(data: bytes) -> None:
    """What XML allows beyond the HSM's own form is refused: another reader might see something else."""
    with pytest.raises(ParseError):
        parse_statement_xml(data)


def test_elements_are_limited_in_number_and_depth() -> None:
    """The most that is read, and one more."""
    most = b"".join(b"<e%d></e%d>" % (n, n) for n in range(MAX_ELEMENTS - 1))
    assert len(parse_statement_xml(b"<a>" + most + b"</a>").children) == MAX_ELEMENTS - 1
    with pytest.raises(ParseError, match="too many"):
        parse_statement_xml(b"<a>" + most + b"<more></more></a>")
    parse_statement_xml(b"<a><b><c><d>x</d></c></b></a>")
    with pytest.raises(ParseError, match="deep"):
        parse_statement_xml(b"<a><b><c><d><e>x</e></d></c></b></a>")


@pytest.mark.parametrize("piece", [b"<a>", b"<", b"&amp;", b' x="', b"</a>", b"<a>&"])
def test_hostile_repetitions_take_no_time(piece: bytes) -> None:
    """A megabyte of anything is read once: with expansion or backtracking this would not end."""
    only_our_errors(parse_statement_xml, piece * (1_000_000 // len(piece)))
    only_our_errors(parse_statement_xml, b"<a>" + piece * (1_000_000 // len(piece)))


@FUZZ
@given(damaged(STATEMENT))
def test_damaged_statements_raise_our_errors_only(data: bytes) -> None:
    """Whatever the text, an element or an error of ours."""
    only_our_errors(parse_statement_xml, data)
