# SPDX-License-Identifier: Apache-2.0
"""Hash tiles that a log served, kept so that none is asked for twice, also after a kill or by another round.

They are a cache and are checked up to the root each time, like what comes from the log. Kept are full tiles above
the lowest level (8 kB for 65,536 entries or more), and of each level the partial one that came last.
"""

import re

from keystead.client.fetcher import MAX_BYTES, Fetcher
from keystead.monitor.store import Store

__all__ = ["KeptTiles"]

_HASH_TILE = re.compile(r"(issuance|statements)/tile/(?P<level>[0-9])/[x0-9/]+(?P<partial>\.p/[0-9]+)?")


class KeptTiles:
    """A `Fetcher` that has a log's hash tiles at hand.

    Args:
        fetcher: brings what is not there.
        store: the state.
        log: the log's row id.
    """

    def __init__(self, fetcher: Fetcher, store: Store, log: int) -> None:
        self._fetcher = fetcher
        self._store = store
        self._log = log
        self._served = False

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`."""
        tile = _HASH_TILE.fullmatch(path)
        if tile is None or (tile["level"] == "0" and not tile["partial"]):
            return await self._fetcher.get(path, limit)
        query = "SELECT data FROM tile WHERE log = ? AND path = ?"
        row = self._store.db.execute(query, (self._log, path)).fetchone()
        if row is not None:
            self._served = True
            return bytes(row[0])
        data = await self._fetcher.get(path, limit)
        if data is not None:
            self._keep(path, data, f"{tile[1]}/tile/{tile['level']}/*.p/*" if tile["partial"] else None)
        return data

    def _keep(self, path: str, data: bytes, instead_of: str | None) -> None:
        with self._store.transaction() as db:
            if instead_of is not None:
                db.execute("DELETE FROM tile WHERE log = ? AND path GLOB ?", (self._log, instead_of))
            db.execute("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", (self._log, path, data))

    def forget(self) -> bool:
        """Drop them all, since something does not hash to the root; whether that may be one that was kept."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM tile WHERE log = ?", (self._log,))
        served, self._served = self._served, False
        return served
