# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the poison and the SCT list of a certificate (RFC 6962 sections 3.1 and 3.3)."""

from collections.abc import Iterator

from keystead.certificate.precertificate import POISON_OID, SCT_LIST_OID, embedded_scts, is_precertificate
from keystead.certificate.problem import Problem
from keystead.certificate.x509 import Certificate
from keystead.ct.extensions import parse_extensions
from keystead.ct.sct import parse_sct
from keystead.encoding.rfc4648 import decode_base64
from keystead.errors import ParseError

__all__ = ["lint_promises"]


def lint_promises(certificate: Certificate) -> Iterator[Problem]:
    """The problems of the poison and of the log's promises."""
    poison = certificate.extension(POISON_OID)
    try:
        is_precertificate(certificate)
    except ParseError as error:
        yield Problem("poison-malformed", f"A log refuses this precertificate: {error}.", error.offset)
    promised = certificate.extension(SCT_LIST_OID)
    if promised is None:
        return
    if poison is not None:
        yield Problem(
            "poison-and-scts",
            "A precertificate has an SCT list: promises belong in the certificate, where the poison was.",
            promised.offset,
        )
    if promised.critical:
        yield Problem(
            "sct-list-critical", "The SCT list is critical: issue it as non-critical.", promised.offset
        )
    try:
        scts = embedded_scts(certificate)
    except ParseError as error:
        yield Problem(
            "sct-list-malformed",
            f"The SCT list cannot be read: {error}. Inside extnValue belongs a DER OCTET STRING that holds the TLS "
            "list; a log's answer has it ready as `sct_list`.",
            promised.offset,
        )
        return
    logs: set[bytes] = set()
    for sct in scts:
        yield from _sct(sct, logs, promised.value, promised.offset)


def _sct(encoded: bytes, logs: set[bytes], value: bytes, offset: int) -> Iterator[Problem]:
    at = offset + value.find(encoded)
    try:
        sct = parse_sct(encoded)
    except ParseError as error:
        yield Problem("sct-unreadable", f"An SCT cannot be read: {error}.", at)
        return
    if sct.log_id in logs:
        yield Problem("sct-twice", "Two SCTs are of one log: one is enough.", at)
    logs.add(sct.log_id)
    if not sct.extensions or _holds_leaf_index(sct.extensions):
        return
    try:
        as_text = decode_base64(sct.extensions)
    except ParseError:
        as_text = b""
    if as_text and _holds_leaf_index(as_text):
        yield Problem(
            "sct-extensions-base64",
            "An SCT holds the base64 of its extensions instead of their bytes, so its signature does not verify: "
            "decode the member `extensions` of the log's answer, or embed its `serialized_sct`.",
            at,
        )
    else:
        yield Problem("sct-extensions-malformed", "An SCT has extensions without a leaf index.", at)


def _holds_leaf_index(extensions: bytes) -> bool:
    try:
        parse_extensions(extensions)
    except ParseError:
        return False
    return True
