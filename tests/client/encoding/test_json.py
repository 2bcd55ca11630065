# SPDX-License-Identifier: Apache-2.0
"""JSON that means one thing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding.json import MAX_DEPTH, decode_json, encode_json
from keystead.errors import ParseError

_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**63 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_reads_back_what_it_writes(value: Any) -> None:
    """Every value of these types is read back from its one form, in which no white space is added."""
    data = encode_json(value)
    assert decode_json(data) == value
    assert encode_json(decode_json(data)) == data


@given(_VALUES, st.sampled_from([None, 0, 2]), st.booleans())
def test_reads_any_layout(value: Any, indent: int | None, ascii_only: bool) -> None:
    """White space and escapes of RFC 8259 do not change what is read."""
    assert decode_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\/u0dD8eE+-.tfn 19\n', max_size=60).map(str.encode))
def test_only_parse_errors_escape(data: bytes) -> None:
    """Any bytes are a value that the standard library reads alike, or a ParseError."""
    try:
        value = decode_json(data)
    except ParseError:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a":1,"a":1}', "member 'a' twice"),
        ('{"a":{"b":1,"b":2}}', "member 'b' twice"),
        (r'{"a":1,"\u0061":2}', "member 'a' twice"),
        ("-1", "not a decimal"),
        ("-0", "not a decimal"),
        ("1.0", "no integer"),
        ("1e3", "no integer"),
        ("NaN", "no integer"),
        ("Infinity", "no integer"),
        ("-Infinity", "no integer"),
        ("9223372036854775808", "greater"),
        ("9" * 5000, "not a decimal"),
        ("01", "not JSON"),
        ("", "not JSON"),
        ("1 1", "not JSON"),
        ("[1,]", "not JSON"),
        ("{'a':1}", "not JSON"),
        ('"\n"', "not JSON"),
        ("\ufeff1", "not JSON"),
        (r'"\ud800"', "surrogate"),
        (r'{"\udc00x":1}', "surrogate"),
        (r'{"a":"\ud800","a":1}', "twice"),
    ],
)
def test_refuses_what_is_ambiguous_or_no_json(text: str, why: str) -> None:
    """Members twice (also spelled differently), other numbers, trailing text, marks and lone surrogates are refused."""
    with pytest.raises(ParseError, match=why):
        decode_json(text.encode("utf-8"), "the document")


def test_a_surrogate_pair_is_one_character() -> None:
    """An escaped pair is the character that it stands for."""
    assert decode_json(rb'"\ud83d\ude00"') == "\N{GRINNING FACE}"


def test_refuses_bytes_that_are_no_utf8() -> None:
    """The offset of the first bad byte is told."""
    with pytest.raises(ParseError) as caught:
        decode_json(b'"ab\xff"')
    assert caught.value.offset == 3


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_refuses_deep_nesting(opening: str) -> None:
    """Sixty-four levels are read and sixty-five refused, and so are a hundred thousand."""
    closing = "]" if opening == "[" else "}"
    inner = "1" if opening != "[" else ""
    decode_json((opening * MAX_DEPTH + inner + closing * MAX_DEPTH).encode())
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ParseError, match="deep"):
            decode_json((opening * depth + inner + closing * depth).encode())


def test_brackets_in_strings_are_no_levels() -> None:
    """Strings may hold any number of brackets, behind escaped quotation marks too."""
    value = ['[{"' * 200, "\\", "]" * 200]
    assert decode_json(encode_json(value)) == value


def test_wide_documents_are_read() -> None:
    """Many objects beside each other are no depth."""
    value = [{"a": [{}]}] * 1000
    assert decode_json(encode_json(value)) == value


def test_a_hostile_member_name_is_quoted_harmlessly() -> None:
    """An error about a member's name holds no control character of it, and no more than its beginning."""
    name = "\x1b[31m\u202e" + "x" * 1000
    with pytest.raises(ParseError) as caught:
        decode_json(
            json.dumps({"b": 1})[:-1].encode() + b"," + (json.dumps(name) + ":1,").encode() * 2 + b'"c":1}'
        )
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 200
