# SPDX-License-Identifier: Apache-2.0
"""The verdict on a certificate before it is issued, from what one operator's logs hold (`specs/check.md`).

Invariants:

* what is `shared` here is what the monitor reports as `shared-device`, or as `same-key-two-subscribers`, once the
  certificate is logged, if it knows the same certificates;
* before a certificate is submitted, everybody counts who is on the device; after that, those who were there first.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from keystead.check.candidate import Candidate
from keystead.check.decision import Decision, Detail, DeviceShown, Verdict, worst
from keystead.check.neighbours import Neighbour, Relation, neighbours
from keystead.check.precedence import precedes
from keystead.check.reasons import (
    Subject,
    clear_detail,
    covered_details,
    deviceless_detail,
    later_detail,
    provider_detail,
    same_detail,
    service_detail,
    shared_details,
)
from keystead.check.same_key import key_detail
from keystead.check.tables import CheckTables
from keystead.client.trust import Trust
from keystead.devices.anchors import AnchorSet
from keystead.lookup.gathered import Gathered
from keystead.monitor.device_case import DeviceCase
from keystead.monitor.findings import State
from keystead.monitor.judging import judge_device
from keystead.monitor.misbehaviour import Misbehaviour
from keystead.monitor.model import EntryName
from keystead.monitor.rules import shared_device

__all__ = ["decide"]


@dataclass(frozen=True, slots=True)
class _DeviceVerdict:
    """What is to be said of one device."""

    verdict: Verdict
    details: tuple[Detail, ...]
    notes: tuple[Detail, ...]


def decide(
    trust: Trust,
    gathered: Gathered,
    candidate: Candidate,
    anchors: AnchorSet,
    at_ms: int,
    *,
    submitted: bool = False,
) -> Decision:
    """Answer the question.

    Args:
        trust: what is known of the log beforehand.
        gathered: what it holds on the question (`gathering`).
        candidate: the certificate that is asked about. If the log has it, what the log knows of it counts, too.
        anchors: the asker's own vendor anchors.
        at_ms: the moment asked about, in milliseconds; not before anything that was gathered was logged.
        submitted: the certificate is logged to find out, and only who was on the device first counts against it.

    Raises:
        EvidenceError, UsageError: what is asked contradicts itself (`CheckTables.place`).
        FetchError, ParseError: a policy is missing, or is none.
    """
    with CheckTables(trust, gathered, anchors) as tables:
        certificate_id = tables.place(candidate, at_ms)
        views = tables.devices(device_id for device_id, _ in tables.devices_of(certificate_id))
        found: list[_DeviceVerdict] = []
        shown: list[DeviceShown] = []
        entries: set[EntryName] = set()
        for view in sorted(views.devices.values(), key=lambda view: view.device.device_id):
            case = DeviceCase(view, views.subscribers)
            subject = Subject(case, certificate_id, at_ms, submitted=submitted)
            if not subject.stands:
                continue
            others = list(neighbours(case, certificate_id, at_ms))
            entries.update(entry.name for other in others for entry in other.certificate.entries)
            found.append(_judge(subject, others))
            device = view.device
            shown.append(DeviceShown(device.device_id, device.scheme, device.value, device.text))
        same_key = key_detail(tables, candidate, certificate_id, at_ms, submitted=submitted)
        misbehaviour = tables.misbehaviour()
        deviceless = deviceless_detail(views.devices.values(), certificate_id, at_ms)
    found.sort(key=lambda one: -one.verdict.rank)
    details = [detail for one in found for detail in one.details]
    if not found:
        details.append(deviceless)
    verdicts = [one.verdict for one in found]
    if same_key is not None:
        # Whatever is said of devices: nothing covers a key of two.
        details.append(same_key)
        verdicts.append(Verdict.SHARED)
        entries.update(name for certificate in same_key.certificates for name in certificate.entries)
    details += [note for one in found for note in one.notes]
    details += [_misbehaviour_detail(one) for one in misbehaviour]
    return Decision(
        worst(verdicts),
        tuple(shown),
        tuple(details),
        tuple(sorted(entries)),
        misbehaved=bool(misbehaviour),
    )


def _judge(subject: Subject, others: Sequence[Neighbour]) -> _DeviceVerdict:
    """One device."""
    notes = [*_findings(subject)]
    if subject.case.view.device.cloud:
        return _DeviceVerdict(Verdict.CLEAR, (provider_detail(subject),), tuple(notes))
    counting, later = _parted(subject, others)
    if later:
        notes.insert(0, later_detail(subject, later))
    service = service_detail(subject)
    notes = ([service] if service else []) + notes
    by_relation = {
        relation: [other for other in counting if other.relation is relation] for relation in Relation
    }
    if by_relation[Relation.EXPOSED]:
        return _DeviceVerdict(
            Verdict.SHARED, tuple(shared_details(subject, by_relation[Relation.EXPOSED])), tuple(notes)
        )
    if by_relation[Relation.COVERED]:
        details = tuple(covered_details(subject, by_relation[Relation.COVERED]))
        return _DeviceVerdict(Verdict.COVERED, details, tuple(notes))
    if by_relation[Relation.SAME]:
        return _DeviceVerdict(
            Verdict.SAME_SUBSCRIBER, (same_detail(subject, by_relation[Relation.SAME]),), tuple(notes)
        )
    return _DeviceVerdict(Verdict.CLEAR, (clear_detail(subject, others),), tuple(notes))


def _parted(subject: Subject, others: Iterable[Neighbour]) -> tuple[list[Neighbour], list[Neighbour]]:
    """Those that count against the certificate, and those that came after it and must look themselves."""
    counting: list[Neighbour] = []
    later: list[Neighbour] = []
    for other in others:
        first = not subject.submitted or precedes(other.certificate, subject.certificate, subject.at_ms)
        if first or other.relation is not Relation.EXPOSED:
            counting.append(other)
        else:
            later.append(other)
    return counting, later


def _findings(subject: Subject) -> Iterator[Detail]:
    """What else a monitor will report of the device, if the certificate has to do with it."""
    for finding in judge_device(subject.case, subject.moment).findings:
        if finding.rule == shared_device.RULE or finding.state is not State.OPEN:
            continue
        if any(one.certificate_id == subject.certificate.certificate_id for one in finding.certificates):
            yield Detail(
                finding.rule,
                f"a monitor will report: {finding.summary}",
                subject.case.device_id,
                finding.subscribers,
                tuple(
                    one
                    for one in finding.certificates
                    if one.certificate_id != subject.certificate.certificate_id
                ),
                service=finding.service,
            )


def _misbehaviour_detail(found: Misbehaviour) -> Detail:
    return Detail("log-misbehaviour", f"the log {found.origin} did what it must not: {found.detail}")
