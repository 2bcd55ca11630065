# SPDX-License-Identifier: Apache-2.0
"""`log-misbehaviour`: a log did what it must not: a fork, a rollback, evidence that it withholds, a statement by
somebody who had no right to make it.

One finding for each log and kind of misbehaviour, open as long as it is not made good; what the log signed is kept
in the finding.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from keystead.monitor.findings import Finding, State
from keystead.monitor.misbehaviour import Misbehaviour
from keystead.monitor.severity import Severity

__all__ = ["BASE", "RULE", "judge", "subject_of"]

RULE = "log-misbehaviour"
BASE = Severity.HIGH


def subject_of(origin: str, kind: str) -> bytes:
    """What a finding of this rule is about."""
    return sha256(f"{origin}\n{kind}".encode()).digest()


def judge(found: Iterable[Misbehaviour]) -> list[Finding]:
    """The findings about what logs did.

    Args:
        found: everything that is known.
    """
    grouped: dict[tuple[str, str], list[Misbehaviour]] = {}
    for one in found:
        grouped.setdefault((one.origin, one.kind), []).append(one)
    return [_finding(origin, kind, cases) for (origin, kind), cases in sorted(grouped.items())]


def _finding(origin: str, kind: str, cases: list[Misbehaviour]) -> Finding:
    first = min(cases, key=lambda case: (case.time_ms, case.subject))
    more = f" ({len(cases)} such cases)" if len(cases) > 1 else ""
    return Finding(
        rule=RULE,
        subject=subject_of(origin, kind),
        severity=BASE,
        severity_why="a log that breaks its promises can hide anything",
        state=State.OPEN,
        since_ms=first.time_ms,
        summary=f"{origin}: {first.detail}{more}.",
        would_settle="nothing, where the log signed it; where it withheld something, that it serves it",
        reason=kind,
        proofs=tuple(_proof(case) for case in cases),
    )


def _proof(case: Misbehaviour) -> Mapping[str, Any]:
    return {"subject": case.subject, "detail": case.detail, "evidence": dict(case.encoded())}
