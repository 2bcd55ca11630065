# SPDX-License-Identifier: Apache-2.0
"""The one function for how serious a finding is."""

import pytest

from keystead.monitor.model import Assurance
from keystead.monitor.severity import Severity, severity_of

ATTESTED, CA_VERIFIED, DECLARED = Assurance.ATTESTED, Assurance.CA_VERIFIED, Assurance.DECLARED


@pytest.mark.parametrize(
    ("base", "assurance", "perhaps", "expected"),
    [
        ("high", ATTESTED, False, "high"),
        ("high", CA_VERIFIED, False, "medium"),
        ("high", DECLARED, False, "low"),
        ("high", ATTESTED, True, "medium"),
        ("high", CA_VERIFIED, True, "low"),
        ("high", DECLARED, True, "info"),
        ("medium", CA_VERIFIED, False, "low"),
        ("medium", DECLARED, False, "info"),
        ("low", ATTESTED, True, "info"),
        ("low", DECLARED, True, "info"),
    ],
)
def test_steps_from_the_base(base: str, assurance: Assurance, perhaps: bool, expected: str) -> None:
    """One step for a CA's word, two for a declaration, one more for perhaps; never below info."""
    assert severity_of(Severity[base.upper()], assurance, perhaps=perhaps).text == expected


def test_a_rule_without_steps_keeps_its_base() -> None:
    """Rules that assurance does not matter to leave it out."""
    assert severity_of(Severity.MEDIUM) is Severity.MEDIUM


def test_assurances_are_called_as_answers_call_them() -> None:
    """And ordered from word to proof."""
    assert [one.text for one in sorted(Assurance)] == ["declared", "ca-verified", "attested"]
