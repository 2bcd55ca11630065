# SPDX-License-Identifier: Apache-2.0
"""A log in a process of its own, started with the command line as an operator does."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["ServedLog", "keystead_command"]


def keystead_command(*arguments: object) -> list[str]:
    """The command line that runs `keystead …` with this interpreter."""
    return [sys.executable, "-m", "keystead.cli.main", *map(str, arguments)]


class ServedLog:
    """`keystead serve` on a free port, as a context manager; leaving it stops the server with SIGTERM.

    Args:
        data: the log's folder.
        policy: the policy file.
        arguments: further options.

    Attributes:
        url: the base URL.
        trust: the path of trust.json.
        process: the server.
    """

    def __init__(self, data: Path, policy: Path | None = None, *arguments: object) -> None:
        self.trust = data / "trust.json"
        self.url = ""
        self._command = keystead_command(
            *(
                "serve",
                "--data",
                data,
                "--listen",
                "127.0.0.1:0",
                "--period",
                50,
                "--front-ends",
                0,
                "--index-period",
                0,
                "--json",
            ),
            *arguments,
        )
        if policy is not None:
            self._command += ["--policy", str(policy)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()  # blocks until the log serves, or the process ends
        if not line:
            _, error = self.process.communicate()
            raise AssertionError(f"the server did not start: {error}")
        self.url = json.loads(line)["url"]
        return self

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; the exit code and what was written to stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, error = self.process.communicate(timeout=60)
        return self.process.returncode, error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
