# SPDX-License-Identifier: Apache-2.0
"""What is read for a question, and what is not."""

from keystead.check.decision import Verdict
from keystead.check.gathering import NEWEST_OF_ALIASED, NEWEST_SAID, Bearing, gather_for
from keystead.check.question import AskedSubscriber, Question, SubscriberForm
from keystead.index.kinds import IndexKind, Subject
from keystead.testvendor.subjects import ov_subject
from support.check_material import Asked, live_log
from support.history import History, yubikey


async def _gather(history: History, question: Question) -> tuple[Bearing, list[str]]:
    """What bears on a question, and what the log was asked for."""
    _, log = await live_log(history)
    history.log.requests.clear()
    bearing = await gather_for(log, question, history.anchors, history.log.now_ms)
    return bearing, history.log.requests


async def test_all_that_bears_on_a_device() -> None:
    """Its certificates, what is said of them, their services and subscribers, and nothing else."""
    history = History()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1, 2])
    first = history.certificate("Beta GmbH", serial=1, service=service)
    other = history.certificate("Gamma SA", serial=2, service=service)
    bound = history.certificate("Delta", evidence=False)
    history.bind(bound, serials=(1,))
    history.bind(other, serials=(3,), service=service)
    bearing, _ = await _gather(history, Asked("Alpha AB").question(history))
    found = bearing.found
    assert sorted(found.entries) == [first.index, bound.index]
    for kind, value in (
        (IndexKind.CERTIFICATE_STATEMENTS, first.certificate_id),
        (IndexKind.CERTIFICATE_STATEMENTS, bound.certificate_id),
        (IndexKind.SERVICE_STATEMENTS, service.id),
        (IndexKind.SUBSCRIBER_STATEMENTS, first.subscriber_id),
    ):
        assert Subject(kind, value) in found.histories
    # What the service's history says about a certificate on another device is not followed.
    assert Subject(IndexKind.CERTIFICATE_STATEMENTS, other.certificate_id) not in found.histories


async def test_a_cloud_is_not_read() -> None:
    """It may hold any number of keys."""
    history = History()
    history.certificate("Beta GmbH", serial=1)
    history.all_clouds()
    bearing, requests = await _gather(history, Asked("Alpha AB").question(history))
    assert bearing.candidate.clouds == {yubikey(1)}
    assert not [path for path in requests if f"device-certificates/{yubikey(1).hex()}" in path]


async def test_a_cloud_by_what_was_recorded_last() -> None:
    """What others' evidence proves is found before everything is read."""
    history = History()
    for _ in range(NEWEST_SAID + 5):
        history.certificate("Beta GmbH", serial=1)
    asked = Asked("Alpha AB", evidence=False)
    _, requests = await _gather(history, asked.question(history))
    assert [path for path in requests if f"device-certificates/{yubikey(1).hex()}" in path]
    history.all_clouds()
    bearing, requests = await _gather(history, asked.question(history))
    assert not [path for path in requests if f"device-certificates/{yubikey(1).hex()}" in path]
    assert len(bearing.found.entries) == NEWEST_SAID
    assert (await asked.decide(history)).reasons == ("provider-operated",)


async def test_a_cloud_by_a_key_that_turned_bad() -> None:
    """Such evidence proves nothing, so the device is read."""
    history = History()
    asked = Asked("Alpha AB")
    history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.all_clouds()
    anchor = next(iter(history.anchors)).key_hash
    history.policy(distrusted={anchor: history.now - 1})
    history.day(1)
    assert (await asked.decide(history)).verdict is Verdict.SHARED
    _, requests = await _gather(history, asked.question(history))
    assert [path for path in requests if f"device-certificates/{yubikey(1).hex()}" in path]


async def test_those_whom_an_alias_names() -> None:
    """Certificates of each, on whatever device; so many at most."""
    history = History()
    old = history.certificate("Alpha Gammal AB", serial=9)
    for _ in range(NEWEST_OF_ALIASED + 5):
        new = history.certificate("Alpha AB", serial=8)
    history.alias(old, new)
    bearing, _ = await _gather(history, Asked("Alpha AB").question(history))
    assert old.index in bearing.found.entries
    assert len(bearing.found.entries) == 1 + NEWEST_OF_ALIASED


async def test_the_devices_of_a_certificate() -> None:
    """By its extension, by bindings and by evidence; with its issuer or found by its key."""
    history = History()
    issued = history.certificate("Beta GmbH", serial=1, ca=history.south)
    history.bind(issued, serials=(2,))
    history.evidence(issued, 3)
    other = AskedSubscriber(SubscriberForm.NAME, ov_subject("Alpha AB", "SE"))
    for question in (
        Question(certificate=issued.chain[0], issuer=issued.chain[1]),
        Question(certificate=issued.chain[0]),
        Question(certificate=issued.chain[0], subscriber=other),
        Question(certificate=issued.chain[0], subscriber=other, issuer=history.north.chain[0]),
    ):
        bearing, _ = await _gather(history, question)
        for serial in (1, 2, 3):
            assert Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(serial)) in bearing.found.histories


async def test_a_service_that_is_asked_about() -> None:
    """Its audits are read although no certificate names it."""
    history = History()
    service = history.service()
    history.audit(service)
    bearing, _ = await _gather(history, Asked("Alpha AB", service=service).question(history))
    assert bearing.found.is_whole(IndexKind.SERVICE_STATEMENTS, service.id)
