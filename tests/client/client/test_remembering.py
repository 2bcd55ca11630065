# SPDX-License-Identifier: Apache-2.0
"""Remembering what never changes, and asking anew for what does."""

import pytest

from keystead.client.remembering import RememberingFetcher
from keystead.errors import FetchError


class _Counting:
    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []

    async def get(self, path: str, limit: int = 1 << 20) -> bytes | None:
        self.asked.append(path)
        return self.files.get(path)


async def test_what_never_changes_is_fetched_once() -> None:
    """Tiles, bundles and objects under their hashes come from memory the second time."""
    paths = [
        "issuance/tile/0/000",
        "issuance/tile/data/000.p/7",
        "issuance/issuer/aa",
        "policy/bb",
        "evidence/cc",
    ]
    counting = _Counting({path: path.encode() for path in paths})
    fetcher = RememberingFetcher(counting)
    for _ in range(2):
        assert [await fetcher.get(path) for path in paths] == [path.encode() for path in paths]
    assert counting.asked == paths


@pytest.mark.parametrize(
    "path", ["issuance/checkpoint", "trust.json", "policy", "index/v1/policies/?limit=1"]
)
async def test_what_changes_is_asked_for_anew(path: str) -> None:
    """A checkpoint or an answer of the index is never old."""
    counting = _Counting({path: b"1"})
    fetcher = RememberingFetcher(counting)
    assert await fetcher.get(path) == b"1"
    counting.files[path] = b"2"
    assert await fetcher.get(path) == b"2"


async def test_absence_is_not_remembered() -> None:
    """What was not there may be there later."""
    counting = _Counting({})
    fetcher = RememberingFetcher(counting)
    assert await fetcher.get("evidence/aa") is None
    counting.files["evidence/aa"] = b"1"
    assert await fetcher.get("evidence/aa") == b"1"


async def test_memory_is_bounded() -> None:
    """What was used last stays, up to the capacity; the rest is fetched again."""
    files = {f"log/tile/0/00{number}": bytes(10) for number in range(4)}
    counting = _Counting(files)
    fetcher = RememberingFetcher(counting, capacity=30)
    for number in (0, 1, 2, 0, 3):
        await fetcher.get(f"log/tile/0/00{number}")
    counting.asked.clear()
    for number in (0, 2, 3, 1):
        await fetcher.get(f"log/tile/0/00{number}")
    assert counting.asked == ["log/tile/0/001"]


async def test_a_limit_holds_for_what_is_remembered() -> None:
    """Whoever takes less is refused as if it had been fetched."""
    fetcher = RememberingFetcher(_Counting({"evidence/aa": bytes(10)}))
    assert await fetcher.get("evidence/aa") == bytes(10)
    with pytest.raises(FetchError, match="larger than 9"):
        await fetcher.get("evidence/aa", 9)
