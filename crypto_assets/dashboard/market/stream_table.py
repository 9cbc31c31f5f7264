"""How each stream flows, as the heartbeats of its programs say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from crypto_assets.dashboard import words
from crypto_assets.dashboard.flags import RED, TEAL
from crypto_assets.dashboard.market.tables import Cell, table
from crypto_assets.spans import from_us
from crypto_assets.stream.health import Health
from crypto_assets.stream.heartbeat import StreamState

HEAD = ("stream", "program", "state", "messages a second", "last event", "behind")


def stream_rows(found: Iterable[Health], *, symbol: str, now: datetime) -> str | None:
    """A table of the symbol's streams, those of one topic in one row; None where no program says anything of one."""
    rows = [
        _row(health, list(streams), now=now)
        for health in found
        if health.beat is not None
        for _, streams in groupby(_of(symbol, health.beat.streams), key=lambda stream: stream.topic)
    ]
    return table(HEAD, rows, label=f"streams of {symbol}") if rows else None


def _of(symbol: str, streams: Iterable[StreamState]) -> list[StreamState]:
    return sorted((stream for stream in streams if stream.symbol == symbol), key=lambda stream: stream.topic)


def _row(health: Health, streams: Sequence[StreamState], *, now: datetime) -> list[Cell]:
    """The last event of any of them, and the worst of all else: a candle of a second hides no silent one of a day."""
    last_us = max((stream.last_event_us for stream in streams if stream.last_event_us is not None), default=None)
    lag_s = max((stream.lag_s for stream in streams if stream.lag_s is not None), default=None)
    flows = health.is_alive and not any(stream.silent for stream in streams)
    state, colour = ("flows", TEAL) if flows else ("silent", RED)
    many = f" ({len(streams)} streams)" if len(streams) > 1 else ""
    return [
        Cell(f"{streams[0].topic}{many}"),
        Cell(health.program),
        Cell(state if health.is_alive else health.state, colour=colour),
        Cell(f"{sum(stream.rate for stream in streams):,.1f}"),
        Cell(words.age(None if last_us is None else from_us(last_us), now=now)),
        Cell("–" if lag_s is None else f"{lag_s * 1000:,.0f} ms"),
    ]
