# SPDX-License-Identifier: Apache-2.0
"""The intake of statements: judged against everything that is published before them.

Statements that later ones are judged by (audits, withdrawals, enrolments) take turns, one service at a time, so
that none is judged against a state that another one in the pool is about to change.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from keystead.errors import ParseError, RefusedError
from keystead.statements.dsse import Envelope, parse_envelope, verify_envelope
from keystead.statements.payloads import DeviceBinding, parse_statement
from keystead.statements.rights import judge_statement
from keystead.statements.statement import Statement
from keystead_server.admission.quota import QuotaBook
from keystead_server.log.clock import Clock
from keystead_server.log.open_log import registers, service_of
from keystead_server.log.operations import AddStatement
from keystead_server.log.records import Placed
from keystead_server.log.sequencer import Sequencer, placed_or_refused
from keystead_server.log.view import LogView

__all__ = ["MAX_STATEMENT_BODY", "StatementIntake", "StatementPromise"]

MAX_STATEMENT_BODY = 128 * 1024
"""Bytes of a submitted envelope; its canonical form has at most 61,440, the rest is white space."""


@dataclass(frozen=True, slots=True)
class StatementPromise:
    """Where a statement stands, and its proof.

    Attributes:
        placed: its leaf index and time.
        path: its audit path under `checkpoint`.
        checkpoint: the statement log's checkpoint, as published.
    """

    placed: Placed
    path: tuple[bytes, ...]
    checkpoint: bytes


class StatementIntake:
    """Takes statements for one log.

    Args:
        sequencer: the log's sequencer.
        quotas: what was admitted in the last minute.
        clock: wall time, for dates and quotas.
    """

    def __init__(self, sequencer: Sequencer, quotas: QuotaBook, clock: Clock) -> None:
        self._sequencer = sequencer
        self._log = sequencer.log
        self._quotas = quotas
        self._clock = clock
        self._turns: dict[bytes, asyncio.Lock] = {}

    async def add(self, body: bytes) -> StatementPromise:
        """Judge one statement, have it sequenced unless it is; the promise.

        Args:
            body: the DSSE envelope, as submitted.

        Raises:
            RefusedError, StatementError, SignatureError: with the stable code of the rule that refused it.
        """
        if len(body) > MAX_STATEMENT_BODY:
            raise RefusedError(
                "body-too-large", f"a statement has at most {MAX_STATEMENT_BODY} bytes", status=413
            )
        try:
            envelope = parse_envelope(body)
        except ParseError as error:
            raise RefusedError("envelope-malformed", str(error)) from error
        placed = await self._sequence(envelope)
        log = self._log
        return StatementPromise(
            placed, tuple(log.statements.inclusion_proof(placed.index)), log.heads.statements
        )

    async def _sequence(self, envelope: Envelope) -> Placed:
        known_by = envelope.identity
        self._sequencer.refuse_if_wounded()
        if self._sequencer.is_pending(("statement", known_by)):
            return placed_or_refused(await self._sequencer.outcome(("statement", known_by)))
        placed = self._log.records.statement(known_by)
        if placed is not None:
            self._refuse_forged_copy(envelope)
            return placed
        try:
            statement = parse_statement(envelope)
        except ParseError as error:
            raise RefusedError("payload-malformed", str(error)) from error
        async with self._turn(statement):
            # Looked up anew after the wait: another submission may have logged the same.
            self._sequencer.refuse_if_wounded()
            placed = self._log.records.statement(known_by)
            if placed is not None:
                return placed
            policy, now_ms = self._log.policy, self._clock.now_ms()
            judge_statement(statement, envelope, policy, LogView(self._log), now_ms)
            self._quotas.charge("per_party", bytes.fromhex(envelope.keyid), policy.limits.per_party, now_ms)
            operation = AddStatement(
                envelope=envelope,
                known_by=known_by,
                registers=registers(statement),
                policy_index=self._log.policy_index,
                binds=self._bound(statement),
            )
            (future,) = self._sequencer.submit([operation], policy.limits.pool)
            return placed_or_refused(await future)

    def _bound(self, statement: Statement) -> tuple[bytes, tuple[bytes, ...]] | None:
        """Whose certificate a binding puts on which devices."""
        if not isinstance(statement, DeviceBinding):
            return None
        entry = self._log.records.entry(statement.issuance_index)
        devices = tuple(device.device_id for device in statement.devices)
        return None if entry is None else (entry[1], devices)

    def _refuse_forged_copy(self, envelope: Envelope) -> None:
        """A duplicate is known by type, payload and keyid; a copy with another's signature is still none."""
        party = self._log.policy.party_with_key(envelope.keyid)
        if party is not None:
            verify_envelope(envelope, party.key)

    @asynccontextmanager
    async def _turn(self, statement: Statement) -> AsyncIterator[None]:
        about = service_of(statement)
        if about is None:
            yield
            return
        lock = self._turns.setdefault(about, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            # Locks of services that nobody waits for are forgotten, so that invented ids do not pile up.
            if not lock.locked() and self._turns.get(about) is lock:
                del self._turns[about]
