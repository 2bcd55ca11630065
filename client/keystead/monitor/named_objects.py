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
    slots = asyncio.Semaphore(_FETCHES)

    async def one(digest: bytes) -> tuple[bytes, bytes | None]:
        async with slots:
            data = await fetcher.get(f"{folder}/{digest.hex()}", limit)
        # Other bytes under a digest are as good as none.
        return digest, data if data is not None and hashlib.sha256(data).digest() == digest else None

    return dict(await asyncio.gather(*(one(digest) for digest in digests)))
