# SPDX-License-Identifier: Apache-2.0
"""CtExtensions: the specification's example, other types beside the index, and strangers' bytes."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.ct.extensions import MAX_LEAF_INDEX, encode_extensions, parse_extensions
from keystead.errors import ParseError
from support.fuzzing import FUZZ, damaged, only_our_errors


def test_example_of_the_specification() -> None:
    """Index 123456 is the eight bytes that static-ct-api prints."""
    assert encode_extensions(123456) == bytes.fromhex("000005000001e240") == base64.b64decode("AAAFAAAB4kA=")
    assert parse_extensions(base64.b64decode("AAAFAAAB4kA=")) == 123456


@given(st.integers(0, MAX_LEAF_INDEX))
@FUZZ
def test_every_index_is_read_back(index: int) -> None:
    """An index survives, and takes eight bytes."""
    assert parse_extensions(encode_extensions(index)) == index
    assert len(encode_extensions(index)) == 8


def test_the_greatest_index() -> None:
    """The last index has forty bits, all set."""
    assert encode_extensions(2**40 - 1) == b"\x00\x00\x05" + b"\xff" * 5
    assert MAX_LEAF_INDEX == 2**40 - 1


def test_other_types_are_passed_over() -> None:
    """A field may hold other extensions, before and after the index."""
    other, empty = b"\x07\x00\x02ab", b"\xff\x00\x00"
    for data in (
        other + encode_extensions(9) + empty,
        encode_extensions(9) + other,
        empty + encode_extensions(9),
    ):
        assert parse_extensions(data) == 9


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x07\x00\x02ab",
        b"\x00\x00\x04abcd",
        b"\x00\x00\x06abcdef",
        b"\x00\x00\x05abcd",
        b"\x00\x00\x05abcde\x07",
        b"\x00\x00\x05abcde\x07\x00\x01",
        b"\x00\x00\x05abcde\x00\x00\x05abcde",
        b"\x07\x00\x00\x07\x00\x00\x00\x00\x05abcde",
        b"\x01\x00\x05abcde",
    ],
)
def test_what_is_refused(data: bytes) -> None:
    """No index, an index of another length, a type that comes twice, or an extension cut short."""
    with pytest.raises(ParseError):
        parse_extensions(data)


@pytest.mark.parametrize("index", [-1, MAX_LEAF_INDEX + 1])
def test_an_index_has_forty_bits(index: int) -> None:
    """An index that does not fit is not written."""
    with pytest.raises(ParseError):
        encode_extensions(index)


@given(damaged(encode_extensions(5), b"\x07\x00\x02ab" + encode_extensions(5)))
@FUZZ
def test_extensions_from_strangers(data: bytes) -> None:
    """Nothing but our errors comes of damaged extensions, and an index that is read is in the bytes."""
    index = only_our_errors(parse_extensions, data)
    assert index is None or encode_extensions(index) in data
