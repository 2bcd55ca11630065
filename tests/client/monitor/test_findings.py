# SPDX-License-Identifier: Apache-2.0
"""Findings: their ids, their order, and the text in which the state keeps them."""

import hashlib
from dataclasses import replace

from keystead.monitor.findings import Finding, SettledBy, Settlement, State, finding_id, in_order
from keystead.monitor.found import FoundCertificate, FoundClaim, FoundExposure, FoundSubscriber
from keystead.monitor.model import Assurance, ClaimKind, EntryName
from keystead.monitor.severity import Severity
from keystead.monitor.value_text import from_text, to_text

_NAME = EntryName("log.example/issuance", 3)
_FINDING = Finding(
    rule="shared-device",
    subject=bytes(32),
    severity=Severity.MEDIUM,
    severity_why="why",
    state=State.SETTLED,
    since_ms=1_700_000_000_123,
    summary='A sentence with "quotes" and ünïcode.',
    reason="lapsed",
    settlement=Settlement(SettledBy.COVERED, 1_700_000_000_456, ("Auditor",), (_NAME,), "covered"),
    device=bytes(32),
    device_text="yubico-piv-serial 1",
    service=bytes(range(32)),
    subscribers=(FoundSubscriber((bytes(32),), "Alpha AB", ("lei X",)),),
    entries=(_NAME,),
    statements=(_NAME,),
    certificates=(
        FoundCertificate(
            bytes(32),
            (_NAME,),
            "North CA",
            "01",
            "Alpha AB",
            bytes(32),
            0,
            1000,
            2000,
            Assurance.CA_VERIFIED,
            (FoundClaim(bytes(32), ClaimKind.BINDING, "North CA", Assurance.DECLARED, "declared", None),),
            covered=False,
            reason="lapsed",
        ),
    ),
    exposures=(FoundExposure(1, None, (bytes(32),)),),
    proofs=({"subject": "1"},),
)


def test_the_id_is_as_specified() -> None:
    """From the formula, written out once more."""
    subject = bytes(range(32))
    text = b"keystead/finding/v1\nshared-device\n" + subject.hex().encode()

    assert finding_id("shared-device", subject) == hashlib.sha256(text).digest()
    assert replace(_FINDING, subject=subject).id == hashlib.sha256(text).digest()


def test_a_finding_comes_back_from_its_text() -> None:
    """Exactly, to the millisecond."""
    assert from_text(Finding, to_text(_FINDING)) == _FINDING
    bare = Finding("rule", b"", Severity.INFO, "", State.OPEN, 0, "")
    assert from_text(Finding, to_text(bare)) == bare


def test_times_and_ids_are_text_in_json() -> None:
    """RFC 3339 to the second, hex, and null where there is nothing."""
    document = _FINDING.to_json()

    assert document["since"] == "2023-11-14T22:13:20Z"
    assert document["settled_by"] == document["settlement"]["how"] == "covered"
    assert document["settlement"]["statements"] == [{"origin": "log.example/issuance", "index": 3}]
    assert document["service"] == bytes(range(32)).hex()
    assert document["key"] is None
    assert document["certificates"][0]["claims"][0]["statement"] is None
    assert document["exposures"] == [
        {"from": "1970-01-01T00:00:00Z", "until": None, "subscribers": ["00" * 32]}
    ]


def test_open_and_serious_findings_come_first() -> None:
    """Then the newest."""
    settled = _FINDING
    open_low = replace(_FINDING, state=State.OPEN, severity=Severity.LOW, subject=b"low")
    open_high = replace(open_low, severity=Severity.HIGH, subject=b"high", since_ms=1)
    newer_high = replace(open_high, subject=b"newer", since_ms=2)

    assert in_order([settled, open_low, open_high, newer_high]) == [
        newer_high,
        open_high,
        open_low,
        settled,
    ]
