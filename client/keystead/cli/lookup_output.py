# SPDX-License-Identifier: Apache-2.0
"""What was looked up, for people: who has what on the device, then what is said, then where it is proven."""

from keystead.audit.certificate_check.report import shown_time
from keystead.cli.output import Output
from keystead.lookup.questions import QuestionKind
from keystead.lookup.report import LogReport, LookupReport
from keystead.lookup.shown import ShownCertificate, ShownStatement
from keystead.monitor.found import show_time
from keystead.monitor.model import NEVER

__all__ = ["show_report"]

_COLUMNS = (
    *("logged", "entries", "CA", "subscriber", "serial", "valid"),
    *("assurance", "service", "audit then", "audit now"),
)
_WIDE = 150
"""Columns of a terminal on which a table of certificates can be read; elsewhere each is a block of lines."""


def show_report(output: Output, report: LookupReport) -> None:
    """All of it; nothing where the output is for programs."""
    if output.as_json:
        return
    output.heading(_title(report))
    _show_certificates(output, report)
    unreadable = [one for log in report.logs for one in log.unreadable]
    if unreadable:
        output.table(
            ["logged", "entry", "cannot be read"],
            [
                [show_time(one.time_ms), f"{one.name.origin} {one.name.index}", one.problem]
                for one in unreadable
            ],
        )
    statements = [one for log in report.logs for one in log.statements]
    if statements:
        output.table(
            ["logged", "statement", "said by", "says", "counts"],
            [
                [show_time(one.time_ms), str(one.name.index), one.by, one.text, _counts(one)]
                for one in statements
            ],
        )
    for log in report.logs:
        _show_log(output, report, log)
    if report.problems:
        output.table(
            ["check", "log", "what is wrong"],
            [[problem.code, problem.log, problem.sentence] for problem in report.problems],
        )
        if not report.logs:
            output.text("Nothing can be shown: no log's answer is good.")
        if any(problem.evidence for problem in report.problems):
            output.text("With --json what was signed comes along, to show to others.")


def _show_certificates(output: Output, report: LookupReport) -> None:
    several = len(report.logs) > 1
    columns = [*(["log"] if several else []), *_COLUMNS]
    rows = [
        [*([log.proven_at.origin] if several else []), *_certificate_row(certificate)]
        for log, certificate in report.certificates
    ]
    if rows and output.width >= _WIDE:
        output.table(columns, rows)
    else:
        for row in rows:
            output.pairs(*zip(columns, row, strict=True))
            output.text("")


def _title(report: LookupReport) -> str:
    kind, value = report.question.kind, report.question.value.hex()
    if kind is not QuestionKind.DEVICE or report.device is None:
        called = f"{report.question.called}, " if report.question.called else ""
        return f"{kind.value} {called}{value}"
    device = report.device
    class_ = "cloud" if device.cloud else device.class_
    name = device.scheme if device.value is None else f"{device.scheme}:{device.value}"
    return f"device {name} ({class_}), {value}"


def _show_log(output: Output, report: LookupReport, log: LogReport) -> None:
    where = log.proven_at
    empty = not (log.count or log.certificates or log.unreadable or log.statements)
    if empty:
        output.text(f"Proven absent: nothing names this {report.question.kind.value}.")
    else:
        output.text(f"Proven complete: {_entries(log.count)} in the issuance history.")
    if not log.whole:
        output.text(
            "Only the newest entries are shown: --limit N shows more. What counts now may rest on older ones."
        )
    if where.undecodable:
        output.text(
            f"{_entries(where.undecodable)} of this log cannot be read whole, and may be about anything: "
            "look at /index/v1/undecodable/"
        )
    output.text(f"By {where.text}.")


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count:,} entries"


def _certificate_row(certificate: ShownCertificate) -> list[str]:
    facts = certificate.facts
    named = certificate.now.name or certificate.then.name
    service = certificate.now.service or certificate.then.service
    return [
        show_time(facts.logged_ms),
        ", ".join(str(entry.name.index) for entry in facts.entries),
        facts.issuer,
        certificate.subscriber,
        facts.serial,
        _valid(certificate),
        "; ".join(_assurance(certificate)),
        "-" if service is None else named or f"{service.hex()[:16]}…",
        certificate.then.text,
        certificate.now.text,
    ]


def _valid(certificate: ShownCertificate) -> str:
    facts = certificate.facts
    text = f"{shown_time(facts.valid.start // 1000)[:10]} to {shown_time(facts.valid.end // 1000 - 1)[:10]}"
    if facts.ending is not None:
        text += f", ended {show_time(facts.ending.at_ms)[:10]}: {facts.ending.reason}"
    return text


def _assurance(certificate: ShownCertificate) -> list[str]:
    """On which device, and how well that is known."""
    found = []
    for claim in certificate.claims:
        text = f"{claim.assurance.text} ({claim.kind.value})"
        if claim.ends_ms < NEVER:
            text += f", superseded {show_time(claim.ends_ms)[:10]}"
        device = certificate.devices.get(claim.device_id)
        alone = certificate.device is not None or device is None
        found.append(text if alone or device is None else f"{device.text}: {text}")
    return found or ["no device named"]


def _counts(statement: ShownStatement) -> str:
    if statement.superseded_by is not None:
        return f"superseded by {statement.superseded_by.index}"
    if statement.counts is None:
        return "not judged here"
    return "yes" if statement.counts else "no"
