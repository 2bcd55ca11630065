# SPDX-License-Identifier: Apache-2.0
"""The walk through the DER of a certificate (RFC 5280 section 4.1), which every entry of a log goes through.

Tags and lengths are read in place, because a function call for each of the hundred elements of a certificate
would cost more than anything else that a log does but signatures. No element is compared with the end of its
container: offsets only grow, every container is required to end exactly where its last element does, and
reading past the last byte raises `IndexError`, which becomes `ParseError` here. So an element that reaches
too far is always found. `x509` states what is strict and what is tolerated.
"""

from datetime import date

from keystead.encoding.der import oid_text, read_header
from keystead.errors import ParseError

__all__ = ["Fields", "Span", "walk_certificate", "walk_tbs_certificate"]

_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_TWO_UTC_TIMES = b"\x30\x1e\x17\x0d"
_UTC_TIME = b"\x17\x0d"
_EPOCH = date(1970, 1, 1).toordinal()

Span = tuple[str, bool, int, int, int]
"""An extension as the walk leaves it: identifier, critical, offsets of its value, its start and its end."""


class Fields:
    """What the walk finds. Not a frozen dataclass, which would cost the hot path 2 us; treat it as one.

    Attributes:
        source: the bytes that offsets count in.
        tbs: DER of the TBSCertificate.
        version: 1 or 3.
        serial: content octets of the INTEGER.
        issuer, subject: DER of the Names.
        not_before, not_after: seconds since the epoch.
        spki: DER of the SubjectPublicKeyInfo.
        signature_algorithm: DER of the AlgorithmIdentifier.
        signature: the octets of the BIT STRING; empty for a TBSCertificate alone.
        fields_start: offset of the first byte inside the TBSCertificate.
        extensions_start: offset of the `[3]` around the extensions; where there are none, the end of the
            fields.
        spans: the extensions as offsets, for those who cut one out.
    """

    __slots__ = (
        "extensions_start",
        "fields_start",
        "issuer",
        "not_after",
        "not_before",
        "serial",
        "signature",
        "signature_algorithm",
        "source",
        "spans",
        "spki",
        "subject",
        "tbs",
        "version",
    )

    source: bytes
    tbs: bytes
    version: int
    serial: bytes
    issuer: bytes
    subject: bytes
    not_before: int
    not_after: int
    spki: bytes
    signature_algorithm: bytes
    signature: bytes
    fields_start: int
    extensions_start: int
    spans: list[Span]


def walk_certificate(into: Fields, der: bytes, *, strict: bool) -> None:
    """Fill `into` from a Certificate.

    Raises:
        ParseError: `der` is none.
    """
    try:
        _walk_certificate(into, der, strict=strict)
    except IndexError as error:
        raise ParseError("the certificate ends early", offset=len(der)) from error


def walk_tbs_certificate(into: Fields, tbs: bytes) -> None:
    """Fill `into` from a TBSCertificate.

    Raises:
        ParseError: `tbs` is none.
    """
    try:
        end = _walk_tbs(into, tbs, 0, strict=True)
    except IndexError as error:
        raise ParseError("the TBSCertificate ends early", offset=len(tbs)) from error
    if end != len(tbs):
        raise ParseError("the TBSCertificate does not end with its bytes", offset=min(end, len(tbs)))
    into.signature = b""


def _walk_certificate(into: Fields, data: bytes, *, strict: bool) -> None:
    end = _skip(data, 0, 0x30, "the certificate")
    if end != len(data):
        raise ParseError("the certificate does not end with its bytes", offset=min(end, len(data)))
    position = _walk_tbs(into, data, _content(data, 0), strict=strict)
    after = _skip(data, position, 0x30, "the signature algorithm")
    # RFC 5280 section 4.1.1.2: MUST contain the same algorithm identifier as the field inside.
    algorithm = data[position:after]
    if algorithm != into.signature_algorithm:
        if strict:
            raise ParseError("the signature algorithms inside and outside differ", offset=position)
        into.signature_algorithm = algorithm
    if _skip(data, after, 0x03, "the signature") != end:
        raise ParseError("the certificate does not end with its signature", offset=after)
    position = _content(data, after)
    if position == end or data[position]:
        raise ParseError("the signature is not a whole number of octets", offset=after)
    into.signature = data[position + 1 : end]


