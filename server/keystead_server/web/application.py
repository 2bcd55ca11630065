# SPDX-License-Identifier: Apache-2.0
"""The aiohttp application: routes, limits and headers."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from keystead_server.web.ct_reads import add_ct_read_routes
from keystead_server.web.issuance import add_issuance_routes
from keystead_server.web.limits import BODIES, MAX_BODY, BodyReader
from keystead_server.web.log_list import add_log_list_route
from keystead_server.web.metrics import add_metrics_route, measure_requests
from keystead_server.web.page import add_page_routes
from keystead_server.web.problem import answer_problems
from keystead_server.web.reads import add_read_routes
from keystead_server.web.service import SERVICE, LogService
from keystead_server.web.statements import add_statement_routes

__all__ = ["make_application"]


@web.middleware
async def _harden(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Headers for every answer: what is served is data, never to be sniffed, and readable from any page."""
    response = await handler(request)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if request.method in {"GET", "HEAD"}:
        response.headers.setdefault("Access-Control-Allow-Origin", "*")
    return response


def make_application(service: LogService) -> web.Application:
    """The application that serves one log."""
    app = web.Application(middlewares=[measure_requests, _harden, answer_problems], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app[BODIES] = BodyReader()
    add_issuance_routes(app)
    add_statement_routes(app)
    add_read_routes(app)
    add_ct_read_routes(app)
    add_log_list_route(app)
    add_metrics_route(app)
    add_page_routes(app)
    return app
