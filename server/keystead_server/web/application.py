# SPDX-License-Identifier: Apache-2.0
"""The aiohttp application of a log: its routes."""

from pathlib import Path

from aiohttp import web

from keystead_server.index.process import FOLDER
from keystead_server.index.reader import IndexReader
from keystead_server.web.answering import answering
from keystead_server.web.ct_reads import add_ct_read_routes
from keystead_server.web.description import add_description_route
from keystead_server.web.device_index import add_index_routes
from keystead_server.web.issuance import add_issuance_routes
from keystead_server.web.limits import BODIES, MAX_BODY, BodyReader
from keystead_server.web.log_list import add_log_list_route
from keystead_server.web.metrics import add_metrics_route
from keystead_server.web.page import add_page_routes
from keystead_server.web.reads import add_read_routes
from keystead_server.web.service import SERVICE, LogService
from keystead_server.web.statements import add_statement_routes

__all__ = ["make_application"]


def make_application(service: LogService, data: Path | None = None) -> web.Application:
    """The application that serves one log.

    Args:
        service: the log.
        data: the log's folder, where its index lies.
    """
    app = web.Application(middlewares=[answering], client_max_size=MAX_BODY)
    app[SERVICE] = service
    app[BODIES] = BodyReader()
    add_issuance_routes(app)
    add_statement_routes(app)
    add_read_routes(app)
    add_ct_read_routes(app)
    add_log_list_route(app)
    add_index_routes(app, IndexReader(None if data is None else data / FOLDER), service)
    add_metrics_route(app)
    add_page_routes(app)
    add_description_route(app)
    return app
