# SPDX-License-Identifier: Apache-2.0
"""What files hold, before anybody knows which of it is evidence: certificates, requests, ready-made evidence.

Files are taken apart by content: PEM with any text around it, PKCS#7 bundles of certificates, single DER
certificates and requests, evidence in its canonical encoding or as the API's JSON, other JSON with any of this in
its texts. Names of files say nothing; they only decide which of several equal certificates is looked at first.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import Certificate, parse_vendor_certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.csr_attestation import CSR_ATTESTATION, parse_bundles
from keystead.devices.evidence import MAGIC, Evidence, evidence_from_json, parse_evidence
from keystead.devices.piece import Piece
from keystead.devices.pkcs7 import pkcs7_certificates
from keystead.devices.request import CertificationRequest, parse_request
from keystead.devices.vendor_chain import MAX_CHAIN
from keystead.encoding.der import OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, parse
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError, SignatureError

__all__ = [
    "MAX_CERTIFICATES",
    "MAX_FILE_BYTES",
    "FoundCertificate",
    "FoundStatement",
    "Material",
    "sort_files",
]

MAX_FILE_BYTES = 1 << 20
"""Sixteen times the longest evidence: beyond that, a file is something else."""

MAX_CERTIFICATES = 4096
"""Matching is by signature, so its cost grows with the square of this."""

Verify = Callable[[bytes, bytes, bytes, bytes], None]
"""Verifies a signature: key, AlgorithmIdentifier, signature, message; raises `SignatureError`."""

_MAX_TEXTS = 512
_LEAST_BASE64 = 88  # a P-256 signature or key is not shorter

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n(.*?)-----END \1-----", re.DOTALL)
_WHITE_SPACE = b" \t\r\n\v\f"
_CERTIFICATE_LABELS = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
_REQUEST_LABELS = frozenset({b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"})
_PKCS7_LABELS = frozenset({b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"})


@dataclass(frozen=True, slots=True, eq=False)
class FoundCertificate:
    """A certificate, the file that it was in, and the request that carried it, if one did."""

    certificate: Certificate
    file: str
    request: CertificationRequest | None = None


@dataclass(frozen=True, slots=True)
class FoundStatement:
    """What a request carries under a dotted identifier that says what it is, and where it was."""

    kind: str
    value: bytes
    file: str
    request: CertificationRequest


@dataclass(slots=True)
class Material:
    """Everything that was found.

    Attributes:
        certificates: in the order of files and within each.
        by_subject: the same, by the DER of the subject.
        statements: values of attributes and requested extensions, attestation bundles unpacked.
        evidence: (file, evidence) that was in its final form already.
        rest: (file, bytes) of files that are none of the kinds that this module knows, and of base64 texts in
            JSON that is no evidence.
        problems: by file, what could not be read in it.
    """

    certificates: list[FoundCertificate] = field(default_factory=list)
    by_subject: dict[bytes, list[FoundCertificate]] = field(default_factory=dict)
    statements: list[FoundStatement] = field(default_factory=list)
    evidence: list[tuple[str, Evidence]] = field(default_factory=list)
    rest: list[tuple[str, bytes]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, found: FoundCertificate) -> None:
        """Take note of a certificate.

        Raises:
            ParseError: there are more than `MAX_CERTIFICATES`.
        """
        if len(self.certificates) >= MAX_CERTIFICATES:
            raise ParseError(f"more than {MAX_CERTIFICATES} certificates at once: give fewer files")
        self.certificates.append(found)
        self.by_subject.setdefault(found.certificate.subject, []).append(found)

    def piece(
        self,
        signed: FoundCertificate,
        anchors: AnchorSet,
        format_name: str,
        verify: Verify = verify_signature,
    ) -> Piece | None:
        """The evidence that `signed` makes with what leads from it towards a pinned key, by signatures.

        Pinned keys' own certificates and other self-issued ones are left out: the canonical chain ends below.
        `verify` is the vendor's way where it is not the usual one.
        None, with a note in `problems`, where the piece is longer than evidence may be.
        """
        path = self.path(signed, anchors, format_name, verify)
        return self._made(
            signed.file, path, format_name, signed.certificate.der, path[1:], request=signed.request
        )

    def statement_piece(
        self, statement: tuple[str, bytes], signer: FoundCertificate, anchors: AnchorSet, format_name: str
    ) -> Piece | None:
        """The evidence that a statement makes with the certificate of what signed it, and what leads on from there.

        Args:
            statement: the file, and the evidence's data.
            signer: the first certificate of the chain.
            anchors: the pinned keys.
            format_name: as evidence is called.
        """
        path = self.path(signer, anchors, format_name)
        return self._made(statement[0], path, format_name, statement[1], path)

    def path(
        self,
        signed: FoundCertificate,
        anchors: AnchorSet,
        format_name: str,
        verify: Verify = verify_signature,
    ) -> list[FoundCertificate]:
        """`signed`, and what leads from it towards a pinned key, by signatures."""
        pinned = {anchor.key_hash for anchor in anchors.attesting(format_name)}
        path = [signed]
        while len(path) <= MAX_CHAIN + 1:
            above = self._issuer_of(path, pinned, verify)
            if above is None:
                break
            path.append(above)
        return path

    def _made(
        self,
        file: str,
        parts: list[FoundCertificate],
        format_name: str,
        data: bytes,
        chain: list[FoundCertificate],
        request: CertificationRequest | None = None,
    ) -> Piece | None:
        try:
            evidence = Evidence(format_name, data, tuple(one.certificate.der for one in chain))
        except ParseError as error:
            self.problems[file] = str(error)
            return None
        return Piece(evidence, tuple(dict.fromkeys((file, *(one.file for one in parts)))), request)

    def _issuer_of(
        self, path: list[FoundCertificate], pinned: set[bytes], verify: Verify
    ) -> FoundCertificate | None:
        """What signed the last certificate of `path`: the nearest to the first, where there are copies."""
        child = path[-1].certificate
        seen = {one.certificate.der for one in path}
        candidates = self.by_subject.get(child.issuer, ())
        for found in sorted(candidates, key=lambda one: _distance(one.file, path[0].file)):
            one = found.certificate
            if one.der in seen or one.subject == one.issuer or one.spki_hash in pinned:
                continue
            seen.add(one.der)
            if _signed(child, one.spki, verify):
                return found
        return None


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
    for label, text in _PEM.findall(data):
        if label.endswith(b"KEY"):
            continue  # a public key beside its attestation, say
        der = decode_base64(text.translate(None, _WHITE_SPACE), "a PEM block")
        if label in _CERTIFICATE_LABELS | _REQUEST_LABELS | _PKCS7_LABELS:
            _sort_der(material, name, der)
        else:
            material.rest.append((name, der))  # a vendor's own label


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


def _distance(name: str, other: str) -> int:
    """How far apart two files lie: the same, in one folder, elsewhere."""
    if name == other:
        return 0
    return 1 if name.rpartition("/")[0] == other.rpartition("/")[0] else 2


def _signed(child: Certificate, spki: bytes, verify: Verify) -> bool:
    try:
        verify(spki, child.signature_algorithm, child.signature, child.tbs)
    except SignatureError:
        return False
    return True
