# SPDX-License-Identifier: Apache-2.0
"""A fetcher that fetches nothing twice: what never changes at a log is kept in memory.

Tiles, bundles, issuers, policies and evidence have one content for ever (C2SP tlog-tiles; objects under their
SHA-256), and so has an entry with its proof in a tree of one size. So several questions about one log, under several
of its checkpoints, can share them. They are remembered as they came: whoever reads them verifies them, each time.

Invariants:

* a checkpoint, a trust.json, an index's answer and absence are asked for anew each time;
* at most `capacity` bytes are held, of what was used last.
"""

from collections import OrderedDict

from keystead.client.fetcher import MAX_BYTES, Fetcher
from keystead.errors import FetchError

__all__ = ["RememberingFetcher"]

_IMMUTABLE = ("/tile/", "/issuer/", "/evidence/", "/policy/", "/get-entry-and-proof?")


class RememberingFetcher:
    """Remembers what another fetcher brings.

    Args:
        fetcher: the other one.
        capacity: bytes to hold at most.
    """

    def __init__(self, fetcher: Fetcher, capacity: int = MAX_BYTES) -> None:
        self._fetcher = fetcher
        self._capacity = capacity
        self._remembered: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`."""
        known = self._remembered.get(path)
        if known is not None:
            if len(known) > limit:
                raise FetchError(f"{path} is larger than {limit} bytes", url=path)
            self._remembered.move_to_end(path)
            return known
        data = await self._fetcher.get(path, limit)
        if data is not None and any(part in f"/{path}" for part in _IMMUTABLE):
            self._remember(path, data)
        return data

    def _remember(self, path: str, data: bytes) -> None:
        if path in self._remembered:  # two asked at once
            return
        self._remembered[path] = data
        self._held += len(data)
        while self._held > self._capacity:
            _, forgotten = self._remembered.popitem(last=False)
            self._held -= len(forgotten)
