# SPDX-License-Identifier: Apache-2.0
"""Files taken apart by content: PEM with any text around it, PKCS#7 bundles of certificates, single DER certificates
and requests, evidence in its canonical encoding or as the API's JSON, other JSON with any of this in its texts.

Invariants:

* nothing but `ParseError` is raised on input, and that is noted for its file: the others are read all the same;
* time and memory grow with the length of the files alone, which is limited.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from keystead.certificate.x509 import parse_vendor_certificate
from keystead.devices.csr_attestation import CSR_ATTESTATION, parse_bundles
from keystead.devices.evidence import MAGIC, evidence_from_json, parse_evidence
from keystead.devices.material import FoundCertificate, FoundStatement, Material
from keystead.devices.pkcs7 import pkcs7_certificates
from keystead.devices.request import CertificationRequest, parse_request
from keystead.encoding.der import OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, parse
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError

__all__ = ["MAX_FILE_BYTES", "sort_files"]

MAX_FILE_BYTES = 1 << 20
"""Sixteen times the longest evidence: beyond that, a file is something else."""

_MAX_TEXTS = 512
_LEAST_BASE64 = 88  # a P-256 signature or key is not shorter

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n")
_END = b"-----END "
_WHITE_SPACE = b" \t\r\n\v\f"
_CERTIFICATE_LABELS = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
_REQUEST_LABELS = frozenset({b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"})
_PKCS7_LABELS = frozenset({b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"})


def sort_files(files: Mapping[str, bytes]) -> Material:
    """Take files apart.

    Args:
        files: contents by name; a `/` in a name separates folders.
    """
    material = Material()
    for name, data in files.items():
        try:
            _sort_file(material, name, data)
        except ParseError as error:
            material.problems[name] = str(error)
    return material


def _sort_file(material: Material, name: str, data: bytes) -> None:
    if len(data) > MAX_FILE_BYTES:
        raise ParseError(f"longer than {MAX_FILE_BYTES} bytes")
    if data.startswith(MAGIC):
        material.evidence.append((name, parse_evidence(data)))
    elif data.lstrip(_WHITE_SPACE)[:1] in {b"{", b"["}:
        # Before PEM: some tools put PEM into JSON strings.
        _sort_or_keep(material, name, data, _sort_json)
    elif b"-----BEGIN " in data:
        _sort_pem(material, name, data)
    elif data[:1] == b"\x30":
        _sort_or_keep(material, name, data, _sort_der)
    else:
        material.rest.append((name, data))


def _sort_or_keep(
    material: Material, name: str, data: bytes, sort: Callable[[Material, str, bytes], None]
) -> None:
    """A file that only begins like JSON or DER may be a signature: its octets are anything."""
    try:
        sort(material, name, data)
    except ParseError:
        material.rest.append((name, data))
        raise


def _sort_pem(material: Material, name: str, data: bytes) -> None:
    for label, text in _pem_blocks(data):
        if label.endswith(b"KEY"):
            continue  # a public key beside its attestation, say
        der = decode_base64(text.translate(None, _WHITE_SPACE), "a PEM block")
        if label in _CERTIFICATE_LABELS | _REQUEST_LABELS | _PKCS7_LABELS:
            _sort_der(material, name, der)
        else:
            material.rest.append((name, der))  # a vendor's own label


def _pem_blocks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Label and text of every block that ends with its own label; in time that grows with the data alone."""
    position = end = 0
    open_since = None
    for begin in _BEGIN.finditer(data):
        if begin.start() < position:
            continue  # inside of the block before
        if 0 <= end < begin.end():
            end = data.find(_END, begin.end())
        if end >= 0 and data.startswith(begin[1] + b"-----", end + len(_END)):
            yield begin[1], data[begin.end() : end]
            position, open_since = end, None
        else:
            open_since = begin.start()
    if open_since is not None:
        raise ParseError("a PEM block has no END line: is the file cut off?", offset=open_since)


def _sort_der(material: Material, name: str, der: bytes) -> None:
    """One structure: a PKCS#7 begins with an identifier, a request's information with the version 0."""
    first = next(parse(der).iterate(), None)
    if first is None:
        material.rest.append((name, der))
    elif first.tag == OBJECT_IDENTIFIER:
        for certificate in pkcs7_certificates(der):
            material.add(FoundCertificate(parse_vendor_certificate(certificate), name))
    elif first.tag == SEQUENCE and first.content[:3] == b"\x02\x01\x00":
        _add_request(material, name, parse_request(der))
    else:
        material.add(FoundCertificate(parse_vendor_certificate(der), name))


def _add_request(material: Material, name: str, request: CertificationRequest) -> None:
    """Whatever in a request is a certificate, bare or inside an OCTET STRING; and everything else."""
    material.contents[name] = "a certification request"
    for oid, value in request.values:
        if oid == CSR_ATTESTATION:
            _add_bundles(material, name, request, value)
            continue
        for candidate in _unwrapped(value):
            try:
                certificate = parse_vendor_certificate(candidate)
            except ParseError:
                continue
            material.add(FoundCertificate(certificate, name, request))
            break
        else:
            material.statements.append(FoundStatement(oid, value, name, request))


def _add_bundles(material: Material, name: str, request: CertificationRequest, value: bytes) -> None:
    for bundle in parse_bundles(value):
        material.statements += [
            FoundStatement(kind, statement, name, request) for kind, statement in bundle.statements
        ]
        for der in bundle.certificates:
            material.add(FoundCertificate(parse_vendor_certificate(der), name, request))


def _unwrapped(value: bytes) -> Iterable[bytes]:
    yield value
    try:
        element = parse(value)
    except ParseError:
        return
    if element.tag == OCTET_STRING:
        yield element.content


def _sort_json(material: Material, name: str, data: bytes) -> None:
    """The API's form: one piece, a list of pieces, or an object with an `evidence` list, such as a submission."""
    document = decode_json(data)
    if isinstance(document, dict) and isinstance(document.get("evidence"), list):
        document = document["evidence"]
    pieces = document if isinstance(document, list) else [document]
    if all(isinstance(piece, dict) and {"format", "data"} <= piece.keys() for piece in pieces):
        material.evidence += [(name, evidence_from_json(piece)) for piece in pieces]
    else:
        material.rest.append((name, data))
        for text in islice(_texts(document), _MAX_TEXTS):
            _sort_text(material, name, text)


def _texts(document: Any) -> Iterator[str]:
    """Every text in a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, list | dict):
        for member in document.values() if isinstance(document, dict) else document:
            yield from _texts(member)


def _sort_text(material: Material, name: str, text: str) -> None:
    """Vendors' interfaces answer with statements and signatures in base64, and with certificates in PEM."""
    data = text.encode()
    try:
        if b"-----BEGIN " in data:
            _sort_pem(material, name, data)
        elif len(data) >= _LEAST_BASE64:
            decoded = decode_base64(data.translate(None, _WHITE_SPACE))
            if decoded[:1] == b"\x30":
                _sort_or_keep(material, name, decoded, _sort_der)
            else:
                material.rest.append((name, decoded))
    except ParseError:
        pass  # a text like any other
