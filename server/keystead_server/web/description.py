# SPDX-License-Identifier: Apache-2.0
"""`/openapi.json`: the description of this interface for programs (OpenAPI 3.1), the same for every log.

`specs/openapi.json` is the same file. A test holds it against the routes, the stable codes and a running server.
"""

from importlib.resources import files

from aiohttp import web

__all__ = ["add_description_route"]


def add_description_route(app: web.Application) -> None:
    """Add the description to `app`."""
    description = files(__package__).joinpath("openapi.json").read_bytes()

    async def describe(request: web.Request) -> web.Response:
        del request
        return web.Response(
            body=description, content_type="application/json", headers={"Cache-Control": "no-cache"}
        )

    app.router.add_get("/openapi.json", describe)
