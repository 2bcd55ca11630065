# SPDX-License-Identifier: Apache-2.0
"""The demonstration's way to its log: submissions whose answers are verified, as any client's are."""

from collections.abc import Sequence
from dataclasses import dataclass

from keystead.client.http import HTTPFetcher
from keystead.client.submission import LoggedChain, LoggedStatement, submit_chain, submit_statement
from keystead.client.trust import Trust
from keystead.devices.evidence import Evidence
from keystead.errors import FetchError, RefusedError
from keystead.statements.dsse import Envelope
from keystead.tlog.checkpoint import verify_checkpoint

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """One log and its keys.

    Attributes:
        fetcher: reaches the log's base URL.
        trust: the keys that count.
    """

    fetcher: HTTPFetcher
    trust: Trust

    async def log_chain(self, chain: Sequence[bytes], *evidence: Evidence) -> LoggedChain:
        """Log a certificate or precertificate with evidence beside it."""
        return await submit_chain(self.fetcher, self.trust, chain, evidence)

    async def log_statement(self, envelope: Envelope) -> LoggedStatement:
        """Log a statement."""
        return await submit_statement(self.fetcher, self.trust, envelope)

    async def refused_chain(self, chain: Sequence[bytes], *evidence: Evidence) -> RefusedError:
        """The refusal of what must be refused.

        Raises:
            FetchError: the log took it.
        """
        try:
            await self.log_chain(chain, *evidence)
        except RefusedError as error:
            return error
        raise FetchError("the log took what it must refuse")

    async def refused_statement(self, envelope: Envelope) -> RefusedError:
        """As `refused_chain`, for a statement."""
        try:
            await self.log_statement(envelope)
        except RefusedError as error:
            return error
        raise FetchError("the log took what it must refuse")

    async def sizes(self) -> tuple[int, int]:
        """How many entries the issuance log and the statement log have, by their signed checkpoints."""
        sizes = []
        for path, key in (
            ("issuance/checkpoint", self.trust.issuance.key),
            ("statements/checkpoint", self.trust.statements.key),
        ):
            raw = await self.fetcher.get(path)
            if raw is None:
                raise FetchError(f"the log has no {path}")
            sizes.append(verify_checkpoint(raw, key).checkpoint.size)
        return sizes[0], sizes[1]
