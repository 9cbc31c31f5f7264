"""Ports of this machine that a server can listen on, and keep."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

FIRST_PORT = 20_000
LAST_PORT = 32_000
"""Below the ports that Linux gives to outgoing connections: one of those may be given away before the server that it
was drawn for listens there; and while a server is down, its clients that try to connect could be given its port, and
even connect to themselves."""


def is_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def draw_port(*, host: str = "127.0.0.1", avoid: Collection[int] = ()) -> int:
    """A free port in [FIRST_PORT, LAST_PORT) that is not among those to avoid."""
    candidates = random.SystemRandom().sample(range(FIRST_PORT, LAST_PORT), k=LAST_PORT - FIRST_PORT)
    return next(port for port in candidates if port not in avoid and is_free(port, host=host))
