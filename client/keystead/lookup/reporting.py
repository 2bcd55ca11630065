# SPDX-License-Identifier: Apache-2.0
"""From what was gathered from one log to what is shown of it.

Pure but for the tables, which are in memory.
"""

from collections.abc import Iterable, Iterator, Mapping

from keystead.audit.problem import Problem
from keystead.certificate.name import printable
from keystead.client.trust import Trust
from keystead.devices.anchors import AnchorSet
from keystead.index.kinds import IndexKind
from keystead.lookup.audits import AuditStanding, device_standing, service_standing
from keystead.lookup.gathered import Gathered
from keystead.lookup.proven import ProvenStatement
from keystead.lookup.questions import Question, QuestionKind
from keystead.lookup.report import LogReport, ProvenAt
from keystead.lookup.shown import ShownCertificate, ShownStatement, ShownUnreadable
from keystead.lookup.tables import LookupTables
from keystead.lookup.wording import says
from keystead.monitor.coverage import Coverage
from keystead.monitor.model import CertificateFacts, DeviceFacts, EntryName
from keystead.monitor.views import CertificateViews, Views
from keystead.statements.payloads import DeviceBinding, kind_of
from keystead.statements.statement_key import keyid_of

__all__ = ["report_log"]


def report_log(
    question: Question, proven_at: ProvenAt, trust: Trust, found: Gathered, anchors: AnchorSet
) -> LogReport:
    """What is shown of one log.

    Args:
        question: what was asked.
        proven_at: under which head.
        trust: what is known of the log beforehand.
        found: what was gathered, complete.
        anchors: the reader's own vendor anchors.
    """
    with LookupTables(trust, found, anchors) as tables:
        return _Reporting(question, proven_at, found, tables).report()


class _Reporting:
    """Makes one report."""

    def __init__(
        self, question: Question, proven_at: ProvenAt, found: Gathered, tables: LookupTables
    ) -> None:
        self._question = question
        self._proven_at = proven_at
        self._found = found
        self._tables = tables
        self._views: CertificateViews = tables.certificates(found.certificates())
        ids = {claim.device_id for one in self._views.certificates.values() for claim in one.claims}
        if question.kind is QuestionKind.DEVICE:
            ids.add(question.value)
        self._devices: Views = tables.devices(sorted(ids))
        self._facts: Mapping[bytes, DeviceFacts] = {
            view.device.device_id: view.device for view in self._devices.devices.values()
        }

    def report(self) -> LogReport:
        question, found = self._question, self._found
        listed = found.histories[question.certificates]
        asked = [listed] if question.statements is None else [listed, found.histories[question.statements]]
        device = self._facts.get(question.value) if question.kind is QuestionKind.DEVICE else None
        return LogReport(
            self._proven_at,
            listed.count,
            all(history.whole for history in asked),
            device,
            tuple(sorted(self._certificates(), key=lambda one: one.facts.age)),
            tuple(self._unreadable()),
            tuple(self._statements()),
            tuple(self._problems()),
        )

    # Certificates.

    def _certificates(self) -> Iterator[ShownCertificate]:
        entries = set(self._found.histories[self._question.certificates].entries)
        view = next(
            (
                one
                for one in self._devices.devices.values()
                if self._question.kind is QuestionKind.DEVICE and one.device.device_id == self._question.value
            ),
            None,
        )
        coverage = None if view is None else Coverage(view)
        for facts in self._views.certificates.values():
            listed = any(entry.name.index in entries for entry in facts.entries)
            if not listed and not self._belongs(facts):
                continue
            profile = self._views.subscribers.profiles[facts.subscriber]
            yield ShownCertificate(
                facts,
                profile.subscriber_id,
                profile.label,
                listed,
                self._facts,
                self._standing(coverage, facts, facts.logged_ms),
                self._standing(coverage, facts, self._proven_at.asked_ms),
                self._question.value if self._question.kind is QuestionKind.DEVICE else None,
            )

    def _belongs(self, facts: CertificateFacts) -> bool:
        """Whether statements make a certificate one of those that were asked for."""
        value = self._question.value
        if self._question.kind is QuestionKind.DEVICE:
            return bool(facts.on(value))
        if self._question.kind is QuestionKind.SERVICE:
            return any(claim.service == value for claim in facts.services)
        return False

    def _standing(self, coverage: Coverage | None, facts: CertificateFacts, at_ms: int) -> AuditStanding:
        if coverage is None:
            return service_standing(facts, self._tables.knowledge, at_ms)
        return device_standing(coverage, facts, self._tables.knowledge, at_ms)

    def _unreadable(self) -> Iterator[ShownUnreadable]:
        for index in self._found.histories[self._question.certificates].entries:
            entry = self._found.entries[index]
            if entry.facts.certificate is None:
                name = EntryName(entry.origin, index)
                yield ShownUnreadable(
                    name, entry.facts.time_ms, entry.facts.final, printable(entry.facts.problem)
                )

    # Statements.

    def _statements(self) -> Iterator[ShownStatement]:
        judged = {said.index for said in self._found.judgeable()} - self._tables.waiting()
        refused = self._tables.refused()
        superseded = {
            said.statement.supersedes: EntryName(said.origin, said.index)
            for said in self._found.statements.values()
            if isinstance(said.statement, DeviceBinding) and said.index in judged - refused
        }
        for index in self._asked_statements():
            said = self._found.statements[index]
            counts = index not in refused if index in judged else None
            yield self._shown(said, counts=counts, superseded_by=superseded.get(index))

    def _asked_statements(self) -> Iterable[int]:
        subject = self._question.statements
        if subject is not None:
            return self._found.histories[subject].entries
        # No statement names a key: those about its certificates stand for it.
        return sorted(
            {
                index
                for subject, history in self._found.histories.items()
                if subject.kind is IndexKind.CERTIFICATE_STATEMENTS
                for index in history.entries
            }
        )

    def _shown(
        self, said: ProvenStatement, *, counts: bool | None, superseded_by: EntryName | None
    ) -> ShownStatement:
        name = EntryName(said.origin, said.index)
        # An index lists what it can read, and `require_listed` has seen that it is that.
        assert said.entry is not None  # noqa: S101
        assert said.statement is not None  # noqa: S101
        return ShownStatement(
            name,
            said.entry.timestamp,
            said.statement.kind,
            printable(self._by(said)),
            printable(says(said.statement)),
            counts,
            superseded_by,
            said.statement.members(),
        )

    def _by(self, said: ProvenStatement) -> str:
        """Who said it: the log, a party, or the operator of a service."""
        assert said.entry is not None  # noqa: S101 -- as above
        envelope = said.entry.envelope
        if kind_of(envelope).speaking is None:
            return "the log"
        for log in self._tables.knowledge.logs.values():
            in_force = log.policies.in_force_for(said.entry.timestamp)
            party = None if in_force is None else in_force.policy.party_with_key(envelope.keyid)
            if party is not None:
                return party.name
            for service in log.services.services():
                if keyid_of(service.operator_key_for(said.index).key) == envelope.keyid:
                    return service.audits[-1].statement.operator_name
        return f"the key {envelope.keyid[:16]}…"

    def _problems(self) -> Iterator[Problem]:
        for one in self._tables.misbehaviour():
            index = int(one.subject) if one.subject.isdigit() else None
            yield Problem(
                one.kind,
                one.origin,
                printable(one.detail),
                index,
                signed=one.kind != "evidence-withheld",
                evidence=one.evidence,
            )
