# SPDX-License-Identifier: Apache-2.0
"""May this signer say this, now? (`specs/statements.md`, section 6)

`judge_statement` is for what parties and operators submit, `judge_log_statement` for what the log says itself.
Both raise a `StatementError` with a stable `check`, the list of which is in the specification, or a
`SignatureError` with the check `bad-signature`.

A server judges what is submitted before it sequences it; monitors and audits judge again whatever was logged, by
`judge_logged`, with the policy in force for the entry and a view of what stands before it.

Invariant: pure. The verdict depends on the arguments alone.
"""

from keystead.statements.case import Case, Speaker, refuse
from keystead.statements.dsse import Envelope, verify_envelope
from keystead.statements.entry import StatementEntry
from keystead.statements.kinds.log_policy import LogPolicy
from keystead.statements.payloads import kind_of, parse_statement
from keystead.statements.policy import Policy
from keystead.statements.policy_history import LoggedPolicy, PolicyHistory
from keystead.statements.statement import Statement
from keystead.statements.view import LoggedStatement, StatementView

__all__ = [
    "MAX_AGE_MS",
    "MAX_AHEAD_MS",
    "REPLAY_GRACE_MS",
    "judge_log_statement",
    "judge_logged",
    "judge_statement",
    "logged_statement",
]

MAX_AGE_MS = 7 * 24 * 3600 * 1000
"""A statement that was made longer ago is not new."""

MAX_AHEAD_MS = 5 * 60 * 1000
"""How far a submitter's clock may run ahead."""

REPLAY_GRACE_MS = 3600 * 1000
"""A statement is sequenced some time after it was judged; who judges it again by the entry's time allows this."""


def judge_statement(
    statement: Statement,
    envelope: Envelope,
    policy: Policy,
    view: StatementView,
    now_ms: int,
    *,
    grace_ms: int = 0,
) -> None:
    """Judge what a party or an operator says.

    Args:
        statement: what `envelope` says (`parse_statement`).
        envelope: what was submitted. That it is no duplicate is the caller's to know: duplicates are answered
            before they are judged.
        policy: the policy in force.
        view: what stands before the statement.
        now_ms: milliseconds since 1970.
        grace_ms: how much older than `MAX_AGE_MS` it may be.

    Raises:
        StatementError: it is refused; `check` is the stable code.
        SignatureError: `bad-signature`.
    """
    case = Case(envelope, policy, view, now_ms)
    kind = kind_of(envelope)
    # (1) The log speaks for itself.
    if kind.speaking is None:
        refuse(case, "log-only-kind", f"{kind.name} statements are made by the log alone")
    # (2) It is for this log, and new.
    _judge_place_and_date(statement, case, grace_ms)
    # (3) Somebody who may make such statements speaks, with a good key, and really said it.
    speaker = kind.speaking(statement, case)
    if speaker.distrusted:
        refuse(case, "distrusted-key", "the policy in force distrusts the key that the statement rests on")
    verify_envelope(envelope, speaker.key)
    # (4) They may say this.
    kind.judge(statement, speaker, case)


def judge_log_statement(
    statement: Statement,
    envelope: Envelope,
    statement_key: bytes,
    in_force: LoggedPolicy | None,
    view: StatementView,
    now_ms: int,
    *,
    signed: bool = False,
) -> None:
    """Judge what the log says itself.

    Args:
        statement: what `envelope` says.
        envelope: as it was logged.
        statement_key: DER SubjectPublicKeyInfo of the log's statement key, from its trust file.
        in_force: the policy in force for the entry; None for the first batch, which nothing precedes.
        view: what stands before the statement.
        now_ms: when it was logged, in milliseconds since 1970.
        signed: that the log's key made the signature is known.

    Raises:
        StatementError: `not-a-log-statement`, `wrong-log`, a date out of range, `no-policy`, or a rule of the
            kind.
        SignatureError: `unknown-key` or `bad-signature`.
    """
    kind = kind_of(envelope)
    if in_force is None:
        case = Case(envelope, Policy(), view, now_ms)
    else:
        case = Case(envelope, in_force.policy, view, now_ms, in_force.index)
    # (1) It is the log's kind of statement, and nothing comes before a policy is in force but that policy.
    if kind.speaking is not None:
        refuse(case, "not-a-log-statement", f"the log does not make {kind.name} statements")
    if in_force is None and not isinstance(statement, LogPolicy):
        refuse(case, "no-policy", "no policy is in force yet")
    # (2) It is for this log, and was made when it was logged.
    _judge_place_and_date(statement, case, REPLAY_GRACE_MS)
    # (3) The log's own key signed it.
    if not signed:
        verify_envelope(envelope, statement_key)
    kind.judge(statement, Speaker(statement_key, party=None, distrusted=False), case)


def judge_logged(
    statement: Statement,
    entry: StatementEntry,
    statement_key: bytes,
    in_force: LoggedPolicy | None,
    view: StatementView,
    *,
    signed: bool = False,
) -> None:
    """Judge a statement of a log again, whoever made it.

    Args:
        statement: what the entry's envelope says.
        entry: as it was logged.
        statement_key: DER SubjectPublicKeyInfo of the log's statement key, from its trust file.
        in_force: the policy in force for the entry; None for the first batch, which nothing precedes.
        view: what stands before the statement.
        signed: of a statement of the log's own kinds, that the log's key made the signature is known.

    Raises:
        StatementError: as `judge_log_statement` and `judge_statement`, by who speaks in its kind; `no-policy`.
        SignatureError: likewise.
    """
    envelope, logged_ms = entry.envelope, entry.timestamp
    if kind_of(envelope).speaking is None:
        judge_log_statement(statement, envelope, statement_key, in_force, view, logged_ms, signed=signed)
    elif in_force is None:
        refuse(Case(envelope, Policy(), view, logged_ms), "no-policy", "no policy is in force yet")
    else:
        judge_statement(statement, envelope, in_force.policy, view, logged_ms, grace_ms=REPLAY_GRACE_MS)


def _judge_place_and_date(statement: Statement, case: Case, grace_ms: int) -> None:
    if statement.log != case.view.origin:
        refuse(case, "wrong-log", f"the statement is for another log than {case.view.origin}")
    age = case.now_ms - statement.issued * 1000
    if age > MAX_AGE_MS + grace_ms:
        refuse(case, "issued-too-long-ago", "the statement was made more than seven days ago: make it anew")
    if -age > MAX_AHEAD_MS:
        refuse(case, "issued-in-the-future", "the statement was made more than five minutes in the future")


def logged_statement(index: int, entry: StatementEntry, policies: PolicyHistory) -> LoggedStatement:
    """An entry in its place, as a `StatementView` answers with it.

    Raises:
        ParseError: the payload is malformed.
        StatementError: its kind is unknown, or it contradicts itself.
    """
    envelope = entry.envelope
    in_force = policies.in_force_for(entry.timestamp)
    party = None if in_force is None else in_force.policy.party_with_key(envelope.keyid)
    return LoggedStatement(
        index,
        entry.timestamp,
        parse_statement(envelope),
        envelope.keyid,
        None if party is None else party.name,
    )
