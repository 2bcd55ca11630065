# SPDX-License-Identifier: Apache-2.0
"""What `keystead submit` is given: chains in files, and evidence that belongs to them."""

from collections.abc import Sequence
from pathlib import Path

from keystead.certificate.x509 import parse_certificate
from keystead.cli.evidence_files import collect_files
from keystead.cli.inputs import read_certificates, read_chain
from keystead.cli.terminal import print_note
from keystead.devices.anchors import AnchorSet
from keystead.devices.collect import Piece, identify
from keystead.devices.evidence import Evidence
from keystead.errors import EvidenceError, ParseError, UsageError

__all__ = ["evidence_beside", "read_whole_chain"]


def read_whole_chain(path: Path, issuer_files: Sequence[Path]) -> tuple[bytes, ...]:
    """The chain in a file, completed from others if it holds the certificate alone.

    Raises:
        ParseError: a certificate cannot be read.
        UsageError: the issuer is missing.
    """
    chain = read_certificates(path)
    if len(chain) == 1:
        chain += read_chain(issuer_files)
    try:
        certificates = [parse_certificate(der) for der in chain]
    except ParseError as error:
        raise ParseError(f"{path}: {error}") from error
    if len(chain) == 1 and certificates[0].issuer != certificates[0].subject:
        raise UsageError(
            f"{path} holds the certificate alone: put the CA's certificate behind it, or give it with --issuers"
        )
    return tuple(chain)


def evidence_beside(
    chains: Sequence[Sequence[bytes]], paths: Sequence[Path], anchors: AnchorSet
) -> list[tuple[Evidence, ...]]:
    """For each chain, the evidence that goes with it: that which attests its key.

    The attested key is known of evidence that verifies here. A log knows anchors that we may not, so one chain gets
    what cannot be verified here as well, and what is wrong is the log's to refuse; of several chains, it could
    be any's.
    """
    pieces = collect_files(paths, anchors).pieces if paths else ()
    keys = [parse_certificate(chain[0]).key_hash for chain in chains]
    if len(keys) == 1:
        return [_evidence_for(keys[0], pieces, anchors)]
    beside: dict[bytes, list[Evidence]] = {key: [] for key in keys}
    for piece in pieces:
        key = identify(piece, anchors).key_hash
        if key not in beside:
            raise UsageError(f"{', '.join(piece.files)} attests a key that is in none of the certificates")
        beside[key].append(piece.evidence)
    return [tuple(beside[key]) for key in keys]


def _evidence_for(key: bytes, pieces: Sequence[Piece], anchors: AnchorSet) -> tuple[Evidence, ...]:
    """All pieces; where one of them attests the key, without those that attest others, such as other slots."""
    attested: list[bytes | None] = []
    for piece in pieces:
        try:
            attested.append(identify(piece, anchors).key_hash)
        except EvidenceError:
            attested.append(None)
    if key not in attested:
        return tuple(piece.evidence for piece in pieces)
    kept = []
    for piece, about in zip(pieces, attested, strict=True):
        if about in {None, key}:
            kept.append(piece.evidence)
        else:
            print_note(f"{', '.join(piece.files)}: not sent: it attests another key")
    return tuple(kept)
