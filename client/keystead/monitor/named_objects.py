# SPDX-License-Identifier: Apache-2.0
"""Objects that a log serves under their SHA-256: issuers, policies, evidence."""

import asyncio
import hashlib
from collections.abc import Iterable

from keystead.client.fetcher import Fetcher

__all__ = ["fetch_named"]

_FETCHES = 16


async def fetch_named(
    fetcher: Fetcher, folder: str, digests: Iterable[bytes], limit: int
) -> dict[bytes, bytes | None]:
    """Objects by their digests; None for those that the log does not serve as such.

    Args:
        fetcher: brings them.
        folder: below the log's base.
        digests: of the objects.
        limit: bytes of the longest.

    Raises:
        FetchError: the log cannot be reached.
    """
    listed = list(dict.fromkeys(digests))
    found: dict[bytes, bytes | None] = {}
    waiting = iter(listed)

    async def bring() -> None:
        for digest in waiting:
            data = await fetcher.get(f"{folder}/{digest.hex()}", limit)
            # Other bytes under a digest are as good as none.
            right = data is not None and hashlib.sha256(data).digest() == digest
            found[digest] = data if right else None

    # A few who take one after the other: a task for each of thousands would cost more than a local log does.
    tasks = [asyncio.create_task(bring()) for _ in range(min(_FETCHES, len(listed)))]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    return {digest: found[digest] for digest in listed}
