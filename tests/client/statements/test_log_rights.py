# SPDX-License-Identifier: Apache-2.0
"""What the log may say itself: every refusal, and whose a logged statement is."""

from collections.abc import Callable
from typing import Any

import pytest

from keystead.devices.anchors import VendorAnchor
from keystead.errors import VerificationError
from keystead.statements.entry import StatementEntry
from keystead.statements.payloads import Statement, sign_statement
from keystead.statements.policy_history import LoggedPolicy, PolicyHistory
from keystead.statements.rights import (
    MAX_AGE_MS,
    REPLAY_GRACE_MS,
    judge_log_statement,
    judge_logged,
    logged_statement,
)
from keystead.statements.statement_key import SigningKey, spki_of
from support.statements import (
    AUDITOR,
    CA,
    LOG,
    NOW_MS,
    ORIGIN,
    ImaginedLog,
    audit,
    binding,
    digest,
    evidence,
    log_policy,
    policy,
    revocation,
)


def known_service() -> ImaginedLog:
    """A log that holds a policy and an audit of a service."""
    view = ImaginedLog()
    view.log_policy(policy(), NOW_MS - 2000)
    view.log(audit(), AUDITOR, NOW_MS - 1000)
    return view


def refused(check: str, act: Callable[[], None]) -> None:
    """The refusal by the rule `check`, with its evidence."""
    with pytest.raises(VerificationError) as error:
        act()
    assert error.value.check == check
    assert error.value.evidence


ANCHOR = VendorAnchor("Vendor", b"vendor key", frozenset({"yubikey-piv"}))
IN_FORCE = LoggedPolicy(0, NOW_MS - 1, policy(vendor_anchors=(ANCHOR,)))


def judge_log(
    statement: Statement,
    key: SigningKey = LOG,
    in_force: LoggedPolicy | None = IN_FORCE,
    now_ms: int = NOW_MS,
) -> None:
    judge_log_statement(
        statement, sign_statement(key, statement), spki_of(LOG), in_force, known_service(), now_ms
    )


def recorded(**changed: Any) -> Statement:
    return evidence(**({"anchors": (ANCHOR.key_hash,)} | changed))


def test_log_speaks_with_its_statement_key() -> None:
    """Its first policy before any is in force, then what it verified."""
    judge_log(log_policy(), in_force=None)
    judge_log(log_policy())
    judge_log(recorded())


def test_log_may_not_say_everything() -> None:
    """Each rule for the log's own word, broken once."""
    refused("not-a-log-statement", lambda: judge_log(revocation()))
    refused("no-policy", lambda: judge_log(recorded(), in_force=None))
    refused("wrong-log", lambda: judge_log(log_policy(log=ORIGIN + "x")))
    refused("issued-too-long-ago", lambda: judge_log(log_policy(), now_ms=NOW_MS + 8 * 86_400_000))
    refused("issued-in-the-future", lambda: judge_log(log_policy(), now_ms=NOW_MS - 400_000))
    refused("unknown-key", lambda: judge_log(log_policy(), key=CA))
    refused("certificate-not-logged", lambda: judge_log(recorded(issuance_index=8)))
    refused("certificate-not-logged", lambda: judge_log(recorded(issuance_index=10)))
    refused("wrong-policy-index", lambda: judge_log(recorded(policy_index=1)))
    refused("anchor-not-in-policy", lambda: judge_log(recorded(anchors=(digest("unknown"),))))
    refused("anchor-not-in-policy", lambda: judge_log(recorded(format="yubihsm")))
    bad = policy(vendor_anchors=(ANCHOR,), distrusted={ANCHOR.key_hash: 0})
    refused("distrusted-key", lambda: judge_log(recorded(), in_force=LoggedPolicy(0, NOW_MS - 1, bad)))


def judge_again(
    statement: Statement,
    key: SigningKey,
    in_force: LoggedPolicy | None = IN_FORCE,
    logged_ms: int = NOW_MS,
) -> None:
    entry = StatementEntry(logged_ms, sign_statement(key, statement))
    judge_logged(statement, entry, spki_of(LOG), in_force, known_service())


def test_what_was_logged_is_judged_by_who_speaks_in_it() -> None:
    """The log by its own rules, others by the policy in force; before any is, nobody but the log."""
    judge_again(log_policy(), LOG, in_force=None)
    judge_again(revocation(), CA)
    refused("unknown-key", lambda: judge_again(log_policy(), CA))
    refused("no-policy", lambda: judge_again(recorded(), LOG, in_force=None))
    refused("no-policy", lambda: judge_again(revocation(), CA, in_force=None))
    refused("unknown-party", lambda: judge_again(revocation(), LOG))


def test_what_was_logged_may_be_older_than_what_is_submitted() -> None:
    """By the time between judging and sequencing, and no more."""
    latest = revocation().issued * 1000 + MAX_AGE_MS + REPLAY_GRACE_MS
    judge_again(revocation(), CA, logged_ms=latest)
    refused("issued-too-long-ago", lambda: judge_again(revocation(), CA, logged_ms=latest + 1))


def test_logged_statement_knows_its_party() -> None:
    """By the policy in force for the entry: not the one of its own batch, nor a later one."""
    policies = PolicyHistory()
    policies.add(0, NOW_MS, policy())
    envelope = sign_statement(CA, binding())
    early = logged_statement(1, StatementEntry(NOW_MS, envelope), policies)
    later = logged_statement(2, StatementEntry(NOW_MS + 1, envelope), policies)
    assert (early.party, later.party) == (None, "CA")
    assert (later.index, later.time_ms, later.statement) == (2, NOW_MS + 1, binding())
    assert later.keyid == envelope.keyid
