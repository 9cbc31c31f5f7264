"""Where processes listen."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil


def open_to_others(processes: Iterable[psutil.Process]) -> list[str]:
    """Sockets of these processes that another machine could reach: the program, the address and the port."""
    return sorted(
        f"{name} at {address}:{port}"
        for name, address, port in listening(processes)
        if not ipaddress.ip_address(address).is_loopback
    )


def listening(processes: Iterable[psutil.Process]) -> Iterator[tuple[str, str, int]]:
    """Program, address and port of each socket that takes connections or datagrams of anybody."""
    for process in processes:
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            for socket in process.net_connections(kind="inet"):
                if socket.status == psutil.CONN_LISTEN and socket.laddr:
                    yield process.name(), socket.laddr.ip.removeprefix("::ffff:"), socket.laddr.port


def with_children(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
