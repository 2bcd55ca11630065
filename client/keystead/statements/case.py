# SPDX-License-Identifier: Apache-2.0
"""The case that a judge of statements decides, who speaks in it, and what a kind of statement is.

A kind is one value, made in the module of its payload under `kinds`: the class of its statements, how to find
who speaks, and the rules of its own. `payloads` lists the kinds, `rights` applies what holds for all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Never

from keystead.errors import StatementError
from keystead.statements.dsse import Envelope
from keystead.statements.policy import Party, Policy
from keystead.statements.statement import Statement
from keystead.statements.statement_key import keyid_of
from keystead.statements.view import StatementView

__all__ = ["Case", "Kind", "Speaker", "refuse", "speaking_operator", "speaking_party"]


@dataclass(frozen=True, slots=True)
class Case:
    """One statement before the judge.

    Attributes:
        envelope: what was signed, and by which key.
        policy: the policy in force for it.
        view: what was logged before it.
        now_ms: the moment of judging, or of logging where a logged statement is judged again.
        policy_index: where the policy is logged, if that matters.
    """

    envelope: Envelope
    policy: Policy
    view: StatementView
    now_ms: int
    policy_index: int | None = None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Whose key an envelope names.

    Attributes:
        key: DER SubjectPublicKeyInfo.
        party: the policy's party with that key; None where it is an operator's.
        distrusted: no statement may rest on the key any more.
    """

    key: bytes
    party: Party | None
    distrusted: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of statement.

    Attributes:
        payload: the class of its statements.
        speaking: finds the speaker, or refuses; None for what the log alone says.
        judge: `judge(statement, speaker, case)` refuses where a rule of this kind is broken. The log, the date and
            the signature have been checked before.
    """

    payload: type[Statement]
    speaking: Callable[[Any, Case], Speaker] | None
    judge: Callable[[Any, Speaker, Case], None]

    @property
    def name(self) -> str:
        """As in the payload type."""
        return self.payload.kind


def refuse(case: Case, check: str, sentence: str) -> Never:
    """Raise the refusal, with the envelope as its evidence."""
    raise StatementError(sentence, check=check, evidence={"envelope": case.envelope.encode()})


def speaking_party(statement: Statement, case: Case) -> Speaker:
    """The party that the policy recognizes for this kind of statement and that has the envelope's key.

    Raises:
        StatementError: `unknown-party` or `kind-not-allowed`.
    """
    party = case.policy.party_with_key(case.envelope.keyid)
    if party is None:
        refuse(
            case,
            "unknown-party",
            "the statement is signed by a key of no party that the policy in force lists",
        )
    if statement.kind not in party.kinds:
        refuse(
            case,
            "kind-not-allowed",
            f"the policy in force does not let {party.name} make {statement.kind} statements",
        )
    return Speaker(party.key, party, case.policy.distrusts(bytes.fromhex(case.envelope.keyid)))


def speaking_operator(service_id: bytes, case: Case) -> Speaker:
    """The holder of the operator key in force of a service.

    Raises:
        StatementError: `unknown-service` or `operator-key-not-in-force`.
    """
    service = case.view.service(service_id)
    if service is None:
        refuse(case, "unknown-service", "no audit of this service is logged, so nobody can speak for it yet")
    if case.envelope.keyid != keyid_of(service.operator_key):
        refuse(
            case,
            "operator-key-not-in-force",
            "the statement is not signed by the operator key in force of the service",
        )
    return Speaker(service.operator_key, None, service.operator_key_distrusted)
