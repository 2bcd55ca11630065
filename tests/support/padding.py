# SPDX-License-Identifier: Apache-2.0
"""Making a history long without much work: one certificate without a device, logged again and again."""

from keystead.tlog.tiles import TILE_WIDTH
from support.history import History

__all__ = ["fill_bundle"]


def fill_bundle(history: History) -> int:
    """Log as much as fills the issuance log's last bundle, so that the next entry begins one; its index."""
    history.certificate("Padding Ltd", ca=history.east, extension=False)
    leaves = history.log.issuance.leaves
    while len(leaves) % TILE_WIDTH:
        padding = leaves[-1]
        history.log.add_leaf(padding.entry.signed, padding.fingerprints)
    history.log.publish()
    return len(leaves)
