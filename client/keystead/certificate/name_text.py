# SPDX-License-Identifier: Apache-2.0
"""Distinguished names as people write them (RFC 4514), made into DER.

The reverse of `name.display`: types by the short names that it shows, in whatever case, or dotted. Spaces around
commas, plus signs and the first equals sign of a part are passed over, as many tools write them.
"""

import re

from cryptography.x509 import Name

from keystead.certificate.name import LABELS
from keystead.errors import ParseError

__all__ = ["parse_name"]

_DOTTED = {label.lower(): oid for oid, label in LABELS.items()} | {
    "e": "1.2.840.113549.1.9.1",
    "s": "2.5.4.8",
    "jurisdictioncountryname": "1.3.6.1.4.1.311.60.2.1.3",
    "jurisdictionstateorprovincename": "1.3.6.1.4.1.311.60.2.1.2",
    "jurisdictionlocalityname": "1.3.6.1.4.1.311.60.2.1.1",
}
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
_SEPARATOR = re.compile(r"((?<!\\)(?:\\\\)*[,+])")
_LAST_SPACES = re.compile(r"(?<!\\) +$")


def parse_name(text: str) -> bytes:
    """The DER of a Name.

    Args:
        text: as `O=Alpha AB,C=SE`, the most specific part first.

    Raises:
        ParseError: it is no name, or a type in it is not known.
    """
    written: list[str] = []
    for number, part in enumerate(_SEPARATOR.split(text)):
        if number % 2:
            # A backslash before a backslash belongs to the value.
            written[-1] += part[:-1]
            written.append(part[-1])
            continue
        label, equals, value = part.partition("=")
        oid = label.strip()
        oid = oid if _OID.fullmatch(oid) else _DOTTED.get(oid.lower(), "")
        if not equals or not oid:
            raise ParseError(
                f"{text!r} is no distinguished name: write O=Name,C=XX, with types as {', '.join(LABELS.values())}, or "
                "dotted"
            )
        written.append(f"{oid}={_LAST_SPACES.sub('', value.lstrip(' '))}")
    try:
        return Name.from_rfc4514_string("".join(written)).public_bytes()
    except ValueError as error:
        raise ParseError(f"{text!r} is no distinguished name: {error or 'see RFC 4514'}") from error
