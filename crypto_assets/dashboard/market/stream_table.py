"""How each stream flows, as the heartbeats of its programs say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crypto_assets.dashboard import words
from crypto_assets.dashboard.flags import RED, TEAL
from crypto_assets.dashboard.market.tables import Cell, table
from crypto_assets.spans import from_us
from crypto_assets.stream.health import Health
from crypto_assets.stream.heartbeat import StreamState

HEAD = ("stream", "program", "state", "messages a second", "last event", "behind")


def stream_rows(found: Iterable[Health], *, symbol: str, now: datetime) -> str | None:
    """A table of the symbol's streams; None where no program says anything of one."""
    rows = [
        _row(health, stream, now=now)
        for health in found
        if health.beat is not None
        for stream in health.beat.streams
        if stream.symbol == symbol
    ]
    return table(HEAD, rows, label=f"streams of {symbol}") if rows else None


def _row(health: Health, stream: StreamState, *, now: datetime) -> list[Cell]:
    at = None if stream.last_event_us is None else from_us(stream.last_event_us)
    state, colour = ("flows", TEAL) if health.is_alive and not stream.silent else ("silent", RED)
    return [
        Cell(stream.topic),
        Cell(health.program),
        Cell(state if health.is_alive else health.state, colour=colour),
        Cell(f"{stream.rate:,.1f}", is_number=True),
        Cell(words.age(at, now=now), is_number=True),
        Cell("–" if stream.lag_s is None else f"{stream.lag_s * 1000:,.0f} ms", is_number=True),
    ]
