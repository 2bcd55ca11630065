# SPDX-License-Identifier: Apache-2.0
"""Fetching ahead: several requests under way, their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["in_order"]

Key = TypeVar("Key")
Value = TypeVar("Value")


async def in_order(
    bring: Callable[[Key], Awaitable[Value]], keys: Iterable[Key], ahead: int
) -> AsyncGenerator[Value, None]:
    """`bring(key)` for each key, in the order of the keys, with at most `ahead` under way at once.

    The first error of `bring`, in that order, is raised; whatever is still under way then, or when the
    iterator is closed, is cancelled and waited for.
    """

    async def one(key: Key) -> Value:
        return await bring(key)

    waiting: deque[asyncio.Task[Value]] = deque()
    source = iter(keys)
    try:
        while True:
            for key in source:
                waiting.append(asyncio.create_task(one(key)))
                if len(waiting) >= max(ahead, 1):
                    break
            if not waiting:
                return
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
