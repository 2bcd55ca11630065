# SPDX-License-Identifier: Apache-2.0
"""The intake in the process of the sequencer."""

from collections.abc import Callable

from keystead_server.admission.quota import QuotaBook
from keystead_server.intake.certificates import CertificateIntake, CertificatePromise, CertificateSubmission
from keystead_server.intake.interface import Health
from keystead_server.intake.statements import StatementIntake, StatementPromise
from keystead_server.log.clock import Clock
from keystead_server.log.sequencer import Sequencer
from keystead_server.witness.report import WitnessReport

__all__ = ["LocalIntake"]


class LocalIntake:
    """Both intakes of one log, over one book of quotas.

    Args:
        sequencer: the log's sequencer.
        clock: wall and monotonic time.
        witnesses: what became of asking the log's witnesses.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        clock: Clock,
        witnesses: Callable[[], tuple[WitnessReport, ...]] = tuple,
    ) -> None:
        self._witnesses = witnesses
        quotas = QuotaBook()
        self._sequencer = sequencer
        self._certificates = CertificateIntake(sequencer, quotas, clock)
        self._statements = StatementIntake(sequencer, quotas, clock)

    async def add_certificate(self, submission: CertificateSubmission) -> CertificatePromise:
        """See `CertificateIntake.add`."""
        return await self._certificates.add(submission)

    async def add_statement(self, body: bytes) -> StatementPromise:
        """See `StatementIntake.add`."""
        return await self._statements.add(body)

    async def health(self) -> Health:
        """How the sequencer is."""
        sequencer = self._sequencer
        return Health(
            sequencer.waiting,
            sequencer.wounded is not None,
            sequencer.batches,
            sequencer.commit_seconds,
            sequencer.recoveries,
            sequencer.wounded if sequencer.quorum_missing else None,
            self._witnesses(),
        )
