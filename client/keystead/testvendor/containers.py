# SPDX-License-Identifier: Apache-2.0
"""What evidence travels in: PKCS#10 requests with attributes, and PKCS#7 bundles of certificates."""

from collections.abc import Sequence

from keystead.encoding.der import BIT_STRING, SEQUENCE, SET, encode, encode_integer, encode_oid
from keystead.testvendor.keys import SigningKey

__all__ = ["certificate_bundle", "certification_request"]

_EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
_DATA = "1.2.840.113549.1.7.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"


def certification_request(
    subject: bytes,
    key: SigningKey,
    *,
    extensions: Sequence[bytes] = (),
    attributes: Sequence[tuple[str, bytes]] = (),
    spki: bytes | None = None,
) -> bytes:
    """DER of a certification request (RFC 2986), signed by `key`.

    Args:
        subject: DER of the Name.
        key: what signs, and by default what the request is about.
        extensions: DER of each requested Extension.
        attributes: (dotted identifier, DER of the one value) of further attributes.
        spki: another public key for the request to be about.
    """
    listed = list(attributes)
    if extensions:
        listed.append((_EXTENSION_REQUEST, encode(SEQUENCE, *extensions)))
    info = encode(
        SEQUENCE,
        encode_integer(0),
        subject,
        key.spki if spki is None else spki,
        encode(0xA0, *(encode(SEQUENCE, encode_oid(oid), encode(SET, value)) for oid, value in listed)),
    )
    return encode(SEQUENCE, info, key.algorithm, encode(BIT_STRING, b"\0", key.sign(info)))


def certificate_bundle(certificates: Sequence[bytes]) -> bytes:
    """DER of a degenerate PKCS#7 SignedData that holds nothing but certificates (RFC 2315 section 9.1)."""
    signed_data = encode(
        SEQUENCE,
        encode_integer(1),
        encode(SET),
        encode(SEQUENCE, encode_oid(_DATA)),
        encode(0xA0, *certificates),
        encode(SET),
    )
    return encode(SEQUENCE, encode_oid(_SIGNED_DATA), encode(0xA0, signed_data))
