# SPDX-License-Identifier: Apache-2.0
"""The statement log judged again, statement by statement (`specs/statements.md`, section 6).

Each statement is judged by the policy in force for it and with what stands before it in view, as the log should have
judged it. What the log may have said itself is compared with the issuance entries; what only the evidence can show is
checked elsewhere (`evidence_claim`) and handed in.

An audit goes on where a file is missing, but does not accuse for what the missing file may have said: after a statement
or a policy that could not be had, a refusal counts only if nothing in it could change that (`_CERTAIN`). What was
left unjudged is counted.

Invariants:

* facts depend on the entries alone, not on where an audit was continued;
* entries are taken in the order of the log, all issuance entries that they speak of before them.
"""

from dataclasses import dataclass

from keystead.audit.evidence_claim import EvidenceJob, EvidenceResult
from keystead.audit.problem import Problem
from keystead.audit.read_statement import ReadStatement, UnreadableStatement
from keystead.audit.state import AuditState, split_digests
from keystead.audit.view import AuditView
from keystead.client.trust import StatementsTrust
from keystead.errors import SignatureError, StatementError
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import (
    AuditWithdrawal,
    DeviceBinding,
    DeviceEvidence,
    LogPolicy,
    ServiceAudit,
    ServiceDevices,
    parse_statement,
)
from keystead.statements.policy import Policy, parse_policy
from keystead.statements.policy_history import LoggedPolicy, PolicyHistory
from keystead.statements.rights import judge_logged, logged_statement
from keystead.statements.services import ServiceRegistry
from keystead.statements.view import LoggedStatement

__all__ = ["Judge"]

_CERTAIN = frozenset(
    {
        "wrong-log",
        "issued-too-long-ago",
        "issued-in-the-future",
        "bad-signature",
        "unknown-key",
        "log-only-kind",
    }
)
"""Refusals that no statement or policy which is missing could lift."""

_NOT_THE_LOGS = frozenset({"bad-signature", "unknown-key", "not-a-log-statement", "wrong-log"})


@dataclass(slots=True)
class _Blind:
    """A time whose policy could not be had: after `start`, up to and with `end`, as far as that is known."""

    start: int
    end: int | None = None


