# SPDX-License-Identifier: Apache-2.0
"""The program of the indexer: `python -m keystead_server.index.process`, started by `index.supervision`.

It reads its settings as one JSON line from standard input and works until the channel to the sequencer's process closes
or SIGTERM comes. `work` is the same in a thread.
"""

import json
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from keystead.client.trust import parse_trust
from keystead.errors import KeysteadError, RefusedError, StoreError
from keystead.index.verification import IndexTrust
from keystead_server.index.channel import IndexerChannel, StoppedError
from keystead_server.index.head_request import HeadAppender, Progress
from keystead_server.index.indexer import Indexer
from keystead_server.index.log_tail import LogTail
from keystead_server.storage.directory import DirectoryBlobStore

__all__ = ["FOLDER", "IndexerSettings", "work"]

_logger = logging.getLogger("keystead_server.index")

FOLDER = "index"
"""Where the index lies, in the log's folder."""

_AGAIN_S = 5.0
_TELL_S = 5.0


@dataclass(frozen=True, slots=True)
class IndexerSettings:
    """What an indexer is told.

    Attributes:
        data: the log's folder.
        trust: the text of `trust.json`.
        period: seconds between two looks at the logs.
        channel: the file descriptor of its end of the socket pair.
    """

    data: str
    trust: str
    period: float
    channel: int

    def encode(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def work(
    data: Path,
    trust: bytes,
    append: HeadAppender,
    now_ms: Callable[[], int],
    period: float,
    wait: Callable[[float], None],
) -> None:
    """Index a log until told to stop.

    Args:
        data: the log's folder.
        trust: its `trust.json`.
        append: has a head appended.
        now_ms: the clock.
        period: seconds between two looks at the logs.
        wait: waits for so many seconds, or not at all; raises `StoppedError` once it is time to stop.
    """
    trusted = parse_trust(trust)
    keys = IndexTrust(trusted.issuance.key, trusted.statements.key, trusted.statements.statement_key)
    blobs = DirectoryBlobStore(data)
    try:
        while True:
            try:
                _index(data / FOLDER, LogTail(blobs.get, keys), append, now_ms, period, wait)
            except KeysteadError as error:
                _logger.error("the index stands still: %s", error)
            except (OSError, ValueError) as error:
                _logger.exception("the index stands still: %s", error)
            wait(_AGAIN_S)
    except StoppedError:
        return
    finally:
        blobs.close()


def _index(
    folder: Path,
    tail: LogTail,
    append: HeadAppender,
    now_ms: Callable[[], int],
    period: float,
    wait: Callable[[float], None],
) -> None:
    indexer = Indexer(folder, tail, append, now_ms, _telling(wait))
    try:
        indexer.catch_up()
        while True:
            started = time.monotonic()
            pause = period
            try:
                indexer.step()
            except RefusedError as error:
                # What was computed is kept, and asked for again.
                pause = _AGAIN_S if error.retry_after is None else max(period, float(error.retry_after))
            wait(max(0.0, started + pause - time.monotonic()))
    finally:
        indexer.close()


def _telling(wait: Callable[[float], None]) -> Progress:
    """Says every few seconds how far it is, and stops when it is time to."""
    told = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        wait(0)
        if done < total and time.monotonic() - told >= _TELL_S:
            told = time.monotonic()
            _logger.warning(
                "the index is being built: %d of %d entries (%d%%)", done, total, 100 * done // max(total, 1)
            )

    return progress


def main() -> None:
    """Read the settings and work."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = IndexerSettings(**json.loads(sys.stdin.buffer.readline()))
    channel = IndexerChannel(settings.channel)
    signal.signal(signal.SIGTERM, channel.stop)
    # The terminal's interrupt reaches the whole group: the sequencer's process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        work(
            Path(settings.data),
            settings.trust.encode(),
            channel.append,
            lambda: time.time_ns() // 1_000_000,
            settings.period,
            channel.wait,
        )
    except (StoppedError, BrokenPipeError, ConnectionResetError):
        return
    except StoreError as error:
        _logger.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
