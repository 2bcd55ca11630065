# SPDX-License-Identifier: Apache-2.0
"""Each kind of statement says in words what it says."""

import pytest

from keystead.lookup.wording import says
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import RevocationReason, parse_statement
from support.audited_history import AuditedHistory
from support.history import party_key


def _told() -> AuditedHistory:
    history = AuditedHistory()
    service = history.service()
    withdrawal = history.audit(service)
    history.devices(service, join=[1, 2], next_key=party_key("Next"))
    issued = history.certificate("Alpha AB", serial=1)
    other = history.certificate("Beta GmbH", serial=3, ca=history.south)
    bound = history.bind(issued, serials=[2], service=service)
    history.bind(issued, serials=[3], supersedes=bound)
    history.bind(issued, serials=[3], supersedes_extension=True)
    history.revoke(issued)
    history.revoke(other, RevocationReason.NOT_ISSUED)
    history.transfer(1, issued, other)
    history.alias(issued, other)
    history.withdraw(withdrawal, 0)
    return history


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (0, ["log-policy"]),
        (
            1,
            [
                "Signing Service of Operator Ltd was audited by Auditor",
                "webtrust-csbr-netsec",
                "2026-01-01 to",
            ],
        ),
        (2, ["service", "from 2026-01-01 on", "join", "next key"]),
        (3, ["yubikey-piv evidence", "proves yubico-piv-serial"]),
        (5, ["is in yubico-piv-serial", "and with the service", "by signingService"]),
        (6, ["instead of statement 5"]),
        (7, ["instead of what the certificate says"]),
        (8, ["is revoked as of 2026-01-01: keyCompromise"]),
        (9, ["was never issued"]),
        (10, ["went from subscriber", "sold"]),
        (11, ["are one: renamed"]),
        (12, ["does not stand from 2026-01-01 on: records were false"]),
    ],
)
def test_in_words(index: int, words: list[str]) -> None:
    """One clause, with what matters in it."""
    statement = parse_statement(parse_statement_entry(_told().log.statements.entries[index]).envelope)
    text = says(statement)
    assert not [one for one in words if one not in text], text
