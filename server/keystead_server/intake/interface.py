# SPDX-License-Identifier: Apache-2.0
"""What a front end asks of the intake, wherever that is."""

from dataclasses import dataclass
from typing import Protocol

from keystead_server.intake.certificates import CertificatePromise, CertificateSubmission
from keystead_server.intake.statements import StatementPromise
from keystead_server.witness.report import WitnessReport

__all__ = ["Health", "Intake"]


class Intake(Protocol):
    """Where admitted submissions go, and their promises come from."""

    async def add_certificate(self, submission: CertificateSubmission) -> CertificatePromise:
        """Have a certificate and its evidence logged."""

    async def add_statement(self, body: bytes) -> StatementPromise:
        """Judge a statement and have it logged."""

    async def health(self) -> "Health":
        """How the sequencer is."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the sequencer is.

    Attributes:
        waiting: operations in the pool.
        wounded: it cannot write just now.
        batches: committed since the start.
        commit_seconds: that building and committing them took.
        recoveries: since the start.
        waits_for_witnesses: why what is committed is not published, where that is what it cannot write for.
        witnesses: what became of asking each witness for each log.
    """

    waiting: int
    wounded: bool
    batches: int
    commit_seconds: float
    recoveries: int
    waits_for_witnesses: str | None = None
    witnesses: tuple[WitnessReport, ...] = ()
