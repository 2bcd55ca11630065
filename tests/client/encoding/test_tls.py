# SPDX-License-Identifier: Apache-2.0
"""TLS presentation language: reads stay inside, and every byte is accounted for."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystead.encoding import tls
from keystead.encoding.tls import Reader
from keystead.errors import ParseError

_INTEGERS = [
    (tls.uint8, Reader.uint8, 1),
    (tls.uint16, Reader.uint16, 2),
    (tls.uint24, Reader.uint24, 3),
    (tls.uint32, Reader.uint32, 4),
    (tls.uint64, Reader.uint64, 8),
]
_VECTORS = [
    (tls.opaque8, Reader.opaque8, 1),
    (tls.opaque16, Reader.opaque16, 2),
    (tls.opaque24, Reader.opaque24, 3),
]


@pytest.mark.parametrize(("write", "read", "size"), _INTEGERS)
@given(data=st.data())
def test_integers_are_big_endian(
    write: Callable[[int], bytes], read: Callable[[Reader], int], size: int, data: st.DataObject
) -> None:
    """An integer takes its bytes, the greatest first, and is read back."""
    value = data.draw(st.integers(0, 256**size - 1))
    encoded = write(value)
    assert encoded == value.to_bytes(size, "big")
    reader = Reader(encoded, "an integer")
    assert read(reader) == value
    reader.finish()


@pytest.mark.parametrize(("write", "size"), [(write, size) for write, _, size in _INTEGERS])
def test_integers_that_do_not_fit_are_not_written(write: Callable[[int], bytes], size: int) -> None:
    """No value is cut down to its field."""
    for value in (256**size, -1):
        with pytest.raises(OverflowError):
            write(value)


@pytest.mark.parametrize(("write", "read", "size"), _VECTORS)
@given(content=st.binary(max_size=255))
def test_vectors_have_their_length_in_front(
    write: Callable[[bytes], bytes], read: Callable[[Reader], bytes], size: int, content: bytes
) -> None:
    """A vector is its length, then its bytes."""
    encoded = write(content)
    assert encoded == len(content).to_bytes(size, "big") + content
    reader = Reader(encoded + b"rest", "a vector")
    assert read(reader) == content
    assert reader.remaining == 4


@pytest.mark.parametrize(("write", "read", "size"), _VECTORS)
def test_vectors_at_the_limit_of_their_length(
    write: Callable[[bytes], bytes], read: Callable[[Reader], bytes], size: int
) -> None:
    """The longest vector is written and read; a longer one is not written."""
    longest = bytes(256**size - 1)
    assert read(Reader(write(longest), "a vector")) == longest
    with pytest.raises(OverflowError):
        write(longest + b"x")


_READS = st.sampled_from(
    [read for _, read, _ in _INTEGERS] + [read for _, read, _ in _VECTORS] + [lambda reader: reader.fixed(32)]
)


@given(st.binary(max_size=64), st.lists(_READS, max_size=8))
def test_a_reader_never_leaves_its_bytes(data: bytes, reads: list[Callable[[Reader], object]]) -> None:
    """Any sequence of reads moves forward inside the bytes, or is a ParseError that says where they end."""
    reader = Reader(data, "a structure")
    for read in reads:
        before = reader.offset
        error = _error_of(read, reader)
        if error is not None:
            assert error.offset == len(data)
            assert str(error).startswith("a structure ends early")
            return
        assert before < reader.offset <= len(data)
        assert reader.remaining == len(data) - reader.offset


def _error_of(read: Callable[[Reader], object], reader: Reader) -> ParseError | None:
    try:
        read(reader)
    except ParseError as error:
        return error
    return None


def test_trailing_bytes_are_refused() -> None:
    """What is left over is an error, which tells where it begins."""
    reader = Reader(b"\x01\x02", "a structure")
    reader.uint8()
    with pytest.raises(ParseError, match="trailing") as caught:
        reader.finish()
    assert caught.value.offset == 1
