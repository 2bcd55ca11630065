# SPDX-License-Identifier: Apache-2.0
"""What carries a TPM's certification of a key: files that tools write, and requests for certificates.

=====================  =======================================================================================
bare                   an attestation (TPM2B_ATTEST or TPMS_ATTEST), a signature (TPMT_SIGNATURE, or RSA's or
                       ECDSA's octets alone), a public area (TPM2B_PUBLIC or TPMT_PUBLIC), certificates: each a
                       file, or the first three one behind the other
CSR attestation        the three as OCTET STRINGs, as a statement of the type tcg-attest-tpm-certify
                       (draft-ietf-lamps-csr-attestation), with certificates in the same bundle
Windows                the attribute szOID_ENROLL_ATTESTATION_STATEMENT of a request to AD CS (MS-WCCE)
=====================  =======================================================================================

What Windows sends says who the attestation key is in another attribute, szOID_ENROLL_AIK_INFO, in an envelope
that only the CA can open. Where no certificate for that key is among the files, nobody else can check such a
statement; the file's problem says so.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from keystead.certificate.public_key import verify_signature
from keystead.certificate.x509 import Certificate, extended_key_usages
from keystead.devices.anchors import AnchorSet
from keystead.devices.material import MAX_TRIES, FoundCertificate, FoundStatement, Material
from keystead.devices.piece import Piece
from keystead.devices.remembered_signatures import verifies
from keystead.devices.request import CertificationRequest
from keystead.devices.tpm2_structures import (
    FORMAT,
    MAX_ATTEST,
    MAX_PUBLIC,
    Attest,
    Public,
    marshal_signatures,
    parse_attest,
    parse_public,
    parse_signature,
    read_sized,
    sized,
    split_statement,
)
from keystead.encoding.der import OCTET_STRING, SEQUENCE, parse
from keystead.encoding.tls import Reader
from keystead.errors import ParseError

__all__ = ["collect", "is_attestation_key"]

_ATTESTATION_KEY = "2.23.133.8.3"  # tcg-kp-AIKCertificate
_CERTIFY_STATEMENT = "2.23.133.20.1"  # tcg-attest-tpm-certify
_WINDOWS_STATEMENT = "1.3.6.1.4.1.311.21.24"  # szOID_ENROLL_ATTESTATION_STATEMENT
_WINDOWS_ENVELOPE = "1.3.6.1.4.1.311.21.39"  # szOID_ENROLL_AIK_INFO
_STATEMENT_MAGIC, _ATTESTATION_MAGIC, _KEY_MAGIC = 0x5453414B, 0x5344414B, 0x4D504350  # KAST, KADS, PCPM
_TPM_2 = 2
_MAX_SIGNATURE = 2048
_MAX_TRIES = 4096


@dataclass(frozen=True, slots=True)
class _Carried:
    """An attestation, the signatures that may be its, and the key's public area as it lies in its carrier."""

    attest: Attest
    signatures: list[tuple[str, bytes]]
    public: bytes
    files: tuple[str, ...]
    request: CertificationRequest | None = None


def is_attestation_key(certificate: Certificate) -> bool:
    """Whether the certificate says that its key is an attestation key; nothing is verified."""
    try:
        return _ATTESTATION_KEY in extended_key_usages(certificate)
    except ParseError:
        return False


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """Certifications by TPMs among the files, each with the certificate of the key that signed it."""
    tries = iter(range(MAX_TRIES))
    for carried in (*_bare(material), *_carried_by_requests(material)):
        found = _signed_by(carried, material.certificates, islice(tries, _MAX_TRIES))
        if found is None:
            material.problems[carried.files[0]] = _no_signer(carried)
            continue
        signature_file, signature, signer = found
        data = sized(carried.attest.signed) + signature + sized(carried.public)
        piece = material.statement_piece((carried.files[0], data), signer, anchors, FORMAT)
        if piece is not None:
            files = (*piece.files, *carried.files, signature_file)
            yield replace(piece, files=tuple(dict.fromkeys(files)), request=carried.request)


def _no_signer(carried: _Carried) -> str:
    kinds = set() if carried.request is None else {kind for kind, _ in carried.request.values}
    if _WINDOWS_ENVELOPE in kinds:
        return (
            "a TPM attests the request's key, but who its attestation key is stands in an envelope that only"
            " the CA can open: nobody else can check it"
        )
    return "a TPM attests a key, but no certificate here is for the attestation key that signed it"


def _bare(material: Material) -> Iterator[_Carried]:
    """What lies in files of its own: public areas belong to attestations by name, signatures by trial."""
    attests: list[tuple[str, Attest]] = []
    publics: dict[bytes, tuple[str, bytes]] = {}
    signatures: list[tuple[str, bytes]] = []
    for name, data in material.rest:
        if len(data) > MAX_ATTEST + MAX_PUBLIC + _MAX_SIGNATURE:
            continue
        try:
            attest, _, public = split_statement(data)
        except ParseError:
            pass
        else:
            signature = data[2 + len(attest.signed) : -2 - len(public.marshalled)]
            yield _Carried(attest, [(name, signature)], public.marshalled, (name,))
            continue
        if (attested := _attest(data)) is not None:
            attests.append((name, attested))
        elif (area := _public(data)) is not None:
            publics.setdefault(area.name, (name, area.marshalled))
        elif len(data) <= _MAX_SIGNATURE:
            signatures.append((name, data))
    for name, attest in attests:
        if attest.name not in publics:
            material.problems[name] = "a TPM attests a key whose public area is not among the files"
            continue
        file, marshalled = publics[attest.name]
        near = sorted(signatures, key=lambda one: _folder(one[0]) != _folder(name))
        yield _Carried(attest, near, marshalled, (name, file))


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _attest(data: bytes) -> Attest | None:
    """An attestation, with its length before it or without."""
    for candidate in _unsized(data, MAX_ATTEST):
        try:
            return parse_attest(candidate)
        except ParseError:
            continue
    return None