def _skip(data: bytes, position: int, tag: int, what: str) -> int:
    """The offset just behind the element at `position`, which must have `tag`."""
    if data[position] != tag:
        raise ParseError(f"{what} has the tag {data[position]:#04x}, not {tag:#04x}", offset=position)
    length = data[position + 1]
    return position + 2 + length if length < 0x80 else _long_end(data, position)


def _long_end(data: bytes, position: int) -> int:
    """The offset just behind an element whose length takes more than one octet (X.690 section 8.1.3.5)."""
    count = data[position + 1] & 0x7F
    start = position + 2 + count
    length = int.from_bytes(data[position + 2 : start])
    if not 0 < count <= 4 or length < 0x80 or length >> (8 * (count - 1)) == 0:
        raise ParseError("a length is indefinite, not minimal or cannot be", offset=position + 1)
    return start + length


def _content(data: bytes, position: int) -> int:
    """The offset of the content of an element whose length was read."""
    length = data[position + 1]
    return position + 2 if length < 0x80 else position + 2 + (length & 0x7F)


def _walk_tbs(into: Fields, data: bytes, position: int, *, strict: bool) -> int:
    """Fill `into` from the TBSCertificate at `position`; the offset just behind it."""
    start = position
    end = _skip(data, position, 0x30, "the TBSCertificate")
    into.source = data
    into.tbs = data[start:end]
    into.fields_start = position = _content(data, position)
    if data[position] == 0xA0:
        # Version 1 is the DEFAULT and not encoded (X.690 section 11.5); nobody issues version 2.
        if data[position : position + 5] != _VERSION_3:
            raise ParseError("the certificate's version is neither 1 nor 3", offset=position)
        position += 5
        into.version = 3
    else:
        into.version = 1
    after = _skip(data, position, 0x02, "the serial number")
    into.serial = serial = data[_content(data, position) : after]
    if not serial or (len(serial) > 1 and (serial[0] << 1 | serial[1] >> 7) in {0, 0x1FF}):
        raise ParseError("the serial number is not a minimal INTEGER", offset=position)
    if strict and serial[0] >= 0x80:
        raise ParseError("the serial number is negative", offset=position)
    position = _skip(data, after, 0x30, "the signature algorithm")
    into.signature_algorithm = data[after:position]
    after = _skip(data, position, 0x30, "the issuer")
    into.issuer = data[position:after]
    position = _walk_validity(into, data, after)
    after = _skip(data, position, 0x30, "the subject")
    into.subject = data[position:after]
    position = _skip(data, after, 0x30, "the public key")
    into.spki = data[after:position]
    into.extensions_start = end
    into.spans = []
    if position < end and into.version == 3:
        # issuerUniqueID and subjectUniqueID (RFC 5280 section 4.1.2.8) are read over.
        for tag in (0x81, 0x82):
            if position < end and data[position] == tag:
                position = _skip(data, position, tag, "a unique identifier")
        if position < end:
            into.extensions_start = position
            position = _walk_extensions(into.spans, data, position, strict=strict)
    if position != end:
        raise ParseError("the TBSCertificate does not end with its last field", offset=min(position, end))
    return end


