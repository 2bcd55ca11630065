# SPDX-License-Identifier: Apache-2.0
"""What was looked up means what it means to a monitor."""

from dataclasses import replace
from pathlib import Path

import pytest

from keystead.index.kinds import IndexKind
from keystead.lookup.questions import Question, QuestionKind
from keystead.lookup.tables import LookupTables
from keystead.monitor.model import DeviceView
from keystead.monitor.replay import load_knowledge
from keystead.monitor.store import Store
from keystead.monitor.subscribers import Subscribers
from keystead.monitor.views import load_views
from support.audited_history import AuditedHistory
from support.history import History, yubikey
from support.looked_up import index_of, look_up
from support.random_history import RandomHistory

Comparable = tuple[DeviceView, dict[bytes, bytes]]


async def _looked_up(history: History, device_id: bytes) -> Comparable | None:
    _, found = await look_up(history, Question(QuestionKind.DEVICE, device_id))
    with LookupTables(history.log.trust, found, history.anchors) as tables:
        views = tables.devices([device_id])
    return next((_comparable(view, views.subscribers) for view in views.devices.values()), None)


async def _monitored(history: History, folder: Path, device_id: bytes) -> Comparable | None:
    await history.monitor(folder)
    with Store.reading(folder) as db:
        knowledge = load_knowledge(db, history.anchors)
        rows = db.execute("SELECT id FROM device WHERE device_id = ?", (device_id,)).fetchall()
        views = load_views(db, knowledge, [number for (number,) in rows])
    return next((_comparable(view, views.subscribers) for view in views.devices.values()), None)


def _comparable(view: DeviceView, subscribers: Subscribers) -> Comparable:
    """A view without the numbers of rows; who each certificate's subscriber is."""
    certificates = sorted(view.certificates, key=lambda one: one.certificate_id)
    whose = {one.certificate_id: subscribers.profiles[one.subscriber].subscriber_id for one in certificates}
    return replace(view, certificates=tuple(replace(one, subscriber=0) for one in certificates)), whose


@pytest.mark.parametrize("seed", range(12))
async def test_a_device_is_to_a_reader_what_it_is_to_a_monitor(seed: int, tmp_path: Path) -> None:
    """The same certificates, claims, endings, services, enrolments and transfers, in histories by chance."""
    told = RandomHistory(seed)
    *_, history = told.steps(40)
    indexed, _ = index_of(history)
    devices = {
        subject.value for subject in indexed.histories if subject.kind is IndexKind.DEVICE_CERTIFICATES
    }
    assert devices
    for number, device_id in enumerate(sorted(devices)):
        assert await _looked_up(history, device_id) == await _monitored(history, tmp_path, device_id), number


async def test_what_a_log_did_wrong_is_told() -> None:
    """Evidence that it does not serve, and a statement that its signer had no right to make."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    history.bind(issued, serials=[1], by="South CA")
    history.log.hooks.append(lambda path, answer: None if path.startswith("evidence/") else answer)
    _, found = await look_up(history, Question(QuestionKind.DEVICE, yubikey(1)))
    with LookupTables(history.log.trust, found, history.anchors) as tables:
        assert {one.kind for one in tables.misbehaviour()} == {"evidence-withheld", "statement-without-right"}


async def test_certificates_alone() -> None:
    """Certificates are known by their ids, whatever was asked."""
    history = AuditedHistory()
    issued = history.certificate("Alpha AB", serial=1)
    _, found = await look_up(history, Question(QuestionKind.SUBSCRIBER, issued.subscriber_id))
    with LookupTables(history.log.trust, found, history.anchors) as tables:
        views = tables.certificates([issued.certificate_id, bytes(32)])
    (certificate,) = views.certificates.values()
    assert certificate.certificate_id == issued.certificate_id
    assert [claim.assurance.text for claim in certificate.claims] == ["attested", "ca-verified"]
