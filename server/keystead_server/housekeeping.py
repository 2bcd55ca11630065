# SPDX-License-Identifier: Apache-2.0
"""What a running log does beside its work: partial tiles that full ones replaced are swept away in time.

C2SP tlog-tiles allows a partial tile to go once the full one is there; a reader who is still on an older
checkpoint gets ten minutes more. What is swept was replaced by more of the same: a failure only leaves it lying,
and the next round goes on.
"""

import asyncio
import logging

from keystead.errors import StoreError
from keystead_server.log.clock import Clock
from keystead_server.log.open_log import OpenLog
from keystead_server.log.sweep import PartialTileSweeper

__all__ = ["KEEP_PARTIAL_MS", "ROUND_SECONDS", "keep_house"]

_logger = logging.getLogger(__name__)

KEEP_PARTIAL_MS = 600_000
"""How long a partial tile stays after the full one was published."""

ROUND_SECONDS = 60.0
"""Between two rounds."""


async def keep_house(log: OpenLog, clock: Clock) -> None:
    """Sweep once a minute, until cancelled."""
    sweeper = PartialTileSweeper(log.blobs, KEEP_PARTIAL_MS)
    while True:
        published = {"issuance/": log.issuance.size, "statements/": log.statements.size}
        try:
            await asyncio.to_thread(sweeper.sweep, published, clock.now_ms())
        except StoreError as error:
            _logger.warning("partial tiles could not be swept: %s", error)
        await clock.sleep(ROUND_SECONDS)
