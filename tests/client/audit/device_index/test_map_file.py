# SPDX-License-Identifier: Apache-2.0
"""A map in a temporary file is the map that lies in memory."""

import errno
import os
import random
from pathlib import Path

import pytest

from keystead.audit.device_index.map_file import MapFile
from keystead.errors import StoreError
from keystead.index.map_build import build_map
from keystead.index.map_nodes import LEAF_SIZE, SEGMENT, memory_nodes


def test_a_map_over_several_segments() -> None:
    """A map that needs more than a segment has the root that it has in memory, and every key."""
    chance = random.Random(7)
    content = sorted((chance.randbytes(32), chance.randbytes(40)) for _ in range(SEGMENT + 10))
    with MapFile() as file:
        version = build_map(file.nodes, content)
        assert version.root == build_map(memory_nodes(), content).root
        for key, value in content[:: SEGMENT // 50]:
            assert file.nodes.get(version.top, key) == value


def test_no_place_for_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no temporary file can be made, that is said."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with MapFile() as file, pytest.raises(StoreError, match="no temporary file"):
        file.nodes.leaves.take()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are had before a page is written to, so that a full disk is said and no reason to be killed."""
    with MapFile() as file:
        file.nodes.leaves.take()
        (mapped,) = file._files
        assert os.fstat(mapped.fileno()).st_blocks * 512 >= SEGMENT * LEAF_SIZE

        def full(descriptor: int, start: int, length: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr("os.posix_fallocate", full)
        with pytest.raises(StoreError, match="No space left"):
            file.nodes.inner.take()
