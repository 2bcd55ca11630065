# SPDX-License-Identifier: Apache-2.0
"""What is shown of what was gathered: certificates, statements, who said them, what is wrong, and what is missing."""

from keystead.certificate.x509 import parse_certificate
from keystead.index.kinds import IndexKind
from keystead.lookup.questions import Question, QuestionKind
from keystead.lookup.report import LookupReport
from keystead.lookup.shown import ShownStatement
from support.audited_history import AuditedHistory
from support.history import party_key, yubikey
from support.looked_up import answer, index_of

DEVICE = Question(QuestionKind.DEVICE, yubikey(1))


def _statements(report: LookupReport) -> dict[int, ShownStatement]:
    return {one.name.index: one for log in report.logs for one in log.statements}


async def test_a_certificate_is_one_with_its_precertificate() -> None:
    """Two entries, one certificate; programs get an object for each entry."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.finish(issued)
    report = await answer(history, DEVICE)
    ((_, certificate),) = report.certificates
    assert [entry.name.index for entry in certificate.facts.entries] == [0, 1]
    entries = report.to_json()["entries"]
    assert [(one["index"], one["type"]) for one in entries] == [(0, "precertificate"), (1, "certificate")]
    assert entries[0]["certificate"] == entries[1]["certificate"] == issued.certificate_id.hex()


async def test_what_statements_put_on_a_device_is_shown_as_theirs() -> None:
    """It is not in the issuance history, whose count it does not raise."""
    history = AuditedHistory()
    bound = history.certificate("Alpha AB", evidence=False)
    history.bind(bound, serials=[1])
    report = await answer(history, DEVICE)
    found = report.to_json()
    assert (found["count"], [one["listed"] for one in found["entries"]]) == (0, [False])
    assert not report.absent


async def test_a_binding_that_somebody_else_made_puts_nothing_on_a_device() -> None:
    """It is shown as what it is: a statement without right, which the log should not have admitted."""
    history = AuditedHistory()
    bound = history.certificate("Alpha AB", evidence=False)
    said = history.bind(bound, serials=[1], by="South CA")
    report = await answer(history, DEVICE)
    assert report.certificates == []
    assert _statements(report)[said].counts is False
    assert [problem.code for problem in report.problems] == ["statement-without-right"]
    assert not report.good


async def test_who_said_it() -> None:
    """The log, a party by its name, an operator by the name that its auditor gave, also with a later key."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    first = history.devices(service, join=[1], next_key=party_key("Next"))
    second = history.devices(service, leave=[1], key=party_key("Next"))
    issued = history.certificate("Alpha AB", serial=1)
    other = history.certificate("Beta GmbH", serial=1, ca=history.south)
    sold = history.transfer(1, issued, other, key=party_key("Next"))
    bound = history.bind(issued, serials=[1])
    report = await answer(history, DEVICE)
    by = {index: said.by for index, said in _statements(report).items()}
    assert by[first] == by[second] == by[sold] == "Operator Ltd"
    assert by[bound] == "North CA"
    assert "the log" in by.values()
    assert all(said.counts for said in _statements(report).values())


async def test_what_cannot_be_judged_from_what_was_asked_is_not_judged() -> None:
    """A transfer seen from a subscriber: whether its signer had a certificate on the device is another question."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    other = history.certificate("Beta GmbH", serial=1, ca=history.south)
    sold = history.transfer(1, issued, other)
    report = await answer(history, Question(QuestionKind.SUBSCRIBER, issued.subscriber_id))
    assert _statements(report)[sold].counts is None
    assert report.good


async def test_superseded() -> None:
    """A binding that another one replaced is named with it, and what it claimed ends then."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", evidence=False)
    first = history.bind(issued, serials=[1])
    second = history.bind(issued, serials=[2], supersedes=first)
    report = await answer(history, DEVICE)
    replaced = _statements(report)[first].superseded_by
    assert replaced is not None
    assert replaced.index == second
    ((_, certificate),) = report.certificates
    assert report.to_json()["entries"][0]["assurance"] is None
    assert [claim.assurance.text for claim in certificate.claims] == ["ca-verified"]


async def test_endings() -> None:
    """A revocation is shown with its reason, and with who said so."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    history.revoke(issued)
    found = (await answer(history, DEVICE)).to_json()
    (entry,) = found["entries"]
    assert (entry["ended"]["reason"], entry["ended"]["by"]) == ("keyCompromise", "North CA")


async def test_entries_that_cannot_be_read() -> None:
    """They are shown where they are listed, and counted wherever something is asked, for they may be about anything."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    history.log.add_leaf(b"\x30\x00", (bytes(32),), precertificate=b"x", issuer_key_hash=bytes(32))
    history.log.publish()
    report = await answer(history, DEVICE)
    assert report.logs[0].proven_at.undecodable == 1
    indexed, _ = index_of(history)
    identifier = next(
        subject.value
        for subject, entries in indexed.histories.items()
        if subject.kind is IndexKind.CERTIFICATE_ENTRIES and entries == [1]
    )
    report = await answer(history, Question(QuestionKind.CERTIFICATE, identifier))
    (entry,) = report.to_json()["entries"]
    assert entry["index"] == 1
    assert "cannot be read" in entry["problem"]


async def test_absence() -> None:
    """Nothing anywhere."""
    report = await answer(AuditedHistory(), DEVICE)
    assert report.absent
    found = report.to_json()
    assert (found["count"], found["device"], found["whole"]) == (0, None, True)


async def test_a_key_has_the_statements_of_its_certificates() -> None:
    """No statement names a key."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    revoked = history.revoke(issued)
    key = parse_certificate(issued.chain[0]).key_hash
    report = await answer(history, Question(QuestionKind.KEY, key))
    assert list(_statements(report)) == [1, revoked]


async def test_everything_about_a_service() -> None:
    """The certificates that name it, those that are bound to it, and all that is said of it."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    history.certificate("Alpha AB", serial=1, service=service)
    bound = history.certificate("Beta GmbH", serial=2)
    history.bind(bound, service=service)
    history.certificate("Gamma Ltd", serial=1)
    found = (await answer(history, Question(QuestionKind.SERVICE, service.id))).to_json()
    assert [(one["index"], one["listed"]) for one in found["entries"]] == [(0, True), (1, False)]
    assert found["count"] == 1
    assert [one["kind"] for one in found["statements"]] == [
        *("service-audit", "service-devices", "device-binding")
    ]
    assert [one["services"][0]["service"] for one in found["entries"]] == [service.id.hex()] * 2
