# SPDX-License-Identifier: Apache-2.0
"""Which audits qualify, and why the others do not."""

from typing import Any

import pytest

from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.policy import Policy
from keystead.statements.qualification import Shortcoming, shortcomings_of
from keystead.statements.statement_key import keyid_of, spki_of
from support.statements import AUDITOR, CA, DAY, NEXT_OPERATOR, NOW, NOW_MS, OPERATOR, audit, policy

END = NOW - 30 * DAY


def judged(
    logged_ms: int = NOW_MS,
    in_force: Policy | None = None,
    key: Any = OPERATOR,
    signer: Any = AUDITOR,
    **changed: Any,
) -> tuple[Shortcoming, ...]:
    return shortcomings_of(
        audit(**changed),
        logged_ms,
        policy() if in_force is None else in_force,
        spki_of(key),
        keyid_of(spki_of(signer)),
    )


def test_example_qualifies() -> None:
    """It keeps every rule."""
    assert judged() == ()


ETSI_ONLY = policy(qualifying_schemes=(AuditScheme.ETSI_EN_319_411_1,))

CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("scheme is in the policy", {"scheme": AuditScheme.ETSI_EN_319_411_1, "in_force": ETSI_ONLY}, ()),
    ("scheme is not in the policy", {"in_force": ETSI_ONLY}, ("scheme-not-qualifying",)),
    ("SOC 2", {"scheme": AuditScheme.SOC2}, ("scheme-not-qualifying",)),
    ("ISO 27001", {"scheme": AuditScheme.ISO27001}, ("scheme-not-qualifying",)),
    ("FedRAMP", {"scheme": AuditScheme.FEDRAMP}, ("scheme-not-qualifying",)),
    ("another scheme", {"scheme": AuditScheme.OTHER}, ("scheme-not-qualifying",)),
    ("no period", {"period_start": None, "period_end": None}, ("period-not-stated",)),
    ("period without start", {"period_start": None}, ("period-not-stated",)),
    ("period without end", {"period_end": None}, ("period-not-stated",)),
    ("period of 367 days", {"period_start": END - 367 * DAY}, ()),
    ("period a second longer", {"period_start": END - 367 * DAY - 1}, ("period-too-long",)),
    ("period ends when logged", {"logged_ms": END * 1000}, ()),
    ("period ends after", {"logged_ms": END * 1000 - 1}, ("period-not-ended",)),
    ("in force from the period's start", {"not_before": NOW - 395 * DAY}, ()),
    ("in force a second before", {"not_before": NOW - 395 * DAY - 1}, ("begins-before-period",)),
    ("in force for 458 days after the end", {"not_after": END + 458 * DAY}, ()),
    ("in force a second longer", {"not_after": END + 458 * DAY + 1}, ("ends-too-late",)),
    ("operator key is not the one in force", {"key": NEXT_OPERATOR}, ("operator-key-not-in-force",)),
    (
        "operator key is named and in force",
        {"key": NEXT_OPERATOR, "operator_key": spki_of(NEXT_OPERATOR)},
        (),
    ),
    ("signed by another party", {"signer": CA}, ("auditor-not-signer",)),
    ("signed by nobody known", {"signer": OPERATOR}, ("auditor-not-signer",)),
    ("names another auditor", {"auditor": "CA"}, ("auditor-not-signer",)),
    (
        "all that can be wrong at once",
        {
            "scheme": AuditScheme.SOC2,
            "period_start": END - 400 * DAY,
            "logged_ms": 0,
            "not_before": END - 401 * DAY,
            "not_after": END + 500 * DAY,
            "key": NEXT_OPERATOR,
            "signer": CA,
        },
        (
            "auditor-not-signer",
            "scheme-not-qualifying",
            "period-too-long",
            "period-not-ended",
            "begins-before-period",
            "ends-too-late",
            "operator-key-not-in-force",
        ),
    ),
]


@pytest.mark.parametrize(
    ("changed", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rule(changed: dict[str, Any], expected: tuple[str, ...]) -> None:
    """Each rule at its edge: the last value that qualifies, the first that does not."""
    assert judged(**changed) == expected


def test_nothing_qualifies_without_a_policy() -> None:
    """In the first batch no policy is in force."""
    found = shortcomings_of(audit(), NOW_MS, None, spki_of(OPERATOR), keyid_of(spki_of(AUDITOR)))
    assert found == ("auditor-not-signer", "scheme-not-qualifying")


def test_every_shortcoming_has_a_sentence() -> None:
    """For people."""
    assert all(shortcoming.sentence for shortcoming in Shortcoming)
