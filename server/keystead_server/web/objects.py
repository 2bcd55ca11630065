# SPDX-License-Identifier: Apache-2.0
"""Reads of stored objects: recent ones from memory, the others from the store in a worker thread.

Everything read this way is immutable: it is cached by its path, up to a number of bytes, least recently used
out first. What is absent is not cached: it may be written in the next batch.
"""

import asyncio
from collections import OrderedDict

from keystead_server.storage.interface import BlobStore

__all__ = ["ObjectReader"]


class ObjectReader:
    """A cache of immutable objects over a blob store. Used from one event loop.

    Args:
        blobs: the store.
        capacity: how many bytes to keep.
    """

    def __init__(self, blobs: BlobStore, capacity: int = 64 * 1024 * 1024) -> None:
        self._blobs = blobs
        self._capacity = capacity
        self._held = 0
        self._objects: OrderedDict[str, bytes] = OrderedDict()

    def held(self, path: str) -> bytes | None:
        """The object if it is in memory."""
        data = self._objects.get(path)
        if data is not None:
            self._objects.move_to_end(path)
        return data

    async def get(self, path: str) -> bytes | None:
        """The object at `path`, or None where there is none."""
        data = self.held(path)
        if data is not None:
            return data
        data = await asyncio.to_thread(self._blobs.get, path)
        if data is not None:
            self.keep(path, data)
        return data

    def keep(self, path: str, data: bytes) -> None:
        """Remember an object that was just read, written or derived."""
        old = self._objects.pop(path, None)
        self._held += len(data) - (len(old) if old is not None else 0)
        self._objects[path] = data
        while self._held > self._capacity:
            _, dropped = self._objects.popitem(last=False)
            self._held -= len(dropped)