def _public(data: bytes) -> Public | None:
    """A public area, likewise."""
    for candidate in _unsized(data, MAX_PUBLIC):
        try:
            return parse_public(candidate)
        except ParseError:
            continue
    return None


def _unsized(data: bytes, most: int) -> Iterator[bytes]:
    if len(data) <= most:
        yield data
    if len(data) - 2 == int.from_bytes(data[:2]) <= most:
        yield data[2:]


def _carried_by_requests(material: Material) -> Iterator[_Carried]:
    readers = {_CERTIFY_STATEMENT: _certify_statement, _WINDOWS_STATEMENT: _windows_statement}
    for found in material.statements:
        if found.kind in readers:
            try:
                yield _from_request(found, *readers[found.kind](found.value))
            except ParseError as error:
                material.problems[found.file] = str(error)


def _from_request(found: FoundStatement, attest: bytes, signature: bytes, public: bytes) -> _Carried:
    attested, area = _attest(attest), _public(public)
    if attested is None:
        raise ParseError("the request has a TPM's statement without a TPM's attestation")
    if area is None:
        raise ParseError("the request has a TPM's statement without the public area of a key")
    return _Carried(attested, [(found.file, signature)], area.marshalled, (found.file,), found.request)


def _certify_statement(value: bytes) -> list[bytes]:
    parts = parse(value, "the TPM's statement").expect(SEQUENCE, "the TPM's statement").children()
    if len(parts) != 3:
        raise ParseError("the request has a TPM's statement without the public area of a key")
    return [part.expect(OCTET_STRING, "a part of the TPM's statement").content for part in parts]


def _windows_statement(value: bytes) -> list[bytes]:
    """The parts of the key attestation in a KeyAttestationStatement; the binding of the attestation key is the CA's."""
    blob = parse(value, "the attestation statement").expect(OCTET_STRING, "the attestation statement").content
    _, attestation, _ = _blobs(blob, _STATEMENT_MAGIC, 7)
    attest, signature, key = _blobs(attestation, _ATTESTATION_MAGIC, 6)
    if key[:4] == _KEY_MAGIC.to_bytes(4, "little") and len(key) >= 8:
        key = key[int.from_bytes(key[4:8], "little") :]
    return [attest, signature, sized(read_sized(Reader(key, "the key blob"), MAX_PUBLIC))]


def _blobs(blob: bytes, magic: int, words: int) -> tuple[bytes, bytes, bytes]:
    """The three parts behind a header of little-endian words, which ends with their lengths."""
    if len(blob) < 4 * words:
        raise ParseError("the attestation statement ends early", offset=len(blob))
    header = struct.unpack(f"<{words}I", blob[: 4 * words])
    platform, size, *lengths = header[-5:]
    if header[0] != magic or platform != _TPM_2 or size != 4 * words or len(blob) != size + sum(lengths):
        raise ParseError("the attestation statement is not what Windows makes of a TPM 2.0's", offset=0)
    reader = Reader(blob[size:], "the attestation statement")
    first, second, third = (reader.fixed(length) for length in lengths)
    return first, second, third


def _signed_by(
    carried: _Carried, certificates: Iterable[FoundCertificate], tries: Iterator[int]
) -> tuple[str, bytes, FoundCertificate] | None:
    """The signature, with its file, and the certificate whose key made it; what lies near is tried first.

    Small files of any kind may be signatures, so in a folder with much else not all are tried.
    """

    def far(found: FoundCertificate) -> tuple[bool, bool, bool]:
        return (
            found.request is not carried.request,
            not is_attestation_key(found.certificate),
            _folder(found.file) != _folder(carried.files[0]),
        )

    for found in sorted(certificates, key=far):
        for file, signature in carried.signatures:
            for candidate in _candidates(signature):
                if next(tries, None) is None:
                    return None
                if _verifies(found.certificate, candidate, carried.attest):
                    return file, candidate, found
    return None


def _candidates(signature: bytes) -> list[bytes]:
    """What the octets may be, as the TPM marshals it."""
    try:
        reader = Reader(signature, "a signature")
        parse_signature(reader)
        reader.finish()
    except ParseError:
        pass
    else:
        return [signature]
    try:
        return marshal_signatures(signature)
    except ParseError:
        return []


def _verifies(certificate: Certificate, signature: bytes, attest: Attest) -> bool:
    parsed = parse_signature(Reader(signature, "a signature"))
    return verifies(verify_signature, certificate.spki, parsed.algorithm, parsed.octets, attest.signed)
