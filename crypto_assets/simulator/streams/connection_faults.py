"""Scripted faults of connections: those that strike whatever is open at the moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.stream_faults import ConnectionFault, Disconnect, ServerShutdown
from crypto_assets.simulator.streams.session import Session

_LOOK_S = 0.02  # between looks at the script


async def strike_connections(faults: FaultBook, sessions: Iterable[Session]) -> None:
    """Cut or close open connections as soon as the script says so, until cancelled."""
    while True:
        if faults.touches_streams:
            for number, fault in faults.connection_faults():
                _strike(faults, number, fault, sessions=[s for s in sessions if s.has_stream_of(fault)])
        await asyncio.sleep(_LOOK_S)


def _strike(faults: FaultBook, number: int, fault: ConnectionFault, *, sessions: list[Session]) -> None:
    if isinstance(fault, ServerShutdown):
        for session in sessions:
            if faults.use(number):
                session.shut_down(fault.notice_s)
        faults.end(number)
    elif isinstance(fault, Disconnect) and fault.after_messages is None:
        for session in sessions:
            if faults.use(number):
                session.abort()
        faults.end(number)