def _walk_validity(into: Fields, data: bytes, position: int) -> int:
    # Nearly all are two UTCTimes: thirty-two octets of known shape.
    second = position + 17
    if data[position : position + 4] == _TWO_UTC_TIMES and data[second : second + 2] == _UTC_TIME:
        into.not_before = _seconds(data, position + 4, second, 2)
        into.not_after = _seconds(data, second + 2, second + 15, 2)
        return position + 32
    end = _skip(data, position, 0x30, "the validity")
    times: list[int] = []
    position = _content(data, position)
    while position < end:
        tag, start, after = read_header(data, position, min(end, len(data)))
        if tag not in {0x17, 0x18}:
            raise ParseError("a time is neither UTCTime nor GeneralizedTime", offset=position)
        times.append(_seconds(data, start, after, 2 if tag == 0x17 else 4))
        position = after
    if len(times) != 2:
        raise ParseError("the validity is not two times", offset=position)
    into.not_before, into.not_after = times
    return end


def _seconds(data: bytes, start: int, end: int, year_digits: int) -> int:
    """Seconds since the epoch of a time of RFC 5280 section 4.1.2.5."""
    digits = data[start : end - 1]
    if len(digits) != year_digits + 10 or not digits.isdigit() or data[end - 1] != 0x5A:
        raise ParseError("a time is neither YYMMDDHHMMSSZ nor YYYYMMDDHHMMSSZ", offset=start)
    day, time = divmod(int(digits), 1_000_000)
    year, day = divmod(day, 10_000)
    month, day = divmod(day, 100)
    if year_digits == 2:
        year += 2000 if year < 50 else 1900
    hour, second = divmod(time, 10_000)
    minute, second = divmod(second, 100)
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError as error:
        raise ParseError("a time names a day that does not exist", offset=start) from error
    if hour > 23 or minute > 59 or second > 59:
        raise ParseError("a time names a moment that does not exist", offset=start)
    return days * 86400 + hour * 3600 + minute * 60 + second


def _walk_extensions(into: list[Span], data: bytes, position: int, *, strict: bool) -> int:
    """Fill `into` from the `[3]` at `position`; the offset just behind it."""
    end = _skip(data, position, 0xA3, "the extensions")
    position = _content(data, position)
    if _skip(data, position, 0x30, "the list of extensions") != end:
        raise ParseError("the extensions do not end with their list", offset=position)
    position = _content(data, position)
    if strict and position == end:
        raise ParseError("the list of extensions is empty", offset=position)
    while position < end:
        start = position
        length = data[position + 1]
        if data[position] != 0x30:
            raise ParseError("an extension is no SEQUENCE", offset=position)
        if length < 0x80:
            position += 2
            stop = position + length
        else:
            stop = _long_end(data, position)
            position += 2 + (length & 0x7F)
        if data[position] != 0x06:
            raise ParseError("an extension does not begin with its identifier", offset=position)
        after = position + 2 + data[position + 1]
        try:
            oid = oid_text(data[position + 2 : after])
        except ParseError as error:
            raise ParseError(str(error), offset=position) from error
        critical = data[after] == 0x01
        if critical:
            # X.690 sections 11.1 and 11.5: TRUE is 0xff, and FALSE, the DEFAULT, is left out.
            flag = data[after : after + 3]
            critical = flag == b"\x01\x01\xff"
            if not critical and (strict or flag != b"\x01\x01\x00"):
                raise ParseError("an extension's critical flag is not DER", offset=after)
            after += 3
        if data[after] != 0x04:
            raise ParseError("an extension's value is no OCTET STRING", offset=after)
        length = data[after + 1]
        if length < 0x80:
            value = after + 2
            position = value + length
        else:
            value = after + 2 + (length & 0x7F)
            position = _long_end(data, after)
        if position != stop:
            raise ParseError("an extension does not end with its value", offset=after)
        into.append((oid, critical, value, start, stop))
    if strict and len({span[0] for span in into}) != len(into):
        seen: set[str] = set()
        for oid, _, _, start, _ in into:
            # RFC 5280 section 4.2: MUST NOT include more than one instance of a particular extension.
            if oid in seen:
                raise ParseError(f"the extension {oid} is there twice", offset=start)
            seen.add(oid)
    return position
