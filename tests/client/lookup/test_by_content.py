# SPDX-License-Identifier: Apache-2.0
"""A certificate whose issuer is not at hand is found by what it is made of."""

from keystead.certificate.x509 import parse_certificate
from keystead.lookup.by_content import find_certificate
from support.audited_history import AuditedHistory
from support.looked_up import index_of


async def test_in_either_form() -> None:
    """Whether it or its precertificate is logged, and whichever is at hand; certificates of the same key are others."""
    history = AuditedHistory()
    logged = history.certificate("Alpha AB", serial=1, precertificate=True)
    again = history.certificate("Alpha AB", key=logged.key, ca=history.south, evidence=False)
    _, index = index_of(history)
    forms = [logged.ca.issue(**logged.reissue, precertificate=form) for form in (True, False)]  # type: ignore[arg-type]
    for der in forms:
        assert await find_certificate(index, parse_certificate(der)) == logged.certificate_id
    assert await find_certificate(index, parse_certificate(again.chain[0])) == again.certificate_id


async def test_not_logged() -> None:
    """That no certificate of the key is this one is proven."""
    history = AuditedHistory()
    logged = history.certificate("Alpha AB", serial=1)
    _, index = index_of(history)
    other = AuditedHistory("other.example").certificate("Alpha AB", key=logged.key, evidence=False)
    assert await find_certificate(index, parse_certificate(other.chain[0])) is None
