# SPDX-License-Identifier: Apache-2.0
"""Putting the policy file into force: at the start, and again when the operator changed it.

A change is an entry of the log like any other: while the log waits for its witnesses it waits, too, and is tried
again until they are back. Witnesses themselves are no part of the published policy; those that the file names at the
start stay until the next one.
"""

import asyncio
import logging
from pathlib import Path

from keystead.errors import RefusedError, StoreError, UsageError
from keystead_server.configuration import Configuration, read_policy_file
from keystead_server.log.clock import Clock
from keystead_server.log.creation import policy_operation
from keystead_server.log.open_log import OpenLog
from keystead_server.log.sequencer import Sequencer, placed_or_refused
from keystead_server.settings import Witnesses

__all__ = ["PolicyChange"]

_logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0


class PolicyChange:
    """Puts one policy file into force in one running log.

    Args:
        path: the file; None for a log that was started without one.
        log: the log.
        sequencer: its sequencer.
        clock: wall and monotonic time.
        witnesses: those that the log was started with.
    """

    def __init__(
        self,
        path: Path | None,
        log: OpenLog,
        sequencer: Sequencer,
        clock: Clock,
        witnesses: Witnesses | None,
    ) -> None:
        self._path = path
        self._log = log
        self._sequencer = sequencer
        self._clock = clock
        self._witnesses = witnesses
        self._waiting: asyncio.Task[None] | None = None

    async def reload(self) -> bool:
        """Read the file again and put it into force if it changed; whether it did.

        Raises:
            UsageError: there is no file, or it is wrong. The policy in force stays.
            RefusedError: the log waits for witnesses; the policy comes into force once they are back.
            StoreError: the log cannot be written.
        """
        if self._path is None:
            raise UsageError("this log was started without --policy: there is no policy file to read again")
        configuration = read_policy_file(self._path)
        if configuration.witnesses != self._witnesses:
            _logger.warning("the witnesses in the policy file changed: they are asked from the next start on")
        return await self.put_into_force(configuration)

    async def put_into_force(self, configuration: Configuration) -> bool:
        """Put what a file says into force, unless it is; whether it was not.

        Raises:
            RefusedError, StoreError: as `reload`.
        """
        self.close()
        try:
            return await self._attempt(configuration)
        except RefusedError as error:
            if error.code != "quorum-missing":
                raise StoreError(f"the new policy could not be put into force: {error}") from error
            self._waiting = asyncio.create_task(self._try_again(configuration))
            raise

    def close(self) -> None:
        """Give up on a change that waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    async def _attempt(self, configuration: Configuration) -> bool:
        log = self._log
        if (configuration.policy.encode(), configuration.successor) == (log.policy_document, log.successor):
            return False
        operation = policy_operation(
            log.identity, configuration, self._clock.now_ms(), policy_index=log.policy_index
        )
        placed_or_refused(await self._sequencer.change_policy(operation))
        return True

    async def _try_again(self, configuration: Configuration) -> None:
        while True:
            await self._clock.sleep(_AGAIN_SECONDS)
            try:
                # Where the change was committed before the witnesses failed, it is in force already.
                await self._attempt(configuration)
            except RefusedError as error:
                if error.retry_after is None:
                    _logger.error("the policy file was not put into force: %s", error)
                    return
            else:
                _logger.warning("the policy file is in force: the witnesses are back")
                return
