# SPDX-License-Identifier: Apache-2.0
"""A real server on a loopback port and a client for it, for tests of what travels over HTTP."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from keystead.client.trust import Trust, parse_trust
from keystead.statements.dsse import Envelope
from keystead.statements.entry import StatementEntry, parse_statement_entry
from keystead.tlog.checkpoint import verify_checkpoint
from keystead.tlog.tiles import TILE_WIDTH, bundle_path, decode_bundle
from keystead_server.main import EmbeddedLog
from support.world import World

__all__ = ["Answer", "RunningLog", "running_log"]


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's stable code."""
        assert self.headers["Content-Type"] == "application/problem+json"
        document = self.json
        assert document["status"] == self.status
        assert document["detail"]
        return str(document["code"])


class RunningLog:
    """A client's view of one running log."""

    def __init__(self, log: EmbeddedLog, session: aiohttp.ClientSession, world: World) -> None:
        self.server = log
        self.session = session
        self.world = world
        self.trust: Trust = parse_trust(log.trust)

    async def get(self, path: str, **headers: str) -> Answer:
        """GET a path."""
        async with self.session.get(self.server.url + path, headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def post(self, path: str, body: bytes) -> Answer:
        """POST a body."""
        async with self.session.post(self.server.url + path, data=body) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def add_pre_chain(self, body: bytes) -> Answer:
        """Submit a precertificate."""
        return await self.post("/issuance/ct/v1/add-pre-chain", body)

    async def add_chain(self, body: bytes) -> Answer:
        """Submit a certificate."""
        return await self.post("/issuance/ct/v1/add-chain", body)

    async def say(self, envelope: Envelope) -> Answer:
        """Submit a statement."""
        return await self.post("/statements/add", envelope.encode())

    async def sizes(self) -> tuple[int, int]:
        """The sizes in both published checkpoints, which verify."""
        issuance = verify_checkpoint((await self.get("/issuance/checkpoint")).body, self.trust.issuance.key)
        statements = verify_checkpoint(
            (await self.get("/statements/checkpoint")).body, self.trust.statements.key
        )
        return issuance.checkpoint.size, statements.checkpoint.size

    async def statements(self) -> list[StatementEntry]:
        """Every statement of a small log."""
        _, size = await self.sizes()
        entries: list[StatementEntry] = []
        for start in range(0, size, TILE_WIDTH):
            width = min(TILE_WIDTH, size - start)
            data = (await self.get("/statements/" + bundle_path("entries", start // TILE_WIDTH, width))).body
            entries += [parse_statement_entry(entry) for entry in decode_bundle(data, width)]
        return entries

    async def kinds(self) -> list[str]:
        """The kinds of all statements, in order."""
        prefix, suffix = "application/vnd.keystead.", ".v1+json"
        return [
            entry.envelope.payload_type.removeprefix(prefix).removesuffix(suffix)
            for entry in await self.statements()
        ]


@asynccontextmanager
async def running_log(
    folder: Path,
    world: World | None = None,
    *,
    policy: Path | None = None,
    period_ms: int = 10,
    **options: Any,
) -> AsyncIterator[RunningLog]:
    """Serve a log in `folder` / `log`, under the world's policy unless another is given."""
    world = world or World(folder / "world")
    policy = policy or world.write_policy()
    async with (
        EmbeddedLog(folder / "log", policy=policy, period_ms=period_ms, **options) as log,
        aiohttp.ClientSession() as session,
    ):
        yield RunningLog(log, session, world)


def sct_of(answer: Answer) -> bytes:
    """The serialized SCT of an answer."""
    return b64decode(answer.json["serialized_sct"])
