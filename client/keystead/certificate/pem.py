# SPDX-License-Identifier: Apache-2.0
"""Certificates out of PEM files (RFC 7468), as people have them.

Text around the blocks is ignored (section 2 lets a parser do so; `openssl x509 -text` writes some), and so
are blocks with other labels. Inside a certificate block the base64 is strict but for its line breaks.
"""

import re

from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError

__all__ = ["certificates_from_pem"]

_BEGIN = re.compile(rb"^-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[ \t]*\r?$", re.MULTILINE)
_WHITE_SPACE = b" \t\r\n\v\f"


def certificates_from_pem(data: bytes) -> list[bytes]:
    """The DER of each `CERTIFICATE` block, in order; empty where there is none.

    Raises:
        ParseError: a block does not end, or its base64 is wrong.
    """
    certificates: list[bytes] = []
    position = 0
    while block := _BEGIN.search(data, position):
        end = data.find(b"-----END " + block[1] + b"-----", block.end())
        if end < 0:
            raise ParseError("a PEM block has no END line", offset=block.start())
        text = data[block.end() : end].translate(None, _WHITE_SPACE)
        try:
            certificates.append(decode_base64(text, "a PEM block"))
        except ParseError as error:
            raise ParseError(str(error), offset=block.start()) from error
        position = end
    return certificates
