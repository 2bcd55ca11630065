# SPDX-License-Identifier: Apache-2.0
"""The TLS presentation language of RFC 8446 section 3, as far as RFC 6962 and C2SP formats use it.

`Reader` takes values off the front of a byte string; the `uint…` and `opaque…` functions write them.

Invariants:

* a reader never reads past its end, and `finish()` refuses trailing bytes;
* nothing but `ParseError` is raised on input.

>>> reader = Reader(opaque16(b"abc") + uint8(7), "example")
>>> reader.opaque16(), reader.uint8()
(b'abc', 7)
>>> reader.finish()
"""

from keystead.errors import ParseError

__all__ = ["Reader", "opaque8", "opaque16", "opaque24", "uint8", "uint16", "uint24", "uint32", "uint64"]


class Reader:
    """Reads TLS-encoded values from `data`, in order.

    Args:
        data: the whole structure.
        what: its name, for error sentences.
    """

    __slots__ = ("_data", "_end", "offset", "what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._end = len(data)
        self.offset = 0
        self.what = what

    @property
    def remaining(self) -> int:
        """How many bytes have not been read."""
        return self._end - self.offset

    def fixed(self, length: int) -> bytes:
        """The next `length` bytes."""
        start = self.offset
        stop = start + length
        if stop > self._end:
            raise ParseError(f"{self.what} ends early", offset=self._end)
        self.offset = stop
        return self._data[start:stop]

    def uint8(self) -> int:
        """A one-byte integer."""
        return int.from_bytes(self.fixed(1))

    def uint16(self) -> int:
        """A big-endian two-byte integer."""
        return int.from_bytes(self.fixed(2))

    def uint24(self) -> int:
        """A big-endian three-byte integer."""
        return int.from_bytes(self.fixed(3))

    def uint32(self) -> int:
        """A big-endian four-byte integer."""
        return int.from_bytes(self.fixed(4))

    def uint64(self) -> int:
        """A big-endian eight-byte integer."""
        return int.from_bytes(self.fixed(8))

    def opaque8(self) -> bytes:
        """Bytes behind a one-byte length."""
        return self.fixed(self.uint8())

    def opaque16(self) -> bytes:
        """Bytes behind a two-byte length."""
        return self.fixed(self.uint16())

    def opaque24(self) -> bytes:
        """Bytes behind a three-byte length."""
        return self.fixed(self.uint24())

    def finish(self) -> None:
        """Refuse trailing bytes."""
        if self.offset != self._end:
            raise ParseError(f"{self.what} has trailing bytes", offset=self.offset)


def uint8(value: int) -> bytes:
    """`value` in one byte."""
    return value.to_bytes(1)


def uint16(value: int) -> bytes:
    """`value` in two bytes, big-endian."""
    return value.to_bytes(2)


def uint24(value: int) -> bytes:
    """`value` in three bytes, big-endian."""
    return value.to_bytes(3)


def uint32(value: int) -> bytes:
    """`value` in four bytes, big-endian."""
    return value.to_bytes(4)


def uint64(value: int) -> bytes:
    """`value` in eight bytes, big-endian."""
    return value.to_bytes(8)


def opaque8(data: bytes) -> bytes:
    """`data` behind its one-byte length."""
    return len(data).to_bytes(1) + data


def opaque16(data: bytes) -> bytes:
    """`data` behind its two-byte length."""
    return len(data).to_bytes(2) + data


def opaque24(data: bytes) -> bytes:
    """`data` behind its three-byte length."""
    return len(data).to_bytes(3) + data
