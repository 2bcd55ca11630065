# SPDX-License-Identifier: Apache-2.0
"""The program of a front end: `python -m keystead_server.frontend.process`, started by `frontend.pool`.

It reads its settings as one JSON line from standard input, listens beside its siblings on one port, says `ready`
on standard output, and serves until the channel to the sequencer closes or SIGTERM comes.
"""

import asyncio
import json
import signal
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from keystead_server.frontend.channel import ChannelIntake
from keystead_server.frontend.followed import FollowedLog
from keystead_server.log.batch import LogIdentity
from keystead_server.log.keys import load_keys
from keystead_server.log.snapshot import Stores
from keystead_server.memory import collect_seldom
from keystead_server.storage.directory import DirectoryBlobStore
from keystead_server.storage.sqlite import SQLiteHeadStore
from keystead_server.web.application import make_application
from keystead_server.web.connections import HTTPServer
from keystead_server.web.service import LogService

__all__ = ["FrontEndSettings", "main"]

DRAIN_SECONDS = 30.0
"""How long a stopping front end waits for its last answers to be read."""


@dataclass(frozen=True, slots=True)
class FrontEndSettings:
    """What a front end is told.

    Attributes:
        data: the log's folder.
        name: the log's name.
        trust: the text of `trust.json`.
        host, port: where it listens, beside its siblings.
        channel: the file descriptor of its end of the socket pair.
    """

    data: str
    name: str
    trust: str
    host: str
    port: int
    channel: int

    def encode(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that shares its port: the kernel spreads connections over all that listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((host, port))
    bound.setblocking(False)
    return bound


async def serve(settings: FrontEndSettings) -> None:
    """Serve until told to stop, or until the sequencer is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # The terminal's interrupt reaches the whole group: the sequencer's process decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    folder = Path(settings.data)
    identity = LogIdentity(settings.name, load_keys(folder / "keys"))
    stores = Stores(DirectoryBlobStore(folder), SQLiteHeadStore(folder / "log.sqlite"))
    log = FollowedLog(stores, identity.issuance_key, identity.statements_key)
    channel = socket.socket(fileno=settings.channel)
    channel.setblocking(False)
    _, intake = await loop.create_unix_connection(lambda: ChannelIntake(stop.set), sock=channel)
    service = LogService(
        log,
        intake,
        sct_key=identity.keys.sct,
        log_id=identity.keys.log_id,
        trust=settings.trust.encode(),
    )
    server = HTTPServer(make_application(service, folder), drain_seconds=DRAIN_SECONDS)
    await server.start(listening_socket(settings.host, settings.port))
    collect_seldom()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    await server.stop()
    intake.close()
    stores.close()


def main() -> None:
    """Read the settings and serve."""
    settings = FrontEndSettings(**json.loads(sys.stdin.buffer.readline()))
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        asyncio.run(serve(settings))
    else:
        uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
