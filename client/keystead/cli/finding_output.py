# SPDX-License-Identifier: Apache-2.0
"""A monitor's findings for people: the sentence first, then what proves it, then what would settle it."""

from collections import Counter

from keystead.cli.output import Output
from keystead.monitor.findings import Finding, State
from keystead.monitor.found import FoundCertificate, show_time
from keystead.monitor.run import Report

__all__ = ["changed", "show_finding", "show_summary"]


def changed(before: Finding | None, finding: Finding) -> bool:
    """Whether somebody who knows `before` should be told."""
    return before is None or _told(before) != _told(finding)


def _told(finding: Finding) -> tuple[object, ...]:
    """What of a finding is news when it changes; the wording is not."""
    how = None if finding.settlement is None else finding.settlement.how
    return (
        finding.state,
        finding.reason,
        finding.severity,
        how,
        tuple(subscriber.ids for subscriber in finding.subscribers),
        finding.entries,
        finding.statements,
    )


def show_finding(output: Output, finding: Finding) -> None:
    """One finding, as a JSON line or as text."""
    output.document(finding.to_json())
    settlement = finding.settlement
    state = finding.state.value if settlement is None else f"{finding.state.value} by {settlement.how.value}"
    state = f"{state} again" if finding.reopened else state
    reason = "" if finding.reason is None else f" ({finding.reason})"
    device = "" if finding.device_text is None else f" on {finding.device_text}"
    output.heading(f"{state}, {finding.severity.text}: {finding.rule}{reason}{device}")
    output.text(finding.summary)
    if finding.certificates:
        output.table(
            [
                "subscriber",
                "CA",
                "valid",
                "on the device, says",
                "covered" if settlement is None else "covered before that",
                "entries",
            ],
            [_row(certificate) for certificate in finding.certificates],
        )
    for proof in finding.proofs:
        output.pairs(*((name, str(value)) for name, value in proof.items()))
    if settlement is not None:
        output.text(f"Settled {show_time(settlement.at_ms)}: {settlement.sentence}")
    elif finding.would_settle:
        output.text(f"What would settle it: {finding.would_settle}")
    known = finding.acknowledgement
    if known is not None:
        stands = f"until {show_time(known.until_ms)}" if known.lapsed is None else f"no more: {known.lapsed}"
        output.text(f"Acknowledged by {known.by} on {show_time(known.at_ms)}, {stands}. {known.why}")
    for part in finding.unread:
        output.text(part.sentence)
    output.text(f"Since {show_time(finding.since_ms)}. Finding {finding.id.hex()}", "")


def _row(certificate: FoundCertificate) -> list[str]:
    claims = {f"{claim.by}: {claim.assurance.text}" for claim in certificate.claims}
    covered = {None: "", True: "yes", False: f"no: {certificate.reason or 'not valid then'}"}[
        certificate.covered
    ]
    return [
        certificate.subscriber,
        certificate.issuer,
        f"{show_time(certificate.not_before_ms)[:10]} to {show_time(certificate.ends_ms)[:10]}",
        "; ".join(sorted(claims)),
        covered,
        ", ".join(str(entry.index) for entry in certificate.entries),
    ]


def show_summary(output: Output, report: Report) -> None:
    """Which logs were read how far, and how many findings are open."""
    for log in report.logs:
        read = f"{log.issuance_size} issuance entries"
        if log.issuance_first:
            read = f"{log.issuance_size - log.issuance_first} of {read}"
        output.text(
            f"{log.name}: {read} ({log.issuance_new} new), "
            f"{log.statements_size} statements ({log.statements_new} new)"
            + ("" if log.heads_checked is None else f"; {log.heads_checked} new heads of its index compared")
        )
    for part in report.unread:
        output.text(f"{part.sentence} --from-entry 0 reads them.")
    counts = Counter(finding.state for finding in report.findings)
    known = f", {counts[State.ACKNOWLEDGED]} acknowledged" if counts[State.ACKNOWLEDGED] else ""
    output.text(
        f"As of {show_time(report.at_ms)}: {len(report.open)} open{known}, {counts[State.SETTLED]} settled."
    )
