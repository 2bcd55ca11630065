# SPDX-License-Identifier: Apache-2.0
"""Beginning an issuance log in its middle, and what is not read then (`specs/monitor.md`, section 2.7).

Earlier entries are trusted to be there, for every tree that is seen extends the one before; what they say is not
known until they are read. A log is begun at the beginning of a bundle, so that no bundle is needed twice.
"""

import sqlite3
from dataclasses import dataclass

from keystead.client.trust import parse_trust
from keystead.client.verified_tree import DATA_TILES, VerifiedTree
from keystead.monitor.found import Unread
from keystead.tlog.tiles import TILE_WIDTH

__all__ = ["Start", "find_start", "unread_parts"]


@dataclass(frozen=True, slots=True)
class Start:
    """From where on to read issuance logs.

    Attributes:
        entry: the index of the first entry to read.
        since_ms: read what was logged from then on, wherever that begins; None: `entry` counts.
    """

    entry: int = 0
    since_ms: int | None = None

    def reaches(self, first_ms: int) -> bool:
        """Whether what was read is enough: its first entry was logged before the time that is asked for."""
        return self.since_ms is not None and first_ms < self.since_ms


async def find_start(tree: VerifiedTree, start: Start, below: int | None = None) -> int:
    """The index at which reading begins: of the first entry of a bundle, and none beyond the tree.

    Args:
        tree: of the issuance log.
        start: what is wanted.
        below: what lies from there on was read already, and is not looked at.

    Raises:
        FetchError, ParseError, ProofError: the log does not serve what it signed.
    """
    size = tree.size if below is None else min(below, tree.size)
    if start.since_ms is None:
        return min(start.entry, size) // TILE_WIDTH * TILE_WIDTH
    # The last bundle that begins before then; the first entry from then on is in it, or right behind it.
    low, high = 0, max(-(-size // TILE_WIDTH) - 1, 0)
    while low < high:
        middle = (low + high + 1) // 2
        bundle = await tree.peek(DATA_TILES, middle)
        if bundle.entries[0].entry.timestamp < start.since_ms:
            low = middle
        else:
            high = middle - 1
    return low * TILE_WIDTH


def unread_parts(db: sqlite3.Connection) -> tuple[Unread, ...]:
    """What was not read of the logs that a state follows; nothing for those that were begun at their beginning."""
    rows = db.execute("SELECT trust, issuance_first FROM log WHERE issuance_first > 0 ORDER BY id").fetchall()
    return tuple(Unread(parse_trust(trust).issuance.key.origin, first) for trust, first in rows)
