# SPDX-License-Identifier: Apache-2.0
"""Reading what bears on a question, under one head and behind it (`specs/check.md`, section 2).

(1) The devices: that which is named, those of the evidence, or those that a certificate is on by its extension and by
    what is logged about it.
(2) All certificates that stand on these devices, and all statements that name the devices; all certificates of the key,
    where it is known.
(3) What is said about these certificates, their services and their subscribers; all policies; evidence.
(4) Where an alias names subscribers, certificates of each, for it counts if its CA certified some of all.

Invariant: of (1) to (3) nothing is left out. Of (4) the newest are read: who is not found there is not joined.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from keystead.audit.progress import SILENT, Progress
from keystead.certificate.precertificate import certificate_id, log_tbs
from keystead.certificate.x509 import Certificate, parse_certificate
from keystead.check.candidate import Candidate
from keystead.check.question import Question
from keystead.check.tables import CheckTables, certificates_like
from keystead.devices.anchors import AnchorSet
from keystead.index.kinds import IndexKind, Subject
from keystead.lookup.gathered import POLICIES, Gathered
from keystead.lookup.gathering import Gathering
from keystead.lookup.reading import Reading
from keystead.monitor.facts import CertificateRecord
from keystead.statements.payloads import DeviceBinding, DeviceEvidence, SubscriberAlias

__all__ = ["Bearing", "gather_for"]

NEWEST_OF_ALIASED = 100
"""Certificates of a subscriber that an alias names: one of them must be its CA's."""

NEWEST_SAID = 20
"""Statements about a device that are read first: if they prove that it is a cloud's, the rest is not."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """What bears on a question.

    Attributes:
        candidate: the certificate that is asked about, as it would be now.
        found: what the log holds.
    """

    candidate: Candidate
    found: Gathered


async def gather_for(
    reading: Reading, question: Question, anchors: AnchorSet, at_ms: int, progress: Progress = SILENT
) -> Bearing:
    """Read what bears on a question.

    Args:
        reading: the log.
        question: what is asked.
        anchors: the asker's own vendor anchors.
        at_ms: the moment asked about.
        progress: is told how far it is.

    Raises:
        ParseError, EvidenceError, UsageError: the question contradicts itself.
        FetchError, VerificationError: the log cannot be read, or lies.
    """
    gathering = Gathering(reading, progress)
    await gathering.take(POLICIES)
    # (1)
    devices = await _devices_of(gathering, question)
    candidate = question.candidate(anchors, at_ms, devices.items())
    wanted = {device_id for device_id, _ in (*candidate.devices, *devices.items())}
    if candidate.key is not None:
        await gathering.take(Subject(IndexKind.KEY_CERTIFICATES, candidate.key))
    # (2)
    rest = await _without_clouds(gathering, candidate, wanted, anchors, at_ms)
    await gathering.take_all(
        Subject(kind, device_id)
        for device_id in sorted(rest)
        for kind in (IndexKind.DEVICE_CERTIFICATES, IndexKind.DEVICE_STATEMENTS)
        if not gathering.found.is_whole(kind, device_id)
    )
    # (3)
    found = await gathering.complete()
    if question.service is not None:
        service = Subject(IndexKind.SERVICE_STATEMENTS, question.service)
        if service not in found.histories:
            await gathering.take_all([service], follow=False)
    subscribers = {record.subscriber.subscriber_id for record in (candidate.record, *_records(found))}
    await gathering.take_all(
        Subject(IndexKind.SUBSCRIBER_STATEMENTS, subscriber) for subscriber in sorted(subscribers)
    )
    # (4)
    aliased = {
        subscriber
        for said in found.statements.values()
        if isinstance(said.statement, SubscriberAlias)
        for subscriber in said.statement.subscribers
    }
    await gathering.take_all(
        (Subject(IndexKind.SUBSCRIBER_CERTIFICATES, subscriber) for subscriber in sorted(aliased)),
        newest=NEWEST_OF_ALIASED,
    )
    return Bearing(candidate, await gathering.complete())


async def _without_clouds(
    gathering: Gathering, candidate: Candidate, devices: set[bytes], anchors: AnchorSet, at_ms: int
) -> set[bytes]:
    """The devices that are not proven to be a cloud's, by the candidate's evidence or by what was recorded last.

    A cloud's device may hold a million keys, and nothing follows from them.
    """
    rest = set(devices)
    if candidate.clouds:
        rest -= await _clouds(gathering, candidate, rest, anchors, at_ms)
    said = await gathering.take_all(
        (Subject(IndexKind.DEVICE_STATEMENTS, device_id) for device_id in sorted(rest)), newest=NEWEST_SAID
    )
    if all(history.whole for history in said):
        return rest
    return rest - await _clouds(gathering, candidate, rest, anchors, at_ms)


async def _clouds(
    gathering: Gathering, candidate: Candidate, devices: set[bytes], anchors: AnchorSet, at_ms: int
) -> set[bytes]:
    """Those of some devices that are a cloud's, by what is read so far: judged as everything is judged."""
    found = await gathering.complete()
    with CheckTables(gathering.reading.trust, found, anchors) as tables:
        tables.place(candidate, at_ms)
        views = tables.devices(devices)
    return {view.device.device_id for view in views.devices.values() if view.device.cloud}


async def _devices_of(gathering: Gathering, question: Question) -> dict[bytes, str]:
    """The devices of the question's certificate, with their schemes; none where it has no certificate."""
    if not question.certificate:
        return {}
    certificate = parse_certificate(question.certificate)
    # If it is not the one that is asked about, another CA may have issued it.
    own = question.about_certificate is not None
    issuer = parse_certificate(question.issuer) if own and question.issuer else None
    identifiers = await _identifiers(gathering, certificate, issuer)
    found = await gathering.complete()
    devices: dict[bytes, str] = {}
    for record in _records(found):
        if record.certificate_id in identifiers and record.extension is not None:
            devices.update(record.extension.devices)
    for said in found.statements.values():
        statement = said.statement
        if isinstance(statement, DeviceBinding | DeviceEvidence) and statement.certificate in identifiers:
            devices.update((device.device_id, device.scheme) for device in statement.devices)
    return devices


async def _identifiers(
    gathering: Gathering, certificate: Certificate, issuer: Certificate | None
) -> frozenset[bytes]:
    """The ids under which a certificate is logged: one, if its issuer is known."""
    tbs = log_tbs(certificate)
    if issuer is None:
        await gathering.take(Subject(IndexKind.KEY_CERTIFICATES, certificate.key_hash))
        return frozenset(record.certificate_id for record in certificates_like(gathering.found, tbs))
    identifier = certificate_id(issuer.spki_hash, tbs)
    await gathering.take_all(
        Subject(kind, identifier)
        for kind in (IndexKind.CERTIFICATE_ENTRIES, IndexKind.CERTIFICATE_STATEMENTS)
    )
    return frozenset({identifier})


def _records(found: Gathered) -> Iterator[CertificateRecord]:
    for entry in found.entries.values():
        if entry.facts.certificate is not None:
            yield entry.facts.certificate
