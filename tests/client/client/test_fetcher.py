# SPDX-License-Identifier: Apache-2.0
"""Reading a log that is a folder, and what may name a file in it."""

from pathlib import Path

import pytest

from keystead.client.fetcher import FolderFetcher, check_path
from keystead.errors import FetchError, UsageError


async def test_a_file_is_read_and_absence_is_none(tmp_path: Path) -> None:
    """What is there comes back as it is; what is not there, or is a folder, is None."""
    (tmp_path / "tile/0").mkdir(parents=True)
    (tmp_path / "tile/0/000").write_bytes(b"hashes")
    fetcher = FolderFetcher(tmp_path)

    assert await fetcher.get("tile/0/000") == b"hashes"
    assert await fetcher.get("tile/0/001") is None
    assert await fetcher.get("tile/0") is None
    assert await fetcher.get("tile/0/000/p") is None


async def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    """The caller's limit is the most that is read."""
    (tmp_path / "checkpoint").write_bytes(bytes(11))

    assert await FolderFetcher(tmp_path).get("checkpoint", 11) == bytes(11)
    with pytest.raises(FetchError, match="larger than 10"):
        await FolderFetcher(tmp_path).get("checkpoint", 10)


@pytest.mark.parametrize(
    "path",
    ["", "/checkpoint", "../checkpoint", "tile/../../x", "tile//0", "tile/.hidden", "a\\b", "tile/0/000\n"],
)
async def test_a_path_cannot_leave_the_log(path: str, tmp_path: Path) -> None:
    """No path climbs, is absolute, or has a character that log paths do not have."""
    with pytest.raises(UsageError):
        check_path(path)
    with pytest.raises(UsageError):
        await FolderFetcher(tmp_path).get(path)


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("index/v1/policies/?limit=5", True),
        ("index/v1/device-certificates/00?from=0&limit=5&head=9", True),
        ("index/v1/policies/", False),
        ("index/v1/policies/?limit=", False),
        ("index/v1/policies/?limit=5&", False),
        ("index/v1/policies/?limit=5?from=0", False),
        ("index/v1/policies/?limit=5#x", False),
        ("index/v1/../?limit=5", False),
        ("?limit=5", False),
    ],
)
async def test_a_question_to_an_index_is_a_path_with_numbers(path: str, good: bool, tmp_path: Path) -> None:
    """Only then may it end in a slash; a folder has no answers."""
    if good:
        assert await FolderFetcher(tmp_path).get(path) is None
    else:
        with pytest.raises(UsageError):
            check_path(path)


def test_a_missing_folder_is_no_log(tmp_path: Path) -> None:
    """The mistake is told at once, not as a log that has nothing."""
    with pytest.raises(UsageError, match="no folder"):
        FolderFetcher(tmp_path / "absent")
