# SPDX-License-Identifier: Apache-2.0
"""The whole story of a finding for people: why it matters, what happened, when it held, for whom, and on whose word."""

from collections.abc import Sequence

from keystead.cli.finding_output import show_finding
from keystead.cli.output import Output
from keystead.monitor.chronicle import Event
from keystead.monitor.findings import Finding
from keystead.monitor.found import FoundClaim, show_time
from keystead.monitor.model import Assurance, ClaimKind

__all__ = ["show_story"]

_WHY = {
    "shared-device": "A device that holds keys of several subscribers is a signing service, and a signing service must "
    "be audited (CSBR 8.4.2): nothing in an attestation shows that one user cannot sign with another's key.",
    "sequential-reuse": "A token may be wiped and handed on, but no attestation shows that it was wiped. Whoever has "
    "it now should know, and somebody should have stated it.",
    "outside-service": "The device belongs to an audited signing service. A key on it that the service does not answer "
    "for is outside of what was audited, or its CA forgot to name the service.",
    "contested-enrolment": "An operator enrolled a device that others' certificates are on, and none of them names the "
    "operator's service. An enrolment that nobody confirms covers nothing.",
    "same-key-two-subscribers": "Whoever holds the private key can sign in the name of both. Or a CA certified a key "
    "that it saw elsewhere: evidence is public, and shows no possession.",
    "same-key-two-devices": "A key that was generated in a device and cannot leave it is in one device only, unless "
    "the devices are one cluster.",
    "tainted-device": "A key on the device was compromised. If the device was the way, the other keys on it are in the "
    "same danger.",
    "repeat-offender": "After a key compromise a subscriber must show that it keeps its keys better (CSBR 4.2.2), and "
    "got a new certificate.",
    "weak-evidence": "Nobody can check that the key is in the device that the certificate names.",
    "undecodable": "What cannot be read could say anything, and is not passed over.",
    "log-misbehaviour": "What the log signed contradicts what it promised. Others can check the proofs without "
    "believing this monitor.",
}


def show_story(output: Output, finding: Finding, events: Sequence[Event]) -> None:
    """One finding with everything that is known of it.

    Args:
        output: where to.
        finding: which one.
        events: what the logs have of it, the earliest first.
    """
    if output.as_json:
        output.document({**finding.to_json(), "events": [event.to_json() for event in events]})
        return
    show_finding(output, finding)
    output.text(f"Why it matters: {_WHY[finding.rule]}")
    output.text(f"Why its severity is {finding.severity.text}: {finding.severity_why}.", "")
    if events:
        output.heading("What happened")
        output.table(
            ["logged", "where", "what"],
            [
                [show_time(event.at_ms), f"{event.name.origin} {event.name.index}", f"{event.sentence}."]
                for event in events
            ],
        )
    _show_exposures(output, finding)
    _show_subscribers(output, finding)
    _show_claims(output, finding)


def _show_exposures(output: Output, finding: Finding) -> None:
    if not finding.exposures:
        return
    output.heading(
        "When it held (a certificate counts through its whole validity, however late it was logged)"
    )
    output.table(
        ["from", "until", "subscribers"],
        [
            [
                show_time(exposure.from_ms),
                "now" if exposure.until_ms is None else show_time(exposure.until_ms),
                ", ".join(_named(finding, exposure.subscribers)),
            ]
            for exposure in finding.exposures
        ],
    )


def _named(finding: Finding, ids: Sequence[bytes]) -> list[str]:
    """Subscribers by their names, those of the finding first; by their ids where it does not name them."""
    known = {identifier for subscriber in finding.subscribers for identifier in subscriber.ids}
    return [
        *(one.name for one in finding.subscribers if not set(one.ids).isdisjoint(ids)),
        *(f"{identifier.hex()[:16]}…" for identifier in ids if identifier not in known),
    ]


def _show_subscribers(output: Output, finding: Finding) -> None:
    if not finding.subscribers:
        return
    output.heading("Whom it concerns")
    for subscriber in finding.subscribers:
        joined = f", one subscriber by {'; '.join(subscriber.joined_by)}" if subscriber.joined_by else ""
        output.text(f"{subscriber.name}{joined}")
        for identifier in subscriber.ids:
            output.text(f"  subscriber id {identifier.hex()}")


def _show_claims(output: Output, finding: Finding) -> None:
    if not any(certificate.claims for certificate in finding.certificates):
        return
    output.heading("On whose word")
    for certificate in finding.certificates:
        output.text(f"{certificate.subscriber}, serial {certificate.serial} by {certificate.issuer}:")
        for claim in certificate.claims:
            device = f"the device {claim.device.hex()[:16]}…"
            if claim.device == finding.device and finding.device_text:
                device = finding.device_text
            output.text(f"  in {device}: {claim.assurance.text}; {_word(claim)}")


def _word(claim: FoundClaim) -> str:
    """Who says so, and how anybody can tell."""
    where = (
        "" if claim.statement is None else f"statement {claim.statement.index} of {claim.statement.origin}"
    )
    if claim.kind is ClaimKind.EXTENSION:
        return f"{claim.by} says so in the certificate ({claim.method})"
    if claim.kind is ClaimKind.BINDING:
        return f"{claim.by} says so in {where} ({claim.method})"
    if claim.assurance is Assurance.ATTESTED:
        return f"the device's own evidence ({claim.method}), verified here; {where} records it"
    return f"evidence ({claim.method}) that is the log's word here; {where} records it"
