# SPDX-License-Identifier: Apache-2.0
"""Entries of a Certificate Transparency log whose certificates are any bytes."""

from hypothesis import strategies as st

from keystead.ct.leaf import PRECERT_ENTRY, X509_ENTRY, LogEntry
from keystead.ct.tile_leaf import TileLeaf

CERTIFICATE = LogEntry(1_700_000_000_000, X509_ENTRY, b"certificate", b"", 7)
PRECERTIFICATE = LogEntry(1_700_000_000_001, PRECERT_ENTRY, b"tbs", bytes(range(32)), 8)
LEAVES = (
    TileLeaf(CERTIFICATE, b"", (bytes(32), bytes(range(32)))),
    TileLeaf(PRECERTIFICATE, b"precertificate", (bytes(range(32)),)),
)


@st.composite
def entries(draw: st.DrawFn) -> LogEntry:
    """Any entry."""
    entry_type = draw(st.sampled_from((X509_ENTRY, PRECERT_ENTRY)))
    return LogEntry(
        draw(st.integers(0, 2**63 - 1)),
        entry_type,
        draw(st.binary(min_size=1, max_size=300)),
        draw(st.binary(min_size=32, max_size=32)) if entry_type == PRECERT_ENTRY else b"",
        draw(st.integers(0, 2**40 - 1)),
    )


@st.composite
def tile_leaves(draw: st.DrawFn) -> TileLeaf:
    """Any entry of a data tile."""
    entry = draw(entries())
    return TileLeaf(
        entry,
        draw(st.binary(min_size=1, max_size=300)) if entry.entry_type == PRECERT_ENTRY else b"",
        tuple(draw(st.lists(st.binary(min_size=32, max_size=32), max_size=3))),
    )
