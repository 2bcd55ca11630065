# SPDX-License-Identifier: Apache-2.0
"""Does an audit qualify? (`specs/statements.md`, section 7.2)

Every audit by a recognized auditor is recorded; only one that keeps all rules of this module covers devices.
The rules follow the CSBR (version 3.10.0): periods of at most a year (8.1), reports within months of their end
(8.6), accepted schemes (8.4.2); the days of grace are ours.

Invariant: whether an audit qualifies is settled when it is logged, by the policy then in force and the operator
key then in force. Later policies and keys change nothing, except that a distrusted key takes weight away.
"""

from enum import StrEnum

from keystead.statements.kinds.service_audit import ServiceAudit
from keystead.statements.policy import Policy

__all__ = ["MAX_DAYS_AFTER_PERIOD", "MAX_PERIOD_DAYS", "Shortcoming", "shortcomings_of"]

MAX_PERIOD_DAYS = 367
"""A leap year, and a day for those who count both ends."""

MAX_DAYS_AFTER_PERIOD = 458
"""The next period, a leap year long, and three months to report on it."""

_DAY = 86_400


class Shortcoming(StrEnum):
    """Why an audit does not qualify, by the name that is shown and stored."""

    DISTRUSTED_KEY = "distrusted-key"
    AUDITOR_NOT_SIGNER = "auditor-not-signer"
    SCHEME = "scheme-not-qualifying"
    PERIOD_NOT_STATED = "period-not-stated"
    PERIOD_TOO_LONG = "period-too-long"
    PERIOD_NOT_ENDED = "period-not-ended"
    BEGINS_BEFORE_PERIOD = "begins-before-period"
    ENDS_TOO_LATE = "ends-too-late"
    OPERATOR_KEY = "operator-key-not-in-force"
    NOT_ACCEPTED = "auditor-not-accepted"

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Shortcoming.DISTRUSTED_KEY: "the auditor's key was distrusted when the audit was logged",
    Shortcoming.AUDITOR_NOT_SIGNER: "the audit is not signed by the auditor that it names",
    Shortcoming.SCHEME: "the policy in force does not list the audit's scheme as qualifying",
    Shortcoming.PERIOD_NOT_STATED: "the audit does not state the period that was audited",
    Shortcoming.PERIOD_TOO_LONG: f"the audited period is longer than {MAX_PERIOD_DAYS} days",
    Shortcoming.PERIOD_NOT_ENDED: "the audited period had not ended when the audit was logged",
    Shortcoming.BEGINS_BEFORE_PERIOD: "the audit would be in force before the audited period began",
    Shortcoming.ENDS_TOO_LATE: (
        f"the audit would be in force more than {MAX_DAYS_AFTER_PERIOD} days after the audited period ended"
    ),
    Shortcoming.OPERATOR_KEY: "the audit names another operator key than the one in force for the service",
    Shortcoming.NOT_ACCEPTED: "the word of its auditor is not accepted here",
}


def shortcomings_of(
    audit: ServiceAudit, logged_ms: int, policy: Policy | None, operator_key: bytes, keyid: str
) -> tuple[Shortcoming, ...]:
    """Every rule that an audit breaks; none if it qualifies.

    Args:
        audit: what was stated.
        logged_ms: when it was logged, milliseconds since 1970.
        policy: the policy in force for its entry; None if there was none, and then nothing qualifies.
        operator_key: DER SubjectPublicKeyInfo of the operator key in force just before it.
        keyid: who signed it.
    """
    found: list[Shortcoming] = []
    signer = None if policy is None else policy.party_with_key(keyid)
    # (1) By the auditor that it names, under a scheme that the policy lists.
    if signer is None or signer.name != audit.auditor:
        found.append(Shortcoming.AUDITOR_NOT_SIGNER)
    if policy is None or audit.scheme not in policy.qualifying_schemes:
        found.append(Shortcoming.SCHEME)
    # (2) Over a period that is stated, is no longer than a year, and had ended.
    if audit.period_start is None or audit.period_end is None:
        found.append(Shortcoming.PERIOD_NOT_STATED)
    else:
        if audit.period_end - audit.period_start > MAX_PERIOD_DAYS * _DAY:
            found.append(Shortcoming.PERIOD_TOO_LONG)
        if audit.period_end * 1000 > logged_ms:
            found.append(Shortcoming.PERIOD_NOT_ENDED)
        # (3) In force only where the period, or its successor's report, can bear it.
        if audit.not_before < audit.period_start:
            found.append(Shortcoming.BEGINS_BEFORE_PERIOD)
        if audit.not_after - audit.period_end > MAX_DAYS_AFTER_PERIOD * _DAY:
            found.append(Shortcoming.ENDS_TOO_LATE)
    # (4) Of the operator who enrols the devices.
    if audit.operator_key != operator_key:
        found.append(Shortcoming.OPERATOR_KEY)
    return tuple(found)