class Judge:
    """Judges one statement log.

    Args:
        state: the facts; the issuance entries are in it.
        trust: of the statement log.

    Attributes:
        unjudged: statements that were left unjudged.
        last_time: the latest of the entries that could be read, milliseconds; -1 before there is one.
        ended: when the log named its successor, if it did.
        entries_known: the issuance log could be read, so that what is not in it is not there.
    """

    def __init__(self, state: AuditState, trust: StatementsTrust) -> None:
        self.origin = trust.key.origin
        self.policies = PolicyHistory()
        self.services = ServiceRegistry(self.policies)
        self.unjudged = 0
        self.last_time = state.number("statements_time")
        self.ended: int | None = None
        self.entries_known = True
        self._state = state
        self._statement_key = trust.statement_key
        self._not_before = (
            self.last_time + 1
        )  # the first new batch is later than the last one that was checked
        self._lost_after: int | None = None
        self._blind: list[_Blind] = []
        for index, time, encoded, successor in state.db.execute("SELECT * FROM policy ORDER BY idx"):
            self.policies.add(index, time, parse_policy(encoded))
            self.ended = time if successor is not None and self.ended is None else self.ended
        for index, time, raw in state.db.execute("SELECT * FROM referred ORDER BY idx"):
            envelope = parse_statement_entry(raw).envelope
            self.services.apply(index, time, parse_statement(envelope), envelope)

    # What is known well enough to accuse.

    def lose(self) -> None:
        """An entry could not be had: whatever it said, what follows may depend on it."""
        if self._lost_after is None:
            self._lost_after = self.last_time

    def certain(self, time: int) -> bool:
        """Whether all that bears on an entry of that time is known."""
        if self._lost_after is not None and time >= self._lost_after:
            return False
        return not any(one.start < time and (one.end is None or time <= one.end) for one in self._blind)

    def policy_for(self, time: int) -> LoggedPolicy | None:
        """The policy in force for entries of that time, as far as is known."""
        return self.policies.in_force_for(time)

    # Before: what must be had to judge.

    def evidence_job(self, read: ReadStatement, data: bytes) -> EvidenceJob | None:
        """The claim of a `device-evidence` statement; None where it cannot be checked.

        Args:
            read: the statement; those before it were taken.
            data: the evidence that it names.
        """
        statement = read.statement
        if not isinstance(statement, DeviceEvidence):
            return None
        in_force = self.policy_for(read.entry.timestamp)
        row = self._state.db.execute(
            "SELECT key_hash, devices FROM entry WHERE idx = ? AND certificate_id = ?",
            (statement.issuance_index, statement.certificate),
        ).fetchone()
        if in_force is None or row is None or not self.certain(read.entry.timestamp):
            return None
        return EvidenceJob(
            statement, data, in_force.policy.encode(), row[0], frozenset(split_digests(row[1]))
        )

    # The judgement.

    def take_unreadable(self, read: UnreadableStatement) -> list[Problem]:
        """An entry that says nothing to anybody; it stays in the tree and counts for nothing."""
        sentence = f"statement {read.index} cannot be read: {read.sentence}"
        problems = [Problem(read.code, self.origin, sentence, read.index, signed=True)]
        if read.time is not None:
            problems += self._judge_time(read.index, read.time)
        return problems

    def take(
        self, read: ReadStatement, policy: Policy | None = None, evidence: EvidenceResult | None = None
    ) -> list[Problem]:
        """Judge a statement, and keep what it says.

        Args:
            read: the statement.
            policy: what a `log-policy` names, if it could be had.
            evidence: what became of the evidence that a `device-evidence` names, if it could be had.
        """
        problems = self._judge_time(read.index, read.entry.timestamp)
        if self.ended is not None and read.entry.timestamp > self.ended:
            sentence = f"statement {read.index} was logged after the log had named its successor"
            problems.append(Problem("after-the-end", self.origin, sentence, read.index, signed=True))
        problems += self._judge_duplicate(read)
        refusal = self._refusal(read)
        if refusal is not None:
            if refusal.check in _CERTAIN or self._is_certain(read, refusal.check):
                sentence = f"statement {read.index} should not be there: {refusal}"
                problems.append(Problem(refusal.check, self.origin, sentence, read.index, signed=True))
            else:
                self.unjudged += 1
        if evidence is not None:
            problems += [
                Problem(
                    code,
                    self.origin,
                    f"the evidence of statement {read.index}: {why}",
                    read.index,
                    signed=True,
                )
                for code, why in evidence.flaws
            ]
        self._keep(read, policy, "" if refusal is None else refusal.check)
        return problems

    def _judge_time(self, index: int, time: int) -> list[Problem]:
        problems = []
        if time < self.last_time:
            sentence = f"statement {index} is dated before the one before it"
            problems.append(Problem("time-goes-back", self.origin, sentence, index, signed=True))
        elif time < self._not_before:
            sentence = f"statement {index} is not dated later than what was signed before it was there"
            problems.append(Problem("batch-not-later", self.origin, sentence, index, signed=True))
        self.last_time = max(self.last_time, time)
        return problems

    def _judge_duplicate(self, read: ReadStatement) -> list[Problem]:
        identity = read.entry.envelope.identity
        db = self._state.db
        if db.execute("INSERT OR IGNORE INTO said VALUES (?, ?)", (identity, read.index)).rowcount:
            return []
        (first,) = db.execute("SELECT idx FROM said WHERE identity = ?", (identity,)).fetchone()
        sentence = f"statement {read.index} is the statement {first} again"
        return [Problem("duplicate-statement", self.origin, sentence, read.index, signed=True)]

    def _refusal(self, read: ReadStatement) -> StatementError | SignatureError | None:
        in_force = self.policy_for(read.entry.timestamp)
        view = AuditView(self.origin, read, self._state.db, self.services, self.statement_at)
        try:
            judge_logged(read.statement, read.entry, self._statement_key, in_force, view)
        except (StatementError, SignatureError) as error:
            return error
        return None

    def _is_certain(self, read: ReadStatement, check: str) -> bool:
        if not self.certain(read.entry.timestamp):
            return False
        if check == "no-certificate-on-device":
            unread = "SELECT 1 FROM entry WHERE certificate_id IS NULL LIMIT 1"
            return self.entries_known and self._state.db.execute(unread).fetchone() is None
        index = getattr(read.statement, "issuance_index", None)
        if index is None:
            return True
        # Of an entry that could not be read, nothing is known that a statement could contradict.
        row = self._state.db.execute(
            "SELECT certificate_id IS NOT NULL AND issuer_key_hash IS NOT NULL FROM entry "
            "LEFT JOIN chain ON chain.id = chain WHERE idx = ?",
            (index,),
        ).fetchone()
        return self.entries_known if row is None else bool(row[0])

    def _keep(self, read: ReadStatement, policy: Policy | None, refused: str) -> None:
        # Histories are in the order of time; a log that goes back was told so, and gains nothing by it.
        statement, index, time = read.statement, read.index, self.last_time
        if isinstance(statement, DeviceEvidence):
            # Recorded is recorded, even where it should not have been.
            if refused not in _NOT_THE_LOGS:
                devices = b"".join(sorted(device.device_id for device in statement.devices))
                self._state.db.execute(
                    "INSERT INTO evidence VALUES (?, ?, ?, ?, ?)",
                    (index, read.entry.timestamp, statement.certificate, statement.evidence_digest, devices),
                )
                self._keep_devices(statement, read.entry.timestamp)
        elif refused:
            return
        elif isinstance(statement, LogPolicy):
            self._keep_policy(statement, index, time, policy)
        else:
            self.services.apply(index, time, statement, read.entry.envelope)
            if isinstance(statement, DeviceBinding):
                self._keep_devices(statement, read.entry.timestamp)
            if isinstance(statement, DeviceBinding | ServiceAudit | AuditWithdrawal | ServiceDevices):
                self._state.db.execute("INSERT INTO referred VALUES (?, ?, ?)", (index, time, read.raw))

    def _keep_devices(self, statement: DeviceEvidence | DeviceBinding, time: int) -> None:
        row = self._state.db.execute(
            "SELECT issuer_key_hash FROM entry JOIN chain ON chain.id = chain WHERE idx = ? AND certificate_id = ?",
            (statement.issuance_index, statement.certificate),
        ).fetchone()
        if row is not None and row[0] is not None:
            self._state.add_devices((device.device_id for device in statement.devices), row[0], time)

    def _keep_policy(self, statement: LogPolicy, index: int, time: int, policy: Policy | None) -> None:
        if statement.successor is not None and self.ended is None:
            self.ended = time
        if self._blind and self._blind[-1].end is None:
            self._blind[-1].end = time
        if policy is None:
            self._blind.append(_Blind(time))
            return
        self.policies.add(index, time, policy)
        self._state.db.execute(
            "INSERT INTO policy VALUES (?, ?, ?, ?)", (index, time, policy.encode(), statement.successor)
        )

    def statement_at(self, index: int) -> LoggedStatement | None:
        """The statement at a leaf index, of those kinds that another can refer to."""
        row = self._state.db.execute("SELECT entry FROM referred WHERE idx = ?", (index,)).fetchone()
        if row is None:
            return None
        return logged_statement(index, parse_statement_entry(row[0]), self.policies)
