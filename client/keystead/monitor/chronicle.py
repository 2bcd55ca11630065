# SPDX-License-Identifier: Apache-2.0
"""What happened to make a finding, in the order in which the logs have it: a sentence for each entry and statement.

Reads the state alone. What is told is what was logged; when validities begin and end, and what followed, is in the
finding.

Invariant: every name in it is safe to print.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from keystead.certificate.extension import Method
from keystead.certificate.name import printable
from keystead.monitor.findings import Finding
from keystead.monitor.found import FoundCertificate, show_time
from keystead.monitor.knowledge import Knowledge, LogKnowledge
from keystead.monitor.model import EntryName
from keystead.statements.entry import parse_statement_entry
from keystead.statements.kinds.audit_withdrawal import AuditWithdrawal
from keystead.statements.kinds.service_audit import ServiceAudit
from keystead.statements.kinds.service_devices import ServiceDevices
from keystead.statements.payloads import parse_statement

__all__ = ["Event", "chronicle"]

_OUTCOMES = {
    "verified": "it verifies again here",
    "withheld": "the log does not serve it, so it is the log's word",
    "failed": "it does not verify here, and counts for nothing",
    "unknown-format": "this program does not know the format, so it is the log's word",
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a log has.

    Attributes:
        at_ms: when it was logged.
        name: where.
        sentence: what it says, without a full stop.
    """

    at_ms: int
    name: EntryName
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """Members `at`, `origin`, `index`, `what`."""
        return {"at": show_time(self.at_ms), **self.name.to_json(), "what": self.sentence}


def chronicle(db: sqlite3.Connection, knowledge: Knowledge, finding: Finding) -> tuple[Event, ...]:
    """What the entries and statements of a finding say, the earliest first.

    Args:
        db: the state.
        knowledge: of all its logs.
        finding: of that state.
    """
    told = _Telling(db, knowledge, finding)
    events = [*told.entries(), *told.statements()]
    # In a batch, what was logged comes before what is said of it.
    return tuple(sorted(events, key=lambda event: (event.at_ms, event.name)))


