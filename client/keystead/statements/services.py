# SPDX-License-Identifier: Apache-2.0
"""What one statement log says about signing services, in time (`specs/statements.md`, section 7).

The registry is fed with the log's statements; a `Service` is a value: what was known of one service after some
of them. The moments that it is asked about are another dimension: an audit logged today may be in force last
year, and a service as known last year has not heard of it.

Invariants:

* operator keys: the founding key, then each key that the one before it named, from the next entry on;
* an audit is in force through the whole seconds `not_before` to `not_after`, up to its earliest withdrawal;
* a device joins and leaves at the later of the stated date and the time logged; changes take effect in the order
  of those moments, equal ones in the order of the log;
* what rests on a distrusted key has no weight from the date on at which the key turned bad: audits, withdrawals,
  enrolments and departures, and whatever is signed by an operator key that was named under such a key;
* a service as known at a moment is the same whether or not anything was logged after it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256

from keystead.errors import StatementError, UsageError
from keystead.statements.dsse import Envelope
from keystead.statements.kinds.audit_withdrawal import AuditWithdrawal
from keystead.statements.kinds.service_audit import ServiceAudit
from keystead.statements.kinds.service_devices import ServiceDevices
from keystead.statements.policy import Policy
from keystead.statements.policy_history import PolicyHistory
from keystead.statements.qualification import Shortcoming, shortcomings_of
from keystead.statements.service_facts import Audit, Change, Enrolment, OperatorKey, Standing, StandingCode
from keystead.statements.statement import Statement
from keystead.statements.statement_key import keyid_of

__all__ = ["Service", "ServiceRegistry"]

_MAX_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _LoggedAudit:
    index: int
    time_ms: int
    statement: ServiceAudit
    digest: bytes
    keyid: str
    key_position: int


@dataclass(frozen=True, slots=True)
class _LoggedWithdrawal:
    index: int
    time_ms: int
    statement: AuditWithdrawal
    keyid: str


@dataclass(frozen=True, slots=True)
class _LoggedKey:
    index: int
    time_ms: int
    key: bytes


@dataclass(slots=True)
class _Record:
    """What was logged about one service, in the order of the log, unjudged by later knowledge."""

    founding_key: bytes
    name: str
    indices: list[int] = field(default_factory=list)
    audits: list[_LoggedAudit] = field(default_factory=list)
    withdrawals: list[_LoggedWithdrawal] = field(default_factory=list)
    next_keys: list[_LoggedKey] = field(default_factory=list)
    changes: dict[bytes, list[Change]] = field(default_factory=dict)

    def key(self, position: int) -> bytes:
        return self.next_keys[position - 1].key if position else self.founding_key


@dataclass(frozen=True, slots=True)
class Service:
    """One signing service, as far as it is known.

    Attributes:
        id: service id.
        name: the service name in the id.
        founding_key: DER SubjectPublicKeyInfo in the id.
        keys: operator keys, the founding key first, the one in force last.
        audits: in the order of the log; never empty.
    """

    id: bytes
    name: str
    founding_key: bytes
    keys: tuple[OperatorKey, ...]
    audits: tuple[Audit, ...]
    _changes: dict[bytes, list[Change]] = field(repr=False, compare=False)
    _end: int = field(repr=False, compare=False)

    @property
    def operator_key(self) -> bytes:
        """DER SubjectPublicKeyInfo of the key in force for the next statement."""
        return self.keys[-1].key

    @property
    def operator_key_distrusted(self) -> bool:
        """Whether nothing new may rest on that key."""
        return self.keys[-1].distrusted_from_ms is not None

    def operator_key_for(self, index: int) -> OperatorKey:
        """The key that was in force for the statement at a leaf index."""
        return next(key for key in reversed(self.keys) if key.named_by is None or key.named_by < index)

    def audits_of(self, digest: bytes) -> tuple[Audit, ...]:
        """The audits whose payload has this SHA-256: one, but where an auditor said it again with a new key."""
        return tuple(audit for audit in self.audits if audit.digest == digest)

    def standing(self, at_ms: int) -> Standing:
        """Whether a qualifying audit is in force at a moment: of several, the one that is so for longest."""
        qualifying = [audit for audit in self.audits if audit.qualifies]
        if not qualifying:
            return Standing(StandingCode.NOT_QUALIFYING, self.audits[-1])
        in_force = [audit for audit in qualifying if audit.in_force_at(at_ms)]
        if in_force:
            return Standing(StandingCode.IN_FORCE, max(in_force, key=lambda audit: audit.end_ms))
        withdrawn = [audit for audit in qualifying if audit.start_ms <= at_ms < audit.planned_end_ms]
        if withdrawn:
            return Standing(StandingCode.WITHDRAWN, withdrawn[-1])
        # The last one that ended, else the first that will begin.
        ended = [audit for audit in qualifying if audit.planned_end_ms <= at_ms]
        if ended:
            return Standing(StandingCode.LAPSED, max(ended, key=lambda audit: audit.planned_end_ms))
        return Standing(StandingCode.LAPSED, min(qualifying, key=lambda audit: audit.start_ms))

    def device_ids(self) -> tuple[bytes, ...]:
        """The devices that ever joined or left, in the order in which the log first names them."""
        return tuple(
            device_id for device_id, changes in self._changes.items() if changes[0].index < self._end
        )

    def enrolments(self, device_id: bytes) -> tuple[Enrolment, ...]:
        """The times through which a device belongs to this service, in their order; none overlap."""
        changes = [
            change
            for change in self._changes.get(device_id, ())
            if change.index < self._end and self.keys[change.key_position].carries(change.time_ms)
        ]
        # They are in the order of the log, and sorting keeps that order among equal moments.
        changes.sort(key=lambda change: change.effective_ms)
        found: list[Enrolment] = []
        current: Enrolment | None = None
        for change in changes:
            if change.joins and current is None:
                current = Enrolment(self.id, device_id, change.effective_ms, None, change.index, None)
            elif not change.joins and current is not None:
                # Joined and left at the same moment: it never belonged.
                if change.effective_ms > current.start_ms:
                    found.append(replace(current, end_ms=change.effective_ms, left_by=change.index))
                current = None
        if current is not None:
            found.append(current)
        return tuple(found)

    def enrolment_at(self, device_id: bytes, at_ms: int) -> Enrolment | None:
        """The enrolment of a device that contains a moment."""
        return next((found for found in self.enrolments(device_id) if found.contains(at_ms)), None)


class ServiceRegistry:
    """The services of one statement log.

    Args:
        policies: the policies of the same log; those that were logged before a statement are in it when
            somebody asks.
    """

    def __init__(self, policies: PolicyHistory) -> None:
        self._policies = policies
        self._records: dict[bytes, _Record] = {}
        self._services_of: dict[bytes, list[bytes]] = {}
        self._indices: list[int] = []
        self._times: list[int] = []
        self._remembered: dict[tuple[bytes, int, int, int | None], Service] = {}

    def apply(self, index: int, time_ms: int, statement: Statement, envelope: Envelope) -> None:
        """Take note of a logged statement, in the order of the log; kinds that concern no service are ignored.

        The caller has judged it (`rights`). What would break the registry's own invariants is refused once more.

        Raises:
            StatementError: `unknown-service`, `operator-key-not-in-force` or `unknown-audit`.
            UsageError: out of the order of the log.
        """
        if not isinstance(statement, ServiceAudit | AuditWithdrawal | ServiceDevices):
            return
        if self._indices and (index <= self._indices[-1] or time_ms < self._times[-1]):
            raise UsageError("statements are applied in the order in which they were logged")
        record = self._records.get(statement.service)
        if isinstance(statement, ServiceAudit):
            if record is None:
                record = _Record(statement.founding_key, statement.service_name)
                self._records[statement.service] = record
            digest, position = envelope.payload_digest, len(record.next_keys)
            record.audits.append(_LoggedAudit(index, time_ms, statement, digest, envelope.keyid, position))
        elif record is None:
            raise StatementError("no audit of this service is logged", check="unknown-service")
        elif isinstance(statement, AuditWithdrawal):
            if all(audit.digest != statement.audit for audit in record.audits):
                raise StatementError("no such audit of this service is logged", check="unknown-audit")
            record.withdrawals.append(_LoggedWithdrawal(index, time_ms, statement, envelope.keyid))
        else:
            self._change(record, index, time_ms, statement, envelope)
        record.indices.append(index)
        self._indices.append(index)
        self._times.append(time_ms)

    def _change(
        self, record: _Record, index: int, time_ms: int, statement: ServiceDevices, envelope: Envelope
    ) -> None:
        position = len(record.next_keys)
        if envelope.keyid != keyid_of(record.key(position)):
            raise StatementError(
                "not signed by the operator key in force of the service", check="operator-key-not-in-force"
            )
        effective = max(statement.from_ * 1000, time_ms)
        for joins, devices in ((True, statement.join), (False, statement.leave)):
            for device in devices:
                changes = record.changes.setdefault(device.device_id, [])
                if not changes:
                    self._services_of.setdefault(device.device_id, []).append(statement.service)
                changes.append(Change(effective, index, time_ms, joins, position))
        if statement.next_key is not None:
            record.next_keys.append(_LoggedKey(index, time_ms, statement.next_key))

    def service(self, service_id: bytes, known_at_ms: int | None = None) -> Service | None:
        """A service as known at a moment, or by now where that is None; None until an audit of it is logged."""
        record = self._records.get(service_id)
        if record is None:
            return None
        end = self._end(known_at_ms)
        count = bisect_left(record.indices, end)
        if not count:
            return None
        # What is known depends on the service's own statements, the policies, and which of those is the last.
        latest = self._policies.known_at(known_at_ms)
        key = (service_id, count, len(self._policies), None if latest is None else latest.index)
        service = self._remembered.get(key)
        if service is None:
            service = self._look_at(service_id, record, end, None if latest is None else latest.policy)
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = service
        return service

    def services(self, known_at_ms: int | None = None) -> Iterator[Service]:
        """Every service known at a moment, in the order in which they became known."""
        for service_id in self._records:
            service = self.service(service_id, known_at_ms)
            if service is not None:
                yield service

    def standing(self, service_id: bytes, at_ms: int, known_at_ms: int | None = None) -> Standing:
        """How a service stands at a moment; `unaudited` where no audit of it is known."""
        service = self.service(service_id, known_at_ms)
        return Standing(StandingCode.UNAUDITED, None) if service is None else service.standing(at_ms)

    def enrolments(self, device_id: bytes, known_at_ms: int | None = None) -> tuple[Enrolment, ...]:
        """Every enrolment of a device in any service, earliest first; which of them counts is not said here."""
        services = self.services_with(device_id, known_at_ms)
        found = [enrolment for service in services for enrolment in service.enrolments(device_id)]
        return tuple(sorted(found, key=lambda enrolment: (enrolment.start_ms, enrolment.joined_by)))

    def services_with(self, device_id: bytes, known_at_ms: int | None = None) -> list[Service]:
        """The services that ever enrolled a device."""
        listed = (self.service(known, known_at_ms) for known in self._services_of.get(device_id, ()))
        return [service for service in listed if service is not None and service.enrolments(device_id)]

    def _end(self, known_at_ms: int | None) -> int:
        """The leaf index behind the last statement that is known."""
        count = len(self._times) if known_at_ms is None else bisect_right(self._times, known_at_ms)
        return self._indices[count - 1] + 1 if count else 0

    def _look_at(self, service_id: bytes, record: _Record, end: int, latest: Policy | None) -> Service:
        keys = _keys(record, end, latest)
        withdrawals = [
            withdrawal
            for withdrawal in record.withdrawals
            if withdrawal.index < end and not _distrusted(withdrawal.keyid, withdrawal.time_ms, latest)
        ]
        audits: list[Audit] = []
        for logged in record.audits:
            if logged.index >= end:
                break
            in_force = self._policies.in_force_for(logged.time_ms)
            shortcomings = shortcomings_of(
                logged.statement,
                logged.time_ms,
                None if in_force is None else in_force.policy,
                record.key(logged.key_position),
                logged.keyid,
            )
            if _distrusted(logged.keyid, logged.time_ms, latest):
                shortcomings = (Shortcoming.DISTRUSTED_KEY, *shortcomings)
            first = min(
                (found for found in withdrawals if found.statement.audit == logged.digest),
                key=lambda found: (found.statement.from_, found.index),
                default=None,
            )
            audits.append(
                Audit(
                    logged.index,
                    logged.time_ms,
                    logged.statement,
                    logged.digest,
                    logged.keyid,
                    shortcomings,
                    None if first is None else first.statement.from_ * 1000,
                    None if first is None else first.index,
                )
            )
        return Service(service_id, record.name, record.founding_key, keys, tuple(audits), record.changes, end)


def _keys(record: _Record, end: int, latest: Policy | None) -> tuple[OperatorKey, ...]:
    found: list[OperatorKey] = []
    named: list[_LoggedKey | None] = [None, *(key for key in record.next_keys if key.index < end)]
    for entry in named:
        key = record.founding_key if entry is None else entry.key
        bad_from = None if latest is None else latest.distrusted_from_ms(sha256(key).digest())
        # A thief who names the next key gains nothing: its word is as bad as the key that named it.
        if entry is not None and not found[-1].carries(entry.time_ms):
            bad_from = entry.time_ms
        found.append(
            OperatorKey(
                key,
                None if entry is None else entry.index,
                None if entry is None else entry.time_ms,
                bad_from,
            )
        )
    return tuple(found)


def _distrusted(keyid: str, time_ms: int, latest: Policy | None) -> bool:
    bad_from = None if latest is None else latest.distrusted_from_ms(bytes.fromhex(keyid))
    return bad_from is not None and time_ms >= bad_from
