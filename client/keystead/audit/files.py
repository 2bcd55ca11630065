# SPDX-License-Identifier: Apache-2.0
"""Reading a log's files for an audit: what is not served is a finding, not the end.

A log that cannot be reached at all is an error, as everywhere. But a single file that is absent, or whose answer is no
answer, while the log's checkpoint can be read, is a file that the log withholds.

Invariant: bytes that are asked for by their SHA-256 come back only if they have it.
"""

from dataclasses import dataclass
from hashlib import sha256

from keystead.client.fetcher import MAX_BYTES, Fetcher
from keystead.errors import FetchError
from keystead.tlog.note import MAX_NOTE_SIZE

__all__ = ["ABSENT", "LogFiles", "Served"]

ABSENT = "it is not there"


@dataclass(frozen=True, slots=True)
class Served:
    """What the log serves at a path.

    Attributes:
        data: the bytes; None where there are none, or not those that were asked for.
        why: in that case, why.
        altered: there are bytes, of another hash.
    """

    data: bytes | None
    why: str = ""
    altered: bool = False


class LogFiles:
    """The files of one log.

    Args:
        fetcher: reads below the log's base.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher

    async def read(self, path: str, limit: int = MAX_BYTES) -> Served:
        """The file at a path.

        Raises:
            FetchError: the log cannot be reached: its checkpoint cannot.
        """
        try:
            data = await self.fetcher.get(path, limit)
        except FetchError as error:
            if path.endswith("/checkpoint"):
                raise
            await self._require_log()
            return Served(None, str(error))
        return Served(data, "" if data is not None else ABSENT)

    async def get(self, path: str, limit: int = MAX_BYTES) -> bytes | None:
        """As `Fetcher.get`, for readers that do not ask why something is not there."""
        return (await self.read(path, limit)).data

    async def named(self, folder: str, digest: bytes, limit: int) -> Served:
        """The object with a SHA-256, in the folder of its kind.

        Raises:
            FetchError: the log cannot be reached.
        """
        served = await self.read(f"{folder}/{digest.hex()}", limit)
        if served.data is not None and sha256(served.data).digest() != digest:
            return Served(None, "what is there has another hash", altered=True)
        return served

    async def _require_log(self) -> None:
        """See whether the log is there at all."""
        for log in ("issuance", "statements"):
            if await self.fetcher.get(f"{log}/checkpoint", MAX_NOTE_SIZE) is not None:
                return
