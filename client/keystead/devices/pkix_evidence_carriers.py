# SPDX-License-Identifier: Apache-2.0
"""What carries PKIX Evidence: files in DER, PEM or base64, and requests for certificates.

The certificates of its path are attached to it, or lie beside it. Which type it is of in requests' attestation bundles
is not assigned yet, so it is recognized there by its structure.
"""

from collections.abc import Iterator
from dataclasses import replace

from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import parse_vendor_certificate
from keystead.devices.anchors import AnchorSet
from keystead.devices.material import FoundCertificate, Material
from keystead.devices.piece import Piece
from keystead.devices.pkix_evidence_structure import PkixEvidence, SignatureBlock, parse_pkix_evidence
from keystead.devices.remembered_signatures import verifies, verifies_again
from keystead.devices.request import CertificationRequest
from keystead.devices.vendor_chain import SHA2_ALGORITHMS
from keystead.encoding.der import OCTET_STRING, SEQUENCE, parse
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError

__all__ = ["FORMAT", "collect", "is_signed_by"]

FORMAT = "pkix-evidence"
"""What evidence made of it is called."""


def is_signed_by(block: SignatureBlock, tbs: bytes, spki: bytes) -> bool:
    """Whether a key made the signature, under an algorithm that is accepted."""
    return block.algorithm in SHA2_ALGORITHMS and verifies(
        verify_signature, spki, block.algorithm, block.signature, tbs
    )


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The Evidence among the files and in requests, each with the certificate of a key that signed it."""
    for name, data, request in _candidates(material):
        try:
            stated = parse_pkix_evidence(data)
        except ParseError:
            continue
        _add_attached(material, stated, name, request)
        signers = [
            found
            for block in stated.blocks
            for found in material.certificates
            if block.algorithm in SHA2_ALGORITHMS
            and material.signed_by(found.certificate.spki, block.algorithm, block.signature, stated.tbs)
        ]
        pieces = [material.statement_piece((name, data), signer, anchors, FORMAT) for signer in signers]
        made = [replace(piece, request=request) for piece in pieces if piece is not None]
        if not made:
            material.problems[name] = "no certificate here is for a key that signed the evidence"
        if len(made) > 1:
            made.sort(key=lambda piece: not _leads_up(piece, anchors))
        yield from made[:1]


def _candidates(material: Material) -> list[tuple[str, bytes, CertificationRequest | None]]:
    found: list[tuple[str, bytes, CertificationRequest | None]] = [
        (name, _decoded(data), None) for name, data in material.rest
    ]
    for statement in material.statements:
        for value in (statement.value, _unwrapped(statement.value)):
            found.append((statement.file, value, statement.request))
    return [one for one in found if _looks_like_evidence(one[1])]


def _decoded(data: bytes) -> bytes:
    """Evidence is also written down as base64 alone."""
    if data[:1] != b"M":
        return data
    try:
        return decode_base64(data.translate(None, b" \t\r\n"))
    except ParseError:
        return data


def _unwrapped(value: bytes) -> bytes:
    try:
        element = parse(value)
    except ParseError:
        return b""
    return element.content if element.tag == OCTET_STRING else b""


def _looks_like_evidence(data: bytes) -> bool:
    try:
        first = next(parse(data).expect(SEQUENCE, "the evidence").iterate(), None)
    except ParseError:
        return False
    return first is not None and first.tag == SEQUENCE and first.content[:4] == b"\x02\x01\x01\x30"


def _add_attached(
    material: Material, stated: PkixEvidence, name: str, request: CertificationRequest | None
) -> None:
    known = {found.certificate.der for found in material.certificates}
    for der in (*(block.certificate for block in stated.blocks), *stated.certificates):
        if der is None or der in known:
            continue
        try:
            certificate = parse_vendor_certificate(der)
        except ParseError:
            continue
        known.add(der)
        material.add(FoundCertificate(certificate, name, request))


def _leads_up(piece: Piece, anchors: AnchorSet) -> bool:
    """Whether the chain leads to a pinned key."""
    last = parse_vendor_certificate(piece.evidence.chain[-1])
    return any(
        verifies_again(verify_signature, anchor.key, last.signature_algorithm, last.signature, last.tbs)
        for anchor in anchors.attesting(FORMAT)
    )
