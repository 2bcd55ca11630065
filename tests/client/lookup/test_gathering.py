# SPDX-License-Identifier: Apache-2.0
"""Gathering everything about a device, a key, a subscriber, a service, a certificate: nothing is left out."""

import pytest

from keystead.certificate.x509 import parse_certificate
from keystead.errors import FetchError, LogMisbehaviourError
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import Gathered
from keystead.lookup.gathering import gather
from keystead.lookup.questions import Question, QuestionKind
from keystead.statements.payloads import (
    CertificateRevoked,
    DeviceBinding,
    DeviceEvidence,
    DeviceTransfer,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
)
from support.audited_history import AuditedHistory
from support.history import yubikey
from support.looked_up import index_of, look_up

DEVICE = Question(QuestionKind.DEVICE, yubikey(1))


def _kinds(found: Gathered) -> list[type]:
    return [type(said.statement) for _, said in sorted(found.statements.items())]


async def test_what_extensions_name() -> None:
    """The certificates on a device, with the evidence that was recorded for them, and the policy that judges it."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.finish(issued)
    history.certificate("Beta GmbH", serial=2)
    _, found = await look_up(history, DEVICE)
    assert sorted(found.entries) == [0, 1]
    assert _kinds(found) == [LogPolicy, DeviceEvidence]
    digest = next(one.statement.evidence_digest for one in found.judgeable() if one.index == 1)  # type: ignore[union-attr]
    assert found.objects[digest]
    assert found.histories[DEVICE.certificates].count == 2


async def test_what_statements_bind() -> None:
    """A certificate whose extension names nothing is on the device by evidence, another by its CA's word."""
    history = AuditedHistory()
    attested = history.certificate("Alpha AB", serial=1, extension=False)
    bound = history.certificate("Beta GmbH", evidence=False)
    history.bind(bound, serials=[1])
    history.certificate("Gamma Ltd")
    _, found = await look_up(history, DEVICE)
    assert sorted(found.entries) == [attested.index, bound.index]
    assert found.histories[DEVICE.certificates].count == 0
    assert found.histories[DEVICE.statements].count == 2


async def test_what_takes_it_back() -> None:
    """A binding that supersedes another need not name the device: the certificate leads to it, and to a revocation."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", evidence=False)
    first = history.bind(issued, serials=[1])
    history.bind(issued, serials=[2], supersedes=first)
    history.revoke(issued)
    _, found = await look_up(history, DEVICE)
    assert _kinds(found) == [LogPolicy, DeviceBinding, DeviceBinding, CertificateRevoked]
    assert len(list(found.judgeable())) == 4


async def test_services_come_with_their_whole_history() -> None:
    """Audits and enrolments of each service that is named, and nothing of what it says about other certificates."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1, 2])
    history.certificate("Alpha AB", serial=1, service=service)
    other = history.certificate("Beta GmbH", serial=2)
    history.bind(other, service=service)
    _, found = await look_up(history, DEVICE)
    assert _kinds(found) == [LogPolicy, ServiceAudit, ServiceDevices, DeviceEvidence]
    assert sorted(found.entries) == [0]


async def test_everything_about_a_service() -> None:
    """Asked about itself, a service comes with the certificates that it is bound to, too."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    named = history.certificate("Alpha AB", serial=1, service=service)
    bound = history.certificate("Beta GmbH", serial=2)
    history.bind(bound, service=service)
    _, found = await look_up(history, Question(QuestionKind.SERVICE, service.id))
    assert sorted(found.entries) == [named.index, bound.index]
    assert ServiceAudit in _kinds(found)


async def test_keys_subscribers_and_certificates() -> None:
    """Each has its history; statements about the certificates come along."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1, precertificate=True)
    history.finish(issued)
    again = history.certificate("Alpha AB", serial=3, key=issued.key, ca=history.south)
    history.certificate("Beta GmbH", serial=2)
    history.alias(issued, again)
    key = parse_certificate(again.chain[0]).key_hash
    questions = {
        Question(QuestionKind.KEY, key): [0, 1, 2],
        Question(QuestionKind.SUBSCRIBER, issued.subscriber_id): [0, 1],
        Question(QuestionKind.CERTIFICATE, issued.certificate_id): [0, 1],
    }
    for question, entries in questions.items():
        _, found = await look_up(history, question)
        assert sorted(found.entries) == entries, question.kind
        assert DeviceEvidence in _kinds(found)


