# SPDX-License-Identifier: Apache-2.0
"""Records in mapped files: seen by whoever maps them, and an error where there is no room."""

import errno
import os
from pathlib import Path

import pytest

from keystead.errors import StoreError
from keystead.index.map_nodes import SEGMENT
from keystead_server.index.mapped_records import MappedRecords

_SIZE = 41


def test_what_is_written_is_read_through_another_mapping(tmp_path: Path) -> None:
    """At once, without a sync, and after the writer is gone."""
    writer = MappedRecords(tmp_path / "records", _SIZE, writable=True)
    first = writer.segment(0)
    reader = MappedRecords(tmp_path / "records", _SIZE, writable=False)
    assert reader.segments == 1
    seen = reader.segment(0)
    first[:3] = b"abc"
    assert bytes(seen[:3]) == b"abc"
    second = writer.segment(1)
    assert len(second) == SEGMENT * _SIZE
    assert reader.segments == 2
    second[-3:] = b"xyz"
    del first, second
    writer.sync()
    writer.close()
    assert bytes(reader.segment(1)[-3:]) == b"xyz"
    del seen
    reader.close()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Nor make a file, nor add a segment."""
    with pytest.raises(StoreError, match="built again"):
        MappedRecords(tmp_path / "records", _SIZE, writable=False)
    writer = MappedRecords(tmp_path / "records", _SIZE, writable=True)
    writer.segment(0)
    reader = MappedRecords(tmp_path / "records", _SIZE, writable=False)
    with pytest.raises(TypeError):
        reader.segment(0)[:1] = b"x"
    with pytest.raises(StoreError):
        reader.segment(1)
    reader.close()
    writer.close()


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found when the segment is added, not when it is written to."""
    writer = MappedRecords(tmp_path / "records", _SIZE, writable=True)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match="No space"):
        writer.segment(0)
    writer.close()
