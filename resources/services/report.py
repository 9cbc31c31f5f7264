"""Services as people see them: what runs, and what flows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from crypto_assets.spans import from_us
from crypto_assets.stream.heartbeat import Heartbeat, StreamState
from resources.services.manager import ServiceStatus

COLUMNS = ("service", "state", "address", "pid", "since", "msg/s", "lag", "last event")
NUMBERS = ("pid", "msg/s", "lag")
COLOURS = {"running": "green", "elsewhere": "green", "flowing": "green", "on demand": "", "down": "yellow", "quiet": ""}
QUIET_AFTER = timedelta(seconds=60)
"""Without a message for so long a stream is called quiet; only its own normal pace tells whether that is a failure."""


def status_table(statuses: Sequence[ServiceStatus], *, now: datetime) -> Table:
    """A row for each service, and under each program of the stream one for each topic."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in COLUMNS:
        wraps = title == "address"  # sentences stand there too, and would take the width of all else
        table.add_column(
            title,
            justify="right" if title in NUMBERS else "left",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
        )
    for status in statuses:
        table.add_row(
            status.name,
            _coloured(status.state),
            escape(status.address or status.detail or (status.beat.detail if status.beat else "")),
            str(status.pid or ""),
            f"{status.since:%Y-%m-%d %H:%M:%S}" if status.since else "",
        )
        for topic, streams in _topics(status.beat):
            table.add_row(*_topic_row(topic, streams, now=now))
    return table


def silent_streams(statuses: Iterable[ServiceStatus]) -> list[StreamState]:
    """Streams that are quiet for longer than is normal for them."""
    return [stream for status in statuses if status.beat for stream in status.beat.streams if stream.silent]


def _topics(beat: Heartbeat | None) -> list[tuple[str, list[StreamState]]]:
    streams = sorted(beat.streams if beat else (), key=lambda stream: stream.topic)
    return [(topic, list(of_topic)) for topic, of_topic in groupby(streams, key=lambda stream: stream.topic)]


def _topic_row(topic: str, streams: list[StreamState], *, now: datetime) -> tuple[str, ...]:
    """Rates add up, of lags the longest counts, of events the newest."""
    symbols = sorted({stream.symbol for stream in streams})
    silent = sorted({stream.symbol for stream in streams if stream.silent})
    received = max((stream.last_received_us or 0 for stream in streams), default=0)
    state = "quiet" if now - from_us(received) > QUIET_AFTER else "flowing"
    lags = [stream.lag_s for stream in streams if stream.lag_s is not None]
    events = [stream.last_event_us for stream in streams if stream.last_event_us is not None]
    return (
        "",
        f"[red]silent[/] {' '.join(silent)}" if silent else _coloured(state),
        f"{topic}, {len(symbols)} {'symbol' if len(symbols) == 1 else 'symbols'}",
        "",
        "",
        f"{sum(stream.rate for stream in streams):.1f}",
        f"{max(lags):.2f} s" if lags else "",
        f"{from_us(max(events)).astimezone(UTC):%Y-%m-%d %H:%M:%S}" if events else "",
    )


def _coloured(state: str) -> str:
    colour = COLOURS.get(state, "red")
    return f"[{colour}]{state}[/]" if colour else state
