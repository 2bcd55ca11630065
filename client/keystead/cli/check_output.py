# SPDX-License-Identifier: Apache-2.0
"""The answer to `keystead check`, for people: the verdict, why, who is on the device, and how fresh that is."""

from keystead.check.answer import CheckAnswer, LogAnswer
from keystead.check.decision import Verdict
from keystead.cli.output import Output
from keystead.monitor.found import show_time

__all__ = ["show_answer"]

_HEADINGS = {
    Verdict.CLEAR: "clear: nobody else is on the device",
    Verdict.SAME_SUBSCRIBER: "same-subscriber: nobody else but this subscriber is on the device",
    Verdict.COVERED: "covered: others are on the device, and an audited signing service covers it",
    Verdict.SHARED: "shared: another subscriber is on the device, and it is not covered",
}


def show_answer(output: Output, answer: CheckAnswer) -> None:
    """All of it; nothing where the output is for programs."""
    if output.as_json:
        return
    verdict = answer.verdict
    output.heading("no verdict: a log's answer is not good" if verdict is None else _HEADINGS[verdict])
    for one in answer.in_order:
        _show_log(output, one, several=len(answer.logs) > 1)
    if answer.problems:
        output.table(
            ["check", "log", "what is wrong"],
            [[problem.code, problem.log, problem.sentence] for problem in answer.problems],
        )


def _show_log(output: Output, one: LogAnswer, *, several: bool) -> None:
    decision = one.decision
    if several:
        output.text("", f"{one.origin}: {decision.verdict.value}")
    output.table(["reason", ""], [[detail.code, detail.sentence] for detail in decision.details])
    certificates = {
        certificate.certificate_id: certificate
        for detail in decision.details
        for certificate in detail.certificates
    }
    if certificates:
        output.table(
            ["entry", "CA", "subscriber", "serial", "until", "assurance", "says so"],
            [
                [
                    ", ".join(str(name.index) for name in certificate.entries),
                    certificate.issuer,
                    certificate.subscriber,
                    certificate.serial,
                    show_time(certificate.ends_ms)[:10],
                    "-" if certificate.assurance is None else certificate.assurance.text,
                    "; ".join(sorted({f"{claim.kind.value} ({claim.by})" for claim in certificate.claims})),
                ]
                for certificate in certificates.values()
            ],
        )
    output.text(
        f"By {one.origin}: {one.tree_size:,} entries, {one.lag:,} of them behind the index and read one by one; its "
        f"head of {show_time(one.head_ms)} was {max(0, one.age_ms // 1000):,} s old."
    )
    if one.undecodable:
        output.text(
            f"{one.undecodable:,} entries of this log cannot be read whole, and may be about anything: look at "
            "/index/v1/undecodable/"
        )
