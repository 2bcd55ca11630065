# SPDX-License-Identifier: Apache-2.0
"""Readers of an index that somebody else writes, replaces, or alters."""

import shutil
from pathlib import Path

import pytest

from keystead.errors import RefusedError
from keystead.index.history import page_value
from keystead.index.kinds import IndexKind, Subject, index_key
from keystead.index.map_nodes import INNER_SIZE
from keystead.index.map_proof import verify_presence
from keystead_server.index.reader import IndexReader
from support.memory_index import MemoryIndex
from support.statements import digest

SUBJECT = Subject(IndexKind.CERTIFICATE_STATEMENTS, digest("the first"))


@pytest.fixture
def index(tmp_path: Path) -> MemoryIndex:
    """An index with one head over a few entries."""
    index = MemoryIndex(tmp_path)
    for number in range(10):
        index.add_entry(f"certificate {number}")
        index.add_statement("the first")
    index.log.publish()
    index.open().step()
    return index


def _unavailable(reader: IndexReader) -> None:
    with pytest.raises(RefusedError) as refused:
        reader.find(SUBJECT, None, 100, None, 0)
    assert (refused.value.code, refused.value.status) == ("index-unavailable", 503)


def test_a_log_without_an_index() -> None:
    """It is unavailable for good."""
    _unavailable(IndexReader(None))


def test_an_index_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is unavailable, and found as soon as it is there."""
    reader = IndexReader(tmp_path / "index")
    _unavailable(reader)
    index = MemoryIndex(tmp_path)
    index.open()
    _unavailable(reader)
    assert index.indexer is not None
    index.indexer.step()
    assert reader.find(SUBJECT, None, 100, None, 0).page.entries == (0,)


def test_an_answer_leads_to_its_head(index: MemoryIndex) -> None:
    """The page to the value, and the value to the root, at every head."""
    for _ in range(5):
        index.add_statement("the first")
        index.log.publish()
        assert index.indexer is not None
        index.indexer.step()
    for leaf, (_, head) in index.heads().items():
        found = index.find(SUBJECT, 2, 3, leaf)
        assert found.head.leaf == leaf
        verify_presence(index_key(SUBJECT), page_value(found.page), found.map_proof, head.map_root)


def test_an_index_that_is_replaced(index: MemoryIndex) -> None:
    """A reader that has the old files open goes over to the new ones."""
    before = index.find(SUBJECT)
    assert index.indexer is not None
    index.indexer.close()
    shutil.rmtree(index.folder)
    _unavailable(index.reader)
    index.add_statement("the first")
    index.log.publish()
    index.open().step()
    assert index.find(SUBJECT).page.count == before.page.count + 1


def test_a_map_that_was_altered_is_not_answered_from(index: MemoryIndex) -> None:
    """A proof that does not lead to the head's root is never given."""
    assert index.indexer is not None
    index.indexer.close()
    (inner,) = index.folder.glob("inner-*")
    data = bytearray(inner.read_bytes())
    for start in range(0, 20 * INNER_SIZE, INNER_SIZE):
        data[start + 20] ^= 1
    inner.write_bytes(bytes(data))
    _unavailable(IndexReader(index.folder))


def test_a_history_that_was_altered_is_not_answered_from(index: MemoryIndex) -> None:
    """Nor is a page that does not lead to the map's value."""
    assert index.indexer is not None
    index.indexer._database.connection.execute(
        "UPDATE history SET tail = zeroblob(length(tail)) WHERE key = ?", (index_key(SUBJECT),)
    )
    _unavailable(IndexReader(index.folder))
