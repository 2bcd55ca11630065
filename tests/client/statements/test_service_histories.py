# SPDX-License-Identifier: Apache-2.0
"""Random histories of services: the registry against definitions written down one by one, and against itself."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from keystead.errors import StatementError
from keystead.statements.audit_scheme import AuditScheme
from keystead.statements.dsse import Envelope
from keystead.statements.payloads import (
    AuditWithdrawal,
    ServiceAudit,
    ServiceDevices,
    Statement,
    service_id_of,
    sign_statement,
)
from keystead.statements.policy import Policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.services import ServiceRegistry
from keystead.statements.statement_key import SigningKey, keyid_of, spki_of
from support.fuzzing import FUZZ
from support.statements import (
    AUDITOR,
    DAY,
    NOW,
    NOW_MS,
    audit,
    device,
    ed25519_key,
    enrolment,
    policy,
    withdrawal,
)

KEYS = [ed25519_key(f"operator {number}") for number in range(3)]
NAMES = ("One", "Two")
SERVICES = [service_id_of(spki_of(KEYS[0]), name) for name in NAMES]
DEVICES = [device(name) for name in "ab"]
SECONDS = st.integers(-4, 24)


@dataclass(frozen=True)
class Logged:
    index: int
    time_ms: int
    said: Statement | Policy
    envelope: Envelope | None


def audit_of(number: int, **changed: Any) -> ServiceAudit:
    return audit(
        **{
            "service": SERVICES[number],
            "service_name": NAMES[number],
            "founding_key": spki_of(KEYS[0]),
            "operator_key": spki_of(KEYS[0]),
            "period_start": NOW - 300 * DAY,
            "period_end": NOW - DAY,
        }
        | changed
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Logged]:
    """A policy and up to a dozen statements and policies, at times that stand still or move on.

    What the registry would refuse (a key that is not in force) is among what is drawn, and left out.
    """
    history = [Logged(0, NOW_MS - 1000, policy(), None)]
    registry = ServiceRegistry(PolicyHistory())
    time_ms = NOW_MS
    audits: list[Envelope] = []
    for index in range(1, draw(st.integers(1, 12)) + 1):
        time_ms += draw(st.sampled_from((0, 0, 1000, 2500)))
        number = draw(st.integers(0, 1))
        what = draw(
            st.sampled_from(("audit", "audit", "devices", "devices", "devices", "withdrawal", "policy"))
        )
        key: SigningKey = AUDITOR
        if what == "policy":
            bad = draw(st.sampled_from((AUDITOR, *KEYS)))
            distrusted = {bytes.fromhex(keyid_of(spki_of(bad))): NOW + draw(SECONDS)}
            new = policy(distrusted=draw(st.sampled_from(({}, distrusted))))
            history.append(Logged(index, time_ms, new, None))
            continue
        if what == "audit":
            begin = NOW + draw(SECONDS)
            statement: Statement = audit_of(
                number,
                not_before=begin,
                not_after=begin + draw(st.integers(0, 10)),
                scheme=draw(st.sampled_from((AuditScheme.ETSI_EN_319_411_1, AuditScheme.SOC2))),
                operator_key=spki_of(draw(st.sampled_from(KEYS[:2]))),
            )
        elif what == "devices":
            key = draw(st.sampled_from(KEYS))
            chosen = draw(st.permutations(DEVICES))
            statement = enrolment(
                service=SERVICES[number],
                from_=NOW + draw(SECONDS),
                join=tuple(chosen[: draw(st.integers(0, 1))]),
                leave=tuple(chosen[1:]),
                next_key=draw(st.sampled_from((None, None, *(spki_of(key) for key in KEYS)))),
            )
        else:
            if not audits:
                continue
            statement = withdrawal(
                draw(st.sampled_from(audits)), service=SERVICES[number], from_=NOW + draw(SECONDS)
            )
        envelope = sign_statement(key, statement)
        try:
            registry.apply(index, time_ms, statement, envelope)
        except StatementError:
            continue
        if what == "audit":
            audits.append(envelope)
        history.append(Logged(index, time_ms, statement, envelope))
    return history


def replayed(history: list[Logged]) -> ServiceRegistry:
    policies = PolicyHistory()
    registry = ServiceRegistry(policies)
    for logged in history:
        if isinstance(logged.said, Policy):
            policies.add(logged.index, logged.time_ms, logged.said)
        else:
            assert logged.envelope is not None
            registry.apply(logged.index, logged.time_ms, logged.said, logged.envelope)
    return registry


MOMENTS = [NOW_MS + half * 500 for half in range(-10, 80)]


class SlowJudge:
    """The definitions of the specification, each as it is written there, over a list of what is known."""

    def __init__(self, history: list[Logged], number: int) -> None:
        self.history = history
        self.service = SERVICES[number]
        policies = [entry for entry in history if isinstance(entry.said, Policy)]
        self.distrusted = policies[-1].said.distrusted if policies else {}  # type: ignore[union-attr]

    def said(self, kind: type[Any]) -> list[Logged]:
        found = (entry for entry in self.history if isinstance(entry.said, kind))
        return [entry for entry in found if entry.said.service == self.service]  # type: ignore[union-attr]

    def key_before(self, index: int) -> bytes:
        """The founding key, or what the last earlier statement that names a key names."""
        named = [e.said.next_key for e in self.said(ServiceDevices) if e.index < index and e.said.next_key]  # type: ignore[union-attr]
        return named[-1] if named else spki_of(KEYS[0])

    def weighs(self, entry: Logged) -> bool:
        """Neither its key, nor any that the key rests on, was bad when it spoke."""
        assert entry.envelope is not None
        bad_from = self.distrusted.get(bytes.fromhex(entry.envelope.keyid))
        if bad_from is not None and entry.time_ms >= bad_from * 1000:
            return False
        if not isinstance(entry.said, ServiceDevices):
            return True
        namings = [e for e in self.said(ServiceDevices) if e.index < entry.index and e.said.next_key]  # type: ignore[union-attr]
        return not namings or self.weighs(namings[-1])

    def qualifies(self, entry: Logged) -> bool:
        assert isinstance(entry.said, ServiceAudit)
        return (
            self.weighs(entry)
            and entry.said.scheme is AuditScheme.ETSI_EN_319_411_1
            and entry.said.operator_key == self.key_before(entry.index)
        )

    def audited(self, moment: int) -> bool:
        """Some qualifying audit's seconds contain the moment, and no withdrawal of it came before."""
        for entry in self.said(ServiceAudit):
            assert isinstance(entry.said, ServiceAudit)
            assert entry.envelope is not None
            digest = entry.envelope.payload_digest
            withdrawn = any(
                w.said.audit == digest and w.said.from_ * 1000 <= moment and self.weighs(w)  # type: ignore[union-attr]
                for w in self.said(AuditWithdrawal)
            )
            within = entry.said.not_before <= moment // 1000 <= entry.said.not_after
            if self.qualifies(entry) and within and not withdrawn:
                return True
        return False

    def enrolled(self, device_id: bytes, moment: int) -> bool:
        """The last change that took effect by the moment is that it joined."""
        changes = []
        for entry in self.said(ServiceDevices):
            assert isinstance(entry.said, ServiceDevices)
            effective = max(entry.said.from_ * 1000, entry.time_ms)
            for joins, devices in ((True, entry.said.join), (False, entry.said.leave)):
                if self.weighs(entry) and effective <= moment and device_id in {d.device_id for d in devices}:
                    changes.append((effective, entry.index, joins))
        return bool(changes) and max(changes)[2]


