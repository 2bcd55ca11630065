# SPDX-License-Identifier: Apache-2.0
"""Partial tiles of a running log go, ten minutes after their full tile came, and nothing else does."""

import asyncio
from pathlib import Path

from keystead_server.housekeeping import KEEP_PARTIAL_MS, keep_house
from support.running_log import running_log
from support.whole_log import read_whole_log


class Hand:
    """A clock whose sleepers wait for `tick`."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000_000
        self.rounds: asyncio.Queue[None] = asyncio.Queue()
        self.slept = 0

    def now_ms(self) -> int:
        """Where the hand stands."""
        return self.wall

    def monotonic(self) -> float:
        """Seconds of the same hand."""
        return self.wall / 1000

    async def sleep(self, seconds: float) -> None:
        """Until the next tick."""
        self.slept += 1
        await self.rounds.get()

    async def tick(self, milliseconds: int) -> None:
        """Move the hand, and wait for the round that follows."""
        self.wall += milliseconds
        before = self.slept
        self.rounds.put_nowait(None)
        while self.slept == before:
            await asyncio.sleep(0)


async def test_partial_tiles_are_swept_after_their_time(tmp_path: Path) -> None:
    """A reader who is behind has ten minutes; afterwards the log is whole without them."""
    async with running_log(tmp_path, period_ms=1) as log:
        for number in range(3):
            leaf = log.world.leaf(f"Early {number}", serial=number + 1)
            await log.add_pre_chain(leaf.body(leaf.precertificate))
        await asyncio.gather(
            *(
                log.add_pre_chain(leaf.body(leaf.precertificate))
                for number in range(260)
                for leaf in (log.world.leaf(f"Org {number}", serial=1000 + number),)
            )
        )
        size, _ = await log.sizes()
        assert size == 263
        hand = Hand()
        house = asyncio.create_task(keep_house(log.server.log, hand))
        while not hand.slept:
            await asyncio.sleep(0)
        early = "/issuance/tile/data/000.p/1"
        assert (await log.get(early)).status == 200
        await hand.tick(KEEP_PARTIAL_MS - 1)
        assert (tmp_path / "log" / early[1:]).exists()
        await hand.tick(1)
        assert not (tmp_path / "log" / early[1:]).exists()
        assert not list((tmp_path / "log" / "issuance/tile/0").glob("000.p/*"))
        assert (await log.get(f"/issuance/tile/0/001.p/{size - 256}")).status == 200
        house.cancel()
        await read_whole_log(log)
