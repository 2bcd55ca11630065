# SPDX-License-Identifier: Apache-2.0
"""`statements/add`: a signed statement in, its place and proof out (`specs/api.md`, section "Statements")."""

from aiohttp import web

from keystead.encoding.json import encode_json
from keystead.tlog.proof import TlogProof
from keystead_server.intake.statements import MAX_STATEMENT_BODY
from keystead_server.web.limits import BODIES
from keystead_server.web.service import SERVICE

__all__ = ["add_statement_routes"]


def add_statement_routes(app: web.Application) -> None:
    """Add the statement log's write call to `app`."""
    app.router.add_post("/statements/add", _add)


async def _add(request: web.Request) -> web.Response:
    body = await request.app[BODIES].read(request, MAX_STATEMENT_BODY)
    promise = await request.app[SERVICE].intake.add_statement(body)
    proof = TlogProof(promise.placed.index, promise.path, promise.checkpoint)
    answer = {
        "leaf_index": promise.placed.index,
        "timestamp": promise.placed.timestamp,
        "proof": proof.encode(),
    }
    return web.Response(body=encode_json(answer), content_type="application/json")
