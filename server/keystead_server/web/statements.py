# SPDX-License-Identifier: Apache-2.0
"""`statements/add`: a signed statement in, its place and proof out (`specs/api.md`, section "Statements").

A statement is judged against everything that is published before it. Statements that later ones are judged by
(audits, withdrawals, enrolments) take turns, one service at a time, so that none is judged against a state that
another one in the pool is about to change.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from keystead.encoding.json import encode_json
from keystead.errors import ParseError, RefusedError
from keystead.statements.dsse import Envelope, parse_envelope, verify_envelope
from keystead.statements.payloads import parse_statement
from keystead.statements.rights import judge_statement
from keystead.statements.statement import Statement
from keystead.tlog.proof import TlogProof
from keystead_server.log.open_log import registers, service_of
from keystead_server.log.operations import AddStatement
from keystead_server.log.records import Placed
from keystead_server.log.view import LogView
from keystead_server.web.service import SERVICE, LogService, placed_or_refused

__all__ = ["add_statement_routes", "submit_statement"]

MAX_STATEMENT_BODY = 128 * 1024
"""Bytes of a submitted envelope; its canonical form has at most 61,440, the rest is white space."""


def add_statement_routes(app: web.Application) -> None:
    """Add the statement log's write call to `app`."""
    app.router.add_post("/statements/add", _add)


async def _add(request: web.Request) -> web.Response:
    answer = await submit_statement(request.app[SERVICE], await request.read())
    return web.Response(body=encode_json(answer), content_type="application/json")


async def submit_statement(service: LogService, body: bytes) -> dict[str, object]:
    """Judge one statement, have it sequenced, and answer.

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
    placed = await _sequence(service, envelope)
    log = service.log
    proof = TlogProof(
        placed.index, tuple(log.statements.inclusion_proof(placed.index)), log.state.heads.statements
    )
    return {"leaf_index": placed.index, "timestamp": placed.timestamp, "proof": proof.encode()}


async def _sequence(service: LogService, envelope: Envelope) -> Placed:
    known_by = envelope.identity
    key = ("statement", known_by)
    service.sequencer.refuse_if_wounded()
    pending = service.sequencer.pending(key)
    if pending is not None:
        return placed_or_refused(await asyncio.shield(pending))
    placed = service.log.records.statement(known_by)
    if placed is not None:
        _refuse_forged_copy(service, envelope)
        return placed
    try:
        statement = parse_statement(envelope)
    except ParseError as error:
        raise RefusedError("payload-malformed", str(error)) from error
    async with _turn(service, statement):
        # Looked up anew after the wait: another submission may have logged the same.
        service.sequencer.refuse_if_wounded()
        placed = service.log.records.statement(known_by)
        if placed is not None:
            return placed
        rules = service.rules
        now_ms = service.clock.now_ms()
        judge_statement(statement, envelope, rules.policy, LogView(service.log), now_ms)
        service.quotas.charge(
            "per_party", bytes.fromhex(envelope.keyid), rules.policy.limits.per_party, now_ms
        )
        operation = AddStatement(
            envelope=envelope, known_by=known_by, registers=registers(statement), policy_index=rules.index
        )
        (future,) = service.sequencer.submit([operation], rules.policy.limits.pool)
        return placed_or_refused(await asyncio.shield(future))


def _refuse_forged_copy(service: LogService, envelope: Envelope) -> None:
    """A duplicate is known by type, payload and keyid; a copy with another's signature is still no duplicate."""
    party = service.rules.policy.party_with_key(envelope.keyid)
    if party is not None:
        verify_envelope(envelope, party.key)


@asynccontextmanager
async def _turn(service: LogService, statement: Statement) -> AsyncIterator[None]:
    about = service_of(statement)
    if about is None:
        yield
        return
    turns = service.turns
    lock = turns.setdefault(about, asyncio.Lock())
    async with lock:
        yield
    # Locks of services that nobody waits for are forgotten, so that invented ids do not pile up.
    if not lock.locked() and turns.get(about) is lock:
        del turns[about]
