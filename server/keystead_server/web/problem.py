# SPDX-License-Identifier: Apache-2.0
"""Refusals as RFC 9457 problem details.

Every answer with a status from 400 on is `application/problem+json` with the members `type` (`about:blank`),
`title` (the status in words), `status`, `detail` (one sentence that says which rule failed) and `code` (stable,
listed in `specs/errors.md`). Nothing else is said: no traceback, no path, no version.
"""

import logging
from http import HTTPStatus

from aiohttp import web

from keystead.encoding.json import encode_json
from keystead.errors import KeysteadError, ParseError, RefusedError, StatementError, VerificationError

__all__ = ["problem", "problem_for", "problem_of"]

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


def problem_for(error: Exception) -> web.Response:
    """The answer for whatever a handler raised: only what nobody foresaw is 500."""
    if isinstance(error, RefusedError):
        return problem(error.code, str(error), status=error.status, retry_after=error.retry_after)
    if isinstance(error, StatementError):
        return problem(error.check or "statement-refused", str(error), status=400)
    if isinstance(error, VerificationError):
        return problem(error.check or "verification-failed", str(error), status=400)
    if isinstance(error, ParseError):
        return problem("malformed", str(error), status=400)
    if isinstance(error, web.HTTPException):
        return problem_of(error)
    if isinstance(error, KeysteadError):
        _logger.error("a request could not be answered", exc_info=error)
    else:
        _logger.error("a request failed in a way that nobody foresaw", exc_info=error)
    return problem("internal-error", "the log failed to answer; the operator can see why", status=500)
