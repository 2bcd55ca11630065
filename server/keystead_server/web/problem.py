# SPDX-License-Identifier: Apache-2.0
"""Refusals as RFC 9457 problem details.

Every answer with a status from 400 on is `application/problem+json` with the members `type` (`about:blank`),
`title` (the status in words), `status`, `detail` (one sentence that says which rule failed) and `code` (stable,
listed in `specs/errors.md`). Nothing else is said: no traceback, no path, no version.
"""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from keystead.encoding.json import encode_json
from keystead.errors import KeysteadError, ParseError, RefusedError, StatementError, VerificationError

__all__ = ["answer_problems", "problem", "problem_of"]

_logger = logging.getLogger(__name__)


def problem(code: str, detail: str, *, status: int, retry_after: int | None = None) -> web.Response:
    """The response for one refusal."""
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return web.Response(
        status=status, body=encode_json(body), content_type="application/problem+json", headers=headers
    )


_ROUTING = {
    404: ("not-found", "there is nothing at this path"),
    405: ("method-not-allowed", "this path does not answer that method"),
    413: ("body-too-large", "the body is larger than this path accepts"),
}


def problem_of(error: web.HTTPException) -> web.Response:
    """The same refusal as a problem, where aiohttp made it."""
    code, detail = _ROUTING.get(error.status, ("http-error", error.reason))
    response = problem(code, detail, status=error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


@web.middleware
async def answer_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every error that a handler raises into a problem, and only unexpected ones into 500."""
    try:
        return await handler(request)
    except RefusedError as error:
        return problem(error.code, str(error), status=error.status, retry_after=error.retry_after)
    except StatementError as error:
        return problem(error.check or "statement-refused", str(error), status=400)
    except VerificationError as error:
        return problem(error.check or "verification-failed", str(error), status=400)
    except ParseError as error:
        return problem("malformed", str(error), status=400)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem_of(error)
    except KeysteadError:
        _logger.exception("a request could not be answered")
    except Exception:
        _logger.exception("a request failed in a way that nobody foresaw")
    return problem("internal-error", "the log failed to answer; the operator can see why", status=500)
