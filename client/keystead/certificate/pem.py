# SPDX-License-Identifier: Apache-2.0
"""Certificates and public keys out of PEM files (RFC 7468), as people have them.

Text around the blocks is ignored (section 2 lets a parser do so; `openssl x509 -text` writes some), and so
are blocks with other labels. Inside a block the base64 is strict but for its line breaks.
"""

import re
from collections.abc import Iterator

from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError

__all__ = ["certificates_from_pem", "public_keys_from_pem"]

_CERTIFICATE = re.compile(rb"^-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[ \t]*\r?$", re.MULTILINE)
_PUBLIC_KEY = re.compile(rb"^-----BEGIN (PUBLIC KEY)-----[ \t]*\r?$", re.MULTILINE)
_WHITE_SPACE = b" \t\r\n\v\f"


def certificates_from_pem(data: bytes) -> list[bytes]:
    """The DER of each `CERTIFICATE` block, in order; empty where there is none.

    Raises:
        ParseError: a block does not end, or its base64 is wrong.
    """
    return list(_blocks(_CERTIFICATE, data))


def public_keys_from_pem(data: bytes) -> list[bytes]:
    """The SubjectPublicKeyInfo of each `PUBLIC KEY` block, in order; empty where there is none.

    Raises:
        ParseError: a block does not end, or its base64 is wrong.
    """
    return list(_blocks(_PUBLIC_KEY, data))


def _blocks(begin: re.Pattern[bytes], data: bytes) -> Iterator[bytes]:
    position = 0
    while block := begin.search(data, position):
        end = data.find(b"-----END " + block[1] + b"-----", block.end())
        if end < 0:
            raise ParseError("a PEM block has no END line", offset=block.start())
        text = data[block.end() : end].translate(None, _WHITE_SPACE)
        try:
            yield decode_base64(text, "a PEM block")
        except ParseError as error:
            raise ParseError(str(error), offset=block.start()) from error
        position = end
