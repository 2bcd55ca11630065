# SPDX-License-Identifier: Apache-2.0
"""Fetching ahead: several requests under way, their results in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["in_order", "map_ahead"]

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


async def map_ahead(
    work: Callable[[Key], Awaitable[Value]], source: AsyncIterable[Key], ahead: int
) -> AsyncGenerator[Value, None]:
    """`work(item)` for each item of a source, in its order, with at most `ahead` under way at once.

    An error of the source comes behind the values of the items before it; else as for errors and closing, like
    `in_order`.
    """

    async def one(item: Key) -> Value:
        return await work(item)

    waiting: deque[asyncio.Task[Value]] = deque()
    failed: Exception | None = None
    items = aiter(source)
    try:
        while True:
            try:
                item = await anext(items)
            except StopAsyncIteration:
                break
            except Exception as error:  # noqa: BLE001 -- raised below
                failed = error
                break
            waiting.append(asyncio.create_task(one(item)))
            if len(waiting) >= max(ahead, 1):
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
        if failed is not None:
            raise failed
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
