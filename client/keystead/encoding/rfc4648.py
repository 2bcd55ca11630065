# SPDX-License-Identifier: Apache-2.0
"""Base64 and base16 as RFC 4648 sections 4 and 8 give them, in their one canonical form.

Base64 is padded and uses the standard alphabet; base16 is lowercase here, as every Keystead format fixes it.

Invariants:

* what is decoded encodes to the same text again: no white space, no missing padding, no set pad bits;
* nothing but `ParseError` is raised.
"""

import binascii

from keystead.errors import ParseError

__all__ = ["decode_base16", "decode_base64", "decode_digest", "encode_base64"]

_HEX = frozenset("0123456789abcdef")


def encode_base64(data: bytes) -> str:
    """The canonical base64 of `data`."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str | bytes, what: str = "base64") -> bytes:
    """Decode canonical base64.

    Args:
        text: the text; bytes must be ASCII.
        what: what the text is, for the error's sentence.

    Raises:
        ParseError: the text is not the canonical encoding of any bytes.
    """
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise ParseError(f"{what} is not standard, padded base64") from error
    # Padding after a whole group decodes, too; and section 3.5: pad bits that are not zero decode like zero ones. So
    # look at the length, and re-encode what shares its four characters with padding.
    groups, last = divmod(len(data), 3)
    canonical = binascii.b2a_base64(data[3 * groups :], newline=False)
    if len(text) != 4 * groups + len(canonical) or (
        last and canonical != (text[-4:].encode("ascii") if isinstance(text, str) else text[-4:])
    ):
        raise ParseError(f"{what} is not canonical base64")
    return data


def decode_base16(text: str, what: str = "hex") -> bytes:
    """Decode lowercase hexadecimal.

    Raises:
        ParseError: another character, or an odd number of digits.
    """
    if len(text) % 2 or not _HEX.issuperset(text):
        raise ParseError(f"{what} is not lowercase hexadecimal")
    return bytes.fromhex(text)


def decode_digest(text: str, what: str = "digest") -> bytes:
    """Decode the 64 lowercase hexadecimal digits of a SHA-256 value.

    Raises:
        ParseError: anything else.
    """
    if len(text) != 64:
        raise ParseError(f"{what} is not 64 hexadecimal digits")
    return decode_base16(text, what)