@settings(parent=FUZZ, max_examples=150)
@given(histories(), st.sampled_from(MOMENTS))
def test_registry_agrees_with_the_definitions(history: list[Logged], known_at_ms: int) -> None:
    """At every half second, for both services and devices, as known by now and as known at a moment."""
    registry = replayed(history)
    for known, limit in ((None, history), (known_at_ms, [e for e in history if e.time_ms <= known_at_ms])):
        for number, service_id in enumerate(SERVICES):
            judge = SlowJudge(limit, number)
            service = registry.service(service_id, known)
            assert (service is not None) == bool(judge.said(ServiceAudit))
            if service is None:
                continue
            assert service.operator_key == judge.key_before(1 << 60)
            assert [a.qualifies for a in service.audits] == [
                judge.qualifies(e) for e in judge.said(ServiceAudit)
            ]
            for moment in MOMENTS:
                assert (service.standing(moment).code == "in-force") == judge.audited(moment)
                for member in DEVICES:
                    found = service.enrolment_at(member.device_id, moment)
                    assert (found is not None) == judge.enrolled(member.device_id, moment)


@settings(parent=FUZZ, max_examples=150)
@given(histories(), st.sampled_from(MOMENTS))
def test_what_was_known_does_not_depend_on_what_came_later(history: list[Logged], known_at_ms: int) -> None:
    """As known at a moment, a service is what a registry says that never heard of what came after."""
    whole = replayed(history)
    prefix = replayed([entry for entry in history if entry.time_ms <= known_at_ms])
    for service_id in SERVICES:
        assert whole.service(service_id, known_at_ms) == prefix.service(service_id)
    for member in DEVICES:
        assert whole.enrolments(member.device_id, known_at_ms) == prefix.enrolments(member.device_id)


@settings(parent=FUZZ, max_examples=100)
@given(histories(), st.data())
def test_asking_changes_nothing(history: list[Logged], data: st.DataObject) -> None:
    """A registry that is asked between statements ends like one that is not."""
    policies = PolicyHistory()
    asked = ServiceRegistry(policies)
    for logged in history:
        if isinstance(logged.said, Policy):
            policies.add(logged.index, logged.time_ms, logged.said)
        else:
            assert logged.envelope is not None
            asked.apply(logged.index, logged.time_ms, logged.said, logged.envelope)
        for service_id in SERVICES:
            asked.service(service_id, data.draw(st.sampled_from((None, NOW_MS, logged.time_ms))))
    whole = replayed(history)
    assert list(asked.services()) == list(whole.services())
    for member in DEVICES:
        assert asked.enrolments(member.device_id) == whole.enrolments(member.device_id)
