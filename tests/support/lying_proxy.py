# SPDX-License-Identifier: Apache-2.0
"""A log as somebody in between shows it: every answer to a GET may be changed on its way."""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

__all__ = ["LyingProxy"]

Lie = Callable[[str, bytes], bytes | None]
"""(path with its query, the honest answer) to what is shown; None is 404."""


class LyingProxy:
    """Shows the log at a URL, as a context manager.

    Args:
        log: base URL of the log.

    Attributes:
        url: where it shows it.
        lies: each sees every answer.
        asked: paths, in order.
    """

    def __init__(self, log: str) -> None:
        self.lies: list[Lie] = []
        self.asked: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.asked.append(self.path)
                try:
                    with urllib.request.urlopen(log + self.path, timeout=60) as answer:
                        status, body = answer.status, answer.read()
                except urllib.error.HTTPError as error:
                    with error:
                        status, body = error.code, error.read()
                if status == 200:
                    for lie in proxy.lies:
                        changed = lie(self.path, body)
                        status, body = (404, b"") if changed is None else (status, changed)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
