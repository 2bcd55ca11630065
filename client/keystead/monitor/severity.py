# SPDX-License-Identifier: Apache-2.0
"""How serious a finding is: one function for all rules (`specs/monitor.md`, section 6).

A fact is as serious as its rule, less what is only somebody's word, less what is only perhaps so. It takes two to
make a fact (two subscribers, two certificates), so the second-best assurance counts: one bare claim beside
attested certificates frames nobody, and does not hide what the attested ones show.
"""

from enum import IntEnum

from keystead.monitor.model import Assurance

__all__ = ["Severity", "severity_of"]


class Severity(IntEnum):
    """The steps, the greater the more serious."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def text(self) -> str:
        """As in answers: `high`."""
        return self.name.lower()


def severity_of(
    base: Severity, second_best: Assurance = Assurance.ATTESTED, *, perhaps: bool = False
) -> Severity:
    """The severity of a fact.

    Args:
        base: of its rule.
        second_best: the second-best assurance among those who make the fact; rules without a step for assurance
            leave it out.
        perhaps: the subscribers are only perhaps distinct.

    Returns:
        The base, one step lower for `ca-verified` and two for `declared`, one more where only perhaps; never
        below `INFO`.
    """
    steps = (Assurance.ATTESTED - second_best) + perhaps
    return Severity(max(base - steps, Severity.INFO))
