# SPDX-License-Identifier: Apache-2.0
"""The address that a log listens on, as an operator gives it."""

import socket

from keystead.encoding.decimal import parse_decimal
from keystead.errors import ParseError, UsageError
from keystead_server.frontend.process import listening_socket

__all__ = ["bind_address"]


def bind_address(listen: str) -> socket.socket:
    """A socket that listens there, once it is told to; front ends can listen beside it.

    Args:
        listen: HOST:PORT.

    Raises:
        UsageError: it is no address, or cannot be listened on.
    """
    host, _, port = listen.rpartition(":")
    try:
        number = parse_decimal(port, "the port", 65535)
        if not host:
            raise UsageError(f"--listen {listen!r} has no host: give HOST:PORT, such as 127.0.0.1:8470")
        host = host.strip("[]")
        bound = listening_socket(host, number)
    except ParseError as error:
        raise UsageError(
            f"--listen {listen!r} is no address: give HOST:PORT, such as 127.0.0.1:8470"
        ) from error
    except OSError as error:
        raise UsageError(
            f"{listen} cannot be listened on ({error.strerror or error}): is another server running there?"
        ) from error
    return bound
