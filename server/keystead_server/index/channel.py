# SPDX-License-Identifier: Apache-2.0
"""The indexer's end of its channel to the sequencer's process, in the frames of `frontend.channel`.

The indexer asks, and is told where its head stands or why there is none. It speaks to nobody else, and it waits.
"""

import pickle
import select
import socket
import struct
import time

from keystead.errors import RefusedError
from keystead_server.index.head_request import HeadRequest

__all__ = ["IndexerChannel", "StoppedError"]

_LENGTH = struct.Struct(">I")


class StoppedError(Exception):
    """The indexer is to stop."""


class IndexerChannel:
    """The indexer's end: one call at a time, each waits for its answer.

    Args:
        descriptor: of its end of the socket pair.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        # Not `select`: a server with many connections has descriptors above its 1,023.
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self.stopping = False

    def append(self, request: HeadRequest) -> tuple[int, int]:
        """A `HeadAppender`."""
        data = pickle.dumps(request, protocol=5)
        self._socket.sendall(_LENGTH.pack(len(data)) + data)
        (length,) = _LENGTH.unpack(self._receive(_LENGTH.size))
        placed, refusal = pickle.loads(self._receive(length))  # noqa: S301 - see `frontend.channel`
        if refusal is not None:
            code, sentence, status, retry_after = refusal
            raise RefusedError(code, sentence, status=status, retry_after=retry_after)
        leaf, timestamp = placed
        return int(leaf), int(timestamp)

    def _receive(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            data = self._socket.recv(length - len(received))
            if not data:
                raise StoppedError
            received += data
        return bytes(received)

    def wait(self, seconds: float) -> None:
        """Wait for so many seconds; raise `StoppedError` once the indexer is to stop."""
        deadline = time.monotonic() + seconds
        while not self.stopping:
            # Nothing is said here without being asked: what can be read now is the end.
            left = deadline - time.monotonic()
            if self._poll.poll(max(0.0, min(left, 0.2)) * 1000):
                raise StoppedError
            if left <= 0:
                return
        raise StoppedError

    def stop(self, *_: object) -> None:
        """A signal handler: stop soon."""
        self.stopping = True