async def test_nothing() -> None:
    """Absence is two proofs, and the policies."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    snapshot, found = await look_up(history, Question(QuestionKind.DEVICE, yubikey(7)))
    assert not found.entries
    assert [found.histories[one].count for one in (Subject(IndexKind.DEVICE_CERTIFICATES, yubikey(7)),)] == [
        0
    ]
    assert len(snapshot.documents) == 3


async def test_only_the_newest() -> None:
    """A bound on the histories asked for leaves what belongs to the newest certificates whole."""
    history = AuditedHistory()
    issued = [history.certificate(f"Company {number}", serial=1, precertificate=True) for number in range(4)]
    for one in issued:
        history.finish(one)
    history.transfer(1, issued[0], issued[1])
    _, found = await look_up(history, DEVICE, newest=2)
    assert found.histories[DEVICE.certificates].entries == (6, 7)
    # The precertificates of the two, which are beyond the bound.
    assert sorted(found.entries) == [2, 3, 6, 7]
    # Nobody can judge a transfer who does not know the whole device.
    assert DeviceTransfer in _kinds(found)
    assert DeviceTransfer not in [type(said.statement) for said in found.judgeable()]
    _, found = await look_up(history, DEVICE)
    assert DeviceTransfer in [type(said.statement) for said in found.judgeable()]


async def test_nothing_is_fetched_twice() -> None:
    """Every question is asked once, every tile and object fetched once."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    history.devices(service, join=[1])
    for name in ("Alpha AB", "Beta GmbH", "Gamma Ltd"):
        issued = history.certificate(name, serial=1, service=service, precertificate=True)
        history.finish(issued)
    indexed, index = index_of(history)
    indexed.log.requests.clear()
    await gather(index, DEVICE)
    assert len(indexed.log.requests) == len(set(indexed.log.requests))


async def test_a_policy_that_is_withheld() -> None:
    """Without it nobody can say what counts."""
    history = AuditedHistory()
    history.certificate("Alpha AB", serial=1)
    for path in [path for path in history.log.objects if path.startswith("policy/")]:
        del history.log.objects[path]
    with pytest.raises(FetchError, match="policy"):
        await look_up(history, DEVICE)


async def test_evidence_that_is_withheld_or_other() -> None:
    """It is missing from what was gathered; what that means is for whoever judges."""
    for instead in (None, b"other"):
        history = AuditedHistory()
        history.certificate("Alpha AB", serial=1)
        history.log.hooks.append(
            lambda path, answer, instead=instead: instead if path.startswith("evidence/") else answer
        )
        _, found = await look_up(history, DEVICE)
        assert None in found.objects.values()


@pytest.mark.parametrize("kind", [IndexKind.CERTIFICATE_STATEMENTS, IndexKind.SERVICE_STATEMENTS])
async def test_statements_listed_wrongly(kind: IndexKind) -> None:
    """What an index lists under a certificate or a service names it."""
    history = AuditedHistory()
    service = history.service()
    history.audit(service)
    history.certificate("Alpha AB", serial=1, service=service)
    history.certificate("Beta GmbH", serial=2)
    indexed, index = index_of(history)
    subject = next(one for one in indexed.histories if one.kind is kind)
    indexed.histories[subject].append(indexed.histories[Subject(IndexKind.DEVICE_STATEMENTS, yubikey(2))][0])
    indexed.add_head()
    with pytest.raises(LogMisbehaviourError) as caught:
        await gather(index, DEVICE)
    assert caught.value.check == "wrong-index"
