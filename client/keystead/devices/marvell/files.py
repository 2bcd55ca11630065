# SPDX-License-Identifier: Apache-2.0
"""LiquidSecurity statements among files: compressed as the cloud gives them, and their certificates in one bundle.

Google's bundle has both chains with both roots, PEM, in no order that could be relied on; its interface answers
with JSON that has the statement in base64. Which certificates belong to a statement follows from its signature.
"""

import zlib
from collections.abc import Iterator

from keystead.devices.anchors import AnchorSet
from keystead.devices.evidence import MAX_EVIDENCE_BYTES, Evidence
from keystead.devices.marvell.paths import FORMAT, is_partition, makers_of, owners_of
from keystead.devices.marvell.signature import signed_statement, verify_marvell_signature
from keystead.devices.marvell.statement import parse_statement
from keystead.devices.material import FoundCertificate, Material
from keystead.devices.piece import Piece
from keystead.devices.remembered_signatures import verifies_again
from keystead.devices.vendor_chain import SignedStatement
from keystead.errors import EvidenceError, ParseError

__all__ = ["collect", "decompress"]

_GZIP = b"\x1f\x8b"


def collect(material: Material, anchors: AnchorSet) -> Iterator[Piece]:
    """The statements among the files, each with the maker's path and, where it leads to a pinned key, the owner's."""
    partitions = [one for one in material.certificates if is_partition(one.certificate)]
    for name, raw in material.rest:
        try:
            data = decompress(raw)
            statement = signed_statement(parse_statement(data))
        except (EvidenceError, ParseError) as error:
            if raw.startswith(_GZIP):
                material.problems[name] = str(error)
            continue
        signers = [one for one in partitions if _signed(material, statement, one)]
        parts = _chain(material, signers, anchors)
        if not signers and not raw.startswith(_GZIP):
            continue  # nothing but its length says that it is a statement
        try:
            evidence = Evidence(FORMAT, data, tuple(one.certificate.der for one in parts))
        except ParseError as error:
            material.problems[name] = str(error)
            continue
        yield Piece(evidence, tuple(dict.fromkeys((name, *(one.file for one in parts)))))


def decompress(data: bytes) -> bytes:
    """A statement out of its gzip container, as it is where it is in none.

    Raises:
        ParseError: a container that is damaged, followed by something, or holds more than evidence may.
    """
    if not data.startswith(_GZIP):
        return data
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(data, MAX_EVIDENCE_BYTES)
    except zlib.error as error:
        raise ParseError("a gzip container is damaged") from error
    if not inflater.eof or inflater.unused_data:
        raise ParseError(
            f"a gzip container is cut off, followed by something, or holds more than {MAX_EVIDENCE_BYTES} bytes"
        )
    return inflated


def _signed(material: Material, statement: SignedStatement, found: FoundCertificate) -> bool:
    return material.signed_by(
        found.certificate.spki,
        statement.signature_algorithm,
        statement.signature,
        statement.tbs,
        verify_marvell_signature,
    )


def _chain(material: Material, signers: list[FoundCertificate], anchors: AnchorSet) -> list[FoundCertificate]:
    """The maker's path, as complete as the files allow; then the owner's, if it leads to a pinned key."""
    paths = [material.path(signer, anchors, FORMAT) for signer in signers]
    owners = [path for path in paths if _ends(path, owners_of(anchors))]
    others = [path for path in paths if path not in owners]
    makers = [path for path in others if _ends(path, makers_of(anchors))] or sorted(others, key=len)[-1:]
    return [*(makers[0] if makers else ()), *(owners[0] if owners else ())]


def _ends(path: list[FoundCertificate], anchors: AnchorSet) -> bool:
    """Whether one of the pinned keys signed the last certificate of `path`."""
    last = path[-1].certificate
    return any(
        verifies_again(
            verify_marvell_signature, anchor.key, last.signature_algorithm, last.signature, last.tbs
        )
        for anchor in anchors.attesting(FORMAT)
    )
