# SPDX-License-Identifier: Apache-2.0
"""What became of asking a witness for one log, as values that can be shown and sent to front ends."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Failure", "WitnessError", "WitnessReport"]


class Failure(StrEnum):
    """Why a witness did not cosign, in few words: a label of metrics."""

    UNREACHABLE = "unreachable"
    """No answer: refused, broken off, or not in time."""
    REFUSED = "refused"
    """Another status than 200 and 409: it does not know the log, its key, or finds the proof wrong."""
    CONFLICT = "conflict"
    """409 again after a request from the size that it named, or for a size that the log does not have."""
    MALFORMED = "malformed"
    """An answer that is none, or too long."""
    SIGNATURE = "signature"
    """Lines that do not cosign the checkpoint that was sent."""


class WitnessError(Exception):
    """A witness did not cosign.

    Attributes:
        failure: why, as a label; `str(error)` says it in words.
    """

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class WitnessReport:
    """One witness and one log, since the start.

    Attributes:
        witness: what the policy calls it.
        log: `issuance` or `statements`.
        cosignatures: how many were taken.
        failures: how many requests failed, by `Failure`.
        time: of the last cosignature, in seconds, as the witness states it; 0 for none.
        failing: why the last request failed; None where it did not.
    """

    witness: str
    log: str
    cosignatures: int
    failures: tuple[tuple[str, int], ...]
    time: int
    failing: str | None