class _Telling:
    def __init__(self, db: sqlite3.Connection, knowledge: Knowledge, finding: Finding) -> None:
        self._db = db
        self._finding = finding
        self._issuance = {log.issuance_origin: number for number, log in knowledge.logs.items()}
        self._statements = {log.origin: (number, log) for number, log in knowledge.logs.items()}
        self._certificates = {one.certificate_id: one for one in finding.certificates}
        self._at = {entry: one for one in finding.certificates for entry in one.entries}

    def entries(self) -> Iterator[Event]:
        """Certificates that were logged."""
        query = "SELECT time, final, problem FROM entry WHERE log = ? AND idx = ?"
        for name in self._finding.entries:
            row = self._db.execute(query, (self._issuance[name.origin], name.index)).fetchone()
            if row is None:
                continue
            time_ms, final, problem = row
            what = "a certificate" if final else "a precertificate"
            one = self._at.get(name)
            whose = "" if one is None else f" of {one.subscriber}, by {one.issuer} (serial {one.serial})"
            unread = f"; it cannot be read: {problem}" if problem else ""
            yield Event(time_ms, name, f"{what}{whose} was logged{unread}")

    def statements(self) -> Iterator[Event]:
        """What was stated."""
        for name in self._finding.statements:
            number, log = self._statements[name.origin]
            event = self._of_service(number, log, name)
            for tell in (self._evidence, self._binding, self._revocation, self._transfer, self._alias):
                event = event or tell(number, name)
            if event is not None:
                yield event

    def _row(self, query: str, number: int, name: EntryName) -> Any:
        return self._db.execute(query, (number, name.index)).fetchone()

    def _whose(self, certificate_id: bytes) -> str:
        one: FoundCertificate | None = self._certificates.get(certificate_id)
        return (
            f"certificate {certificate_id.hex()[:16]}…" if one is None else f"certificate of {one.subscriber}"
        )

    def _evidence(self, number: int, name: EntryName) -> Event | None:
        row = self._row(
            "SELECT one.time, certificate_id, format, outcome FROM evidence_statement AS one "
            "JOIN certificate ON certificate.id = one.certificate "
            "JOIN evidence ON evidence.log = one.log AND evidence.digest = one.evidence "
            "WHERE one.log = ? AND one.idx = ?",
            number,
            name,
        )
        if row is None:
            return None
        time_ms, certificate_id, format_name, outcome = row
        told = f"the log recorded evidence ({printable(format_name)}) for the {self._whose(certificate_id)}"
        return Event(time_ms, name, f"{told}; {_OUTCOMES[outcome]}")

    def _binding(self, number: int, name: EntryName) -> Event | None:
        row = self._row(
            "SELECT one.time, certificate_id, one.party, one.method, one.service, supersedes, supersedes_extension, "
            "(SELECT count(*) FROM claim WHERE kind = 1 AND log = one.log AND statement = one.idx) "
            "FROM binding AS one JOIN certificate ON certificate.id = one.certificate "
            "WHERE one.log = ? AND one.idx = ?",
            number,
            name,
        )
        if row is None:
            return None
        time_ms, certificate_id, party, method, service, supersedes, extension, devices = row
        named = [f"{devices} {'device' if devices == 1 else 'devices'}"] if devices else []
        named += [] if service is None else [f"the service {service.hex()[:16]}…"]
        instead = [] if supersedes is None else [f"statement {supersedes}"]
        instead += ["what the certificate says"] if extension else []
        place = f", in the place of {' and '.join(instead)}" if instead else ""
        what = f"{printable(party)} bound the {self._whose(certificate_id)} to {' and '.join(named) or 'nothing'}"
        return Event(time_ms, name, f"{what} ({Method(method).text}){place}")

    def _revocation(self, number: int, name: EntryName) -> Event | None:
        row = self._row(
            "SELECT one.time, certificate_id, party, reason FROM revocation AS one "
            "JOIN certificate ON certificate.id = one.certificate WHERE one.log = ? AND one.idx = ?",
            number,
            name,
        )
        if row is None:
            return None
        time_ms, certificate_id, party, reason = row
        said = "was never issued" if reason == "notIssued" else f"is revoked ({reason})"
        return Event(
            time_ms, name, f"{printable(party)} stated that the {self._whose(certificate_id)} {said}"
        )

    def _transfer(self, number: int, name: EntryName) -> Event | None:
        row = self._row("SELECT time, party FROM transfer WHERE log = ? AND idx = ?", number, name)
        who = "the operator that enrolled it" if row is not None and not row[1] else ""
        said = "stated that the device went from one subscriber to another"
        return None if row is None else Event(row[0], name, f"{who or printable(row[1])} {said}")

    def _alias(self, number: int, name: EntryName) -> Event | None:
        row = self._row(
            "SELECT time, party, (SELECT count(*) FROM alias_member WHERE log = alias.log AND idx = alias.idx) "
            "FROM alias WHERE log = ? AND idx = ?",
            number,
            name,
        )
        said = (
            ""
            if row is None
            else f"{printable(row[1])} stated that {row[2]} subscriber ids are one subscriber"
        )
        return None if row is None else Event(row[0], name, said)

    def _of_service(self, number: int, log: LogKnowledge, name: EntryName) -> Event | None:
        row = self._row("SELECT entry FROM service_statement WHERE log = ? AND idx = ?", number, name)
        if row is None:
            return None
        entry = parse_statement_entry(row[0])
        match parse_statement(entry.envelope):
            case ServiceAudit() as audit:
                sentence = _told_audit(audit, log, name.index)
            case AuditWithdrawal(from_=since, reason=reason):
                sentence = f"an audit was withdrawn, from {show_time(since * 1000)}: {printable(reason)}"
            case ServiceDevices() as devices:
                sentence = _told_devices(devices, log, self._finding.device)
            case _:
                return None
        return Event(entry.timestamp, name, sentence)


def _told_audit(audit: ServiceAudit, log: LogKnowledge, index: int) -> str:
    service = log.services.service(audit.service)
    known = [one for one in (() if service is None else service.audits) if one.index == index]
    short = [shortcoming.sentence for one in known for shortcoming in one.shortcomings]
    worth = f"it does not qualify: {short[0]}" if short else "it qualifies"
    until = show_time(audit.not_after * 1000)
    return (
        f"{printable(audit.auditor)} stated that the service {printable(audit.service_name)} of "
        f"{printable(audit.operator_name)} was audited ({audit.scheme.value}), in force from "
        f"{show_time(audit.not_before * 1000)} until {until}; {worth}"
    )


def _told_devices(said: ServiceDevices, log: LogKnowledge, device: bytes | None) -> str:
    service = log.services.service(said.service)
    who = "the operator" if service is None else printable(service.audits[-1].statement.operator_name)
    since = f"from {show_time(said.from_ * 1000)}"
    told = []
    for devices, verb in ((said.join, "joins"), (said.leave, "leaves")):
        if any(one.device_id == device for one in devices):
            told.append(f"the device {verb} its service {since}")
        elif devices:
            told.append(f"{len(devices)} other devices {'join' if verb == 'joins' else 'leave'}")
    told += ["another key speaks for the service from now on"] if said.next_key is not None else []
    return f"{who} stated that {' and '.join(told) or 'nothing changes'}"
