"""Services as people see them: what starts, what runs, what flows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.table import Table

from crypto_assets.spans import from_us
from crypto_assets.stream.heartbeat import STALE_AFTER_S, Heartbeat, StreamState
from resources.services.manager import ServiceStatus

COLOURS = {"running": "green", "elsewhere": "green", "down": "yellow"}


def status_table(statuses: Sequence[ServiceStatus], *, now: datetime) -> Table:
    """A row for each service, and under collector and processor one for each stream."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("service", "state", "address", "pid", "since", "msg/s", "lag", "last event"):
        table.add_column(title, justify="right" if title in ("pid", "msg/s", "lag") else "left")
    for status in statuses:
        colour = COLOURS.get(status.state, "red")
        table.add_row(
            status.name,
            f"[{colour}]{status.state}[/]",
            status.address or status.detail or _words(status.beat),
            str(status.pid or ""),
            f"{status.since:%Y-%m-%d %H:%M:%S}" if status.since else "",
        )
        if status.beat and status.state in ("running", "elsewhere", "does not answer"):
            for stream in sorted(status.beat.streams, key=lambda stream: (stream.topic, stream.symbol)):
                table.add_row(*_stream_row(stream, now=now))
    return table


def _words(beat: Heartbeat | None) -> str:
    return f"{beat.state} {beat.detail}".strip() if beat and beat.detail else ""


def _stream_row(stream: StreamState, *, now: datetime) -> tuple[str, ...]:
    received = from_us(stream.last_received_us) if stream.last_received_us is not None else None
    quiet = stream.silent or received is None or now - received > timedelta(seconds=STALE_AFTER_S)
    state = "[red]silent[/]" if stream.silent else "quiet" if quiet else "flowing"
    event = f"{from_us(stream.last_event_us).astimezone(UTC):%Y-%m-%d %H:%M:%S}" if stream.last_event_us else ""
    lag = "" if stream.lag_s is None else f"{stream.lag_s:.2f} s"
    return ("", state, f"  {stream.topic} {stream.symbol}", "", "", f"{stream.rate:.1f}", lag, event)
