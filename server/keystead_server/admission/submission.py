# SPDX-License-Identifier: Apache-2.0
"""The bodies of `add-chain` and `add-pre-chain`: CT's own member, and `evidence` beside it.

    {"chain": [base64 DER, ...], "evidence": [{"format": name, "data": base64, "chain": [base64, ...]}, ...]}

RFC 6962 section 4.1 for `chain`, `specs/api.md` for `evidence`. A member that neither knows is refused: a misspelt
`evidence` must not be silently no evidence.
"""

from dataclasses import dataclass
from functools import lru_cache

from keystead.devices.evidence import Evidence, evidence_from_json
from keystead.encoding.json import decode_json
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError, RefusedError

__all__ = ["MAX_CHAIN_LENGTH", "MAX_PIECES", "ChainSubmission", "parse_chain_submission"]

MAX_CHAIN_LENGTH = 10
"""Certificates in one chain; real code-signing chains have two to four."""

MAX_PIECES = 4
"""Pieces of evidence that one certificate may have, here and altogether."""


_WHITE_SPACE = b" \t\n\r"

_REMEMBERED = 8192
# Characters of an issuer, which its CA sends with each submission, that is not decoded anew.


@dataclass(frozen=True, slots=True)
class ChainSubmission:
    """A submitted chain, leaf first, and the evidence beside it."""

    chain: tuple[bytes, ...]
    evidence: tuple[Evidence, ...]


def parse_chain_submission(body: bytes, max_chain_bytes: int) -> ChainSubmission:
    """Read a body.

    Args:
        body: as received.
        max_chain_bytes: the policy's limit on the chain's DER altogether.

    Raises:
        RefusedError: with the code of the rule that the body breaks.
    """
    certificates = _cut(body)
    evidence: tuple[Evidence, ...] = ()
    if certificates is None:
        certificates, evidence = _read(body)
    size = sum([len(certificate) for certificate in certificates])
    if size > max_chain_bytes:
        raise RefusedError(
            "chain-too-large",
            f"the chain has {size} bytes; this log takes at most {max_chain_bytes}",
            status=413,
        )
    return ChainSubmission(certificates, evidence)


def _cut(body: bytes) -> tuple[bytes, ...] | None:
    """The certificates of `{"chain": [base64, ...]}`, cut at its quotes; None for any other body, right or wrong.

    Nearly all submissions look so, and base64 needs no escapes: this takes a fraction of the time that JSON does.
    """
    first, *pieces = body.split(b'"', 2 * MAX_CHAIN_LENGTH + 2)
    marks = [mark.translate(None, _WHITE_SPACE) for mark in (first, *pieces[1::2])]
    if marks != [b"{", b":[", *[b","] * (len(marks) - 3), b"]}"] or pieces[0] != b"chain" or len(pieces) % 2:
        return None
    leaf, *issuers = pieces[2::2]
    try:
        return (decode_base64(leaf), *[_issuer(issuer) for issuer in issuers])
    except ParseError:
        return None


def _issuer(text: bytes) -> bytes:
    return _remembered(text) if len(text) <= _REMEMBERED else decode_base64(text)


@lru_cache(maxsize=1024)
def _remembered(text: bytes) -> bytes:
    return decode_base64(text)


def _read(body: bytes) -> tuple[tuple[bytes, ...], tuple[Evidence, ...]]:
    """The certificates and the evidence of a body.

    Raises:
        RefusedError: as `parse_chain_submission`.
    """
    try:
        document = decode_json(body, "the body")
        if not isinstance(document, dict) or not document.keys() <= {"chain", "evidence"}:
            raise ParseError('the body is not a JSON object of "chain" and perhaps "evidence"')
        chain = _list(document.get("chain"), "chain")
        if not 1 <= len(chain) <= MAX_CHAIN_LENGTH:
            raise ParseError(f'"chain" holds {len(chain)} certificates, not 1 to {MAX_CHAIN_LENGTH}')
        certificates = tuple(
            decode_base64(_text(item, "chain"), 'a certificate in "chain"') for item in chain
        )
        pieces = _list(document.get("evidence", []), "evidence")
        if len(pieces) > MAX_PIECES:
            raise RefusedError(
                "too-much-evidence", f"{len(pieces)} pieces of evidence: a certificate may have {MAX_PIECES}"
            )
        evidence = tuple(evidence_from_json(piece) for piece in pieces)
    except ParseError as error:
        raise RefusedError("malformed", str(error)) from error
    return certificates, evidence


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise ParseError(f'"{name}" is not a list')
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ParseError(f'"{name}" holds something that is not text')
    return value
