# SPDX-License-Identifier: Apache-2.0
"""What the exit codes of every verb mean."""

from keystead.errors import KeysteadError, RefusedError, VerificationError

__all__ = ["BAD_ANSWER", "CANNOT", "FINE", "INTERRUPTED", "exit_code"]

FINE = 0
"""It ran and the answer is good."""

BAD_ANSWER = 1
"""It ran and the answer is bad: a proof or evidence fails, the log refuses, findings are open."""

CANNOT = 2
"""It could not run: usage or input error, a log that cannot be reached or takes nothing now, a bad folder."""

INTERRUPTED = 130
"""The user stopped it; what shells expect for SIGINT."""


def exit_code(error: KeysteadError) -> int:
    """The exit code that `error` stands for."""
    if isinstance(error, VerificationError):
        return BAD_ANSWER
    if isinstance(error, RefusedError):
        # "Not now" (quota, paused, draining) says nothing about what was submitted.
        return CANNOT if error.status == 429 or error.status >= 500 else BAD_ANSWER
    return CANNOT
