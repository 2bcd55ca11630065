# SPDX-License-Identifier: Apache-2.0
"""`/issuance/log.v3.json`: what Certificate Transparency software wants to know of a log before it follows it.

The members of the log list's version 3, as static-ct logs publish them for themselves. There is no
`temporal_interval`: certificates are admitted whatever their dates are.
"""

from aiohttp import web

from keystead import __version__
from keystead.encoding.json import encode_json
from keystead.encoding.rfc4648 import encode_base64
from keystead_server.web.service import SERVICE, LogService

__all__ = ["add_log_list_route"]

_MMD_SECONDS = 60
"""The maximum merge delay that is promised; an entry is in fact published before its SCT is answered."""


def add_log_list_route(app: web.Application) -> None:
    """Add the log's own entry of a log list to `app`."""
    app.router.add_get("/issuance/log.v3.json", _log_list)


async def _log_list(request: web.Request) -> web.Response:
    document = describe(request.app[SERVICE])
    return web.Response(
        body=encode_json(document), content_type="application/json", headers={"Cache-Control": "no-cache"}
    )


def describe(service: LogService) -> dict[str, object]:
    """The document, from the keys and URL of `trust.json` and the policy in force."""
    issuance = service.trust_document["issuance"]
    url = issuance["url"] + "/"
    ended = service.log.successor is not None
    document: dict[str, object] = {
        "description": issuance["origin"],
        "log_id": encode_base64(service.log_id),
        "key": issuance["sct_key"],
        "mmd": _MMD_SECONDS,
        "log_spec": "static-ct-api",
        "log_software": {"name": "keystead", "version": __version__},
        "submission_url": url,
        "monitoring_url": url,
        "url": url,
        "status": "readonly" if ended else "usable",
        "tls_only": url.startswith("https:"),
    }
    if ended:
        document["final_tree_head"] = {
            "tree_size": service.log.issuance.size,
            "timestamp": service.log.tree_head.timestamp,
            "sha256_root_hash": encode_base64(service.log.issuance.root),
        }
    return document
