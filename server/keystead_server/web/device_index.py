# SPDX-License-Identifier: Apache-2.0
"""`/index/v1/<kind>/<value>`: a history with its proof (`specs/api.md`, section "The device index").

The map and the history are read in a thread of its own; the head's place in the statement log, and the consistency of
the issuance log with it, come from the trees that this process follows anyway, once for each head and checkpoint.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError, RefusedError
from keystead.index.answer import DEFAULT_PAGE, MAX_PAGE, IndexAnswer
from keystead.index.kinds import parse_subject
from keystead.statements.entry import parse_statement_entry
from keystead.statements.payloads import IndexHead, parse_statement
from keystead.tlog.checkpoint import parse_checkpoint
from keystead.tlog.merkle import tree_root
from keystead.tlog.note import parse_note
from keystead.tlog.proof import TlogProof
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from keystead_server.index.database import HeadRow
from keystead_server.index.reader import IndexReader
from keystead_server.log.tree import Tree
from keystead_server.storage.interface import Heads
from keystead_server.web.index_metrics import INDEX_STATE
from keystead_server.web.metrics import METRICS
from keystead_server.web.objects import ObjectReader

__all__ = ["add_index_routes"]

_PARAMETERS = frozenset({"from", "limit", "head"})
_REMEMBERED = 64
# Heads, each under one pair of checkpoints, whose proofs are kept.


@dataclass(frozen=True, slots=True)
class _ProvenHead:
    """What every answer under a head has in common."""

    entry: bytes
    proof: str
    checkpoint: bytes
    consistency: tuple[bytes, ...]


class IndexedTrees(Protocol):
    """What is published of an indexed log."""

    @property
    def heads(self) -> Heads:
        """Both checkpoints."""

    @property
    def issuance(self) -> Tree:
        """The issuance tree at its checkpoint."""

    @property
    def statements(self) -> Tree:
        """The statement tree at its checkpoint."""


class IndexedLog(Protocol):
    """A log whose index is served: by the log itself, or by whoever follows it."""

    @property
    def log(self) -> IndexedTrees:
        """What is published."""

    @property
    def objects(self) -> ObjectReader:
        """Reads of stored objects."""


class _HeadProofs:
    """Makes and remembers them. Used from the event loop."""

    def __init__(self) -> None:
        self._remembered: OrderedDict[tuple[int, bytes, bytes], _ProvenHead] = OrderedDict()

    async def of(self, service: IndexedLog, head: HeadRow) -> _ProvenHead:
        """The proofs of a head under the checkpoints that are published now."""
        heads = service.log.heads
        key = (head.leaf, heads.issuance, heads.statements)
        known = self._remembered.get(key)
        if known is not None:
            self._remembered.move_to_end(key)
            return known
        sizes = [parse_checkpoint(parse_note(note).text).size for note in (heads.issuance, heads.statements)]
        entry = await _statement(service, head.leaf, sizes[1])
        statement = parse_statement(parse_statement_entry(entry).envelope)
        right = head.map_root, tree_root(head.issuance_size, service.log.issuance.node)
        if not isinstance(statement, IndexHead) or (statement.map_root, statement.issuance_root) != right:
            # The log committed to something else than its entries lead to: no answer under it would verify.
            raise RefusedError(
                "index-unavailable",
                "the head of the index is wrong; a new one is due",
                status=503,
                retry_after=60,
            )
        path = service.log.statements.inclusion_proof(head.leaf, sizes[1])
        consistency = service.log.issuance.consistency_proof(head.issuance_size, sizes[0])
        proven = _ProvenHead(
            entry,
            TlogProof(head.leaf, tuple(path), heads.statements).encode(),
            heads.issuance,
            tuple(consistency),
        )
        self._remembered[key] = proven
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return proven


async def _statement(service: IndexedLog, leaf: int, size: int) -> bytes:
    index = leaf // TILE_WIDTH
    for width in dict.fromkeys((min(TILE_WIDTH, size - index * TILE_WIDTH), TILE_WIDTH)):
        data = await service.objects.get(f"statements/{bundle_path('entries', index, width)}")
        if data is not None:
            return decode_bundle(data, width)[leaf % TILE_WIDTH]
    raise web.HTTPNotFound


_INDEXED: web.AppKey[IndexedLog] = web.AppKey("indexed_log")
_READER: web.AppKey[IndexReader] = web.AppKey("index_reader", IndexReader)
_PROOFS: web.AppKey[_HeadProofs] = web.AppKey("head_proofs", _HeadProofs)
_READING: web.AppKey[ThreadPoolExecutor] = web.AppKey("index_reading", ThreadPoolExecutor)


def add_index_routes(app: web.Application, reader: IndexReader, indexed: IndexedLog) -> None:
    """Add the index of a log to `app`, which closes `reader` at its end."""
    app[_READER] = reader
    app[_INDEXED] = indexed
    app[_PROOFS] = _HeadProofs()
    app[_READING] = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index")
    app[INDEX_STATE] = lambda: asyncio.get_running_loop().run_in_executor(app[_READING], reader.state)
    app.cleanup_ctx.append(_closing)
    app.router.add_get(r"/index/v1/{kind:[a-z-]+}/{value:[^/]*}", _history)


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await asyncio.get_running_loop().run_in_executor(app[_READING], app[_READER].close)
    app[_READING].shutdown()


async def _history(request: web.Request) -> web.Response:
    try:
        answer = await _answer(request)
    except RefusedError as error:
        request.app[METRICS].index_answers.labels(error.code).inc()
        raise
    request.app[METRICS].index_answers.labels("found" if answer.page.count else "absent").inc()
    return web.Response(
        body=answer.encode(), content_type="application/json", headers={"Cache-Control": "no-store"}
    )


async def _answer(request: web.Request) -> IndexAnswer:
    try:
        subject = parse_subject(request.match_info["kind"], request.match_info["value"])
    except ParseError as error:
        raise RefusedError("bad-parameter", str(error)) from error
    first, limit, leaf = _parameters(request)
    found = await asyncio.get_running_loop().run_in_executor(
        request.app[_READING],
        request.app[_READER].find,
        subject,
        first,
        limit,
        leaf,
        time.time_ns() // 1_000_000,
    )
    proven = await request.app[_PROOFS].of(request.app[_INDEXED], found.head)
    return IndexAnswer(
        subject=subject,
        page=found.page,
        map_proof=found.map_proof,
        head_entry=proven.entry,
        head_proof=proven.proof,
        checkpoint=proven.checkpoint,
        consistency=proven.consistency,
    )


def _parameters(request: web.Request) -> tuple[int | None, int, int | None]:
    """`from`, `limit` and `head`."""
    query = request.query
    if len(query) != len(set(query)) or not _PARAMETERS.issuperset(query):
        raise RefusedError("bad-parameter", "the parameters are from, limit and head, each at most once")
    try:
        first, limit, head = (
            parse_decimal(query[name], name) if name in query else None for name in ("from", "limit", "head")
        )
    except ParseError as error:
        raise RefusedError("bad-parameter", str(error)) from error
    return first, min(DEFAULT_PAGE if limit is None else limit, MAX_PAGE), head
