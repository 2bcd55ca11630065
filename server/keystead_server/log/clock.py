# SPDX-License-Identifier: Apache-2.0
"""The clock, as a thing that tests can drive.

The log needs two clocks: the wall's, for the times in entries (which may jump back), and a monotonic one, for
periods (which may not).
"""

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What the log asks of time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never runs backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds` of the monotonic clock."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)
