"""Pages that a program serves as long as a person wants them: the port they get, and when they answer."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable

import httpx

POLL_S = 0.1


def port_to_serve(host: str, *, wanted: int, target: str) -> int:
    """The wanted port, a free one for 0; ends the program with a sentence where it cannot be listened on.

    `target` is the one of make that the sentence names.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            sys.exit(f"{host}:{wanted} cannot be listened on: {reason}. Try: make {target} ARGS='--port 0'")
        return probe.getsockname()[1]


def wait_until_served(url: str, *, ended: Callable[[], str | None]) -> str | None:
    """None once the address answers well; before that what `ended` says, if it says something."""
    while (name := ended()) is None:
        try:
            if httpx.get(url).is_success:
                return None
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(POLL_S)
    return name
