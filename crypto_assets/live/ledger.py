"""The gap ledger and the streams, as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, kafka_servers
from crypto_assets.spans import to_us
from crypto_assets.stream.gaps import Gap, read_ledger
from crypto_assets.stream.heartbeat import Heartbeat, StreamState

SHOWN_GAPS = 8


def read_gaps(settings: Settings) -> list[Gap]:
    """Every gap of the ledger as it stands now, in the order noticed; raises KafkaException."""
    return read_ledger(kafka_servers(settings), exchange_name(settings))


def print_gaps(console: Console, gaps: Sequence[Gap]) -> None:
    """How many gaps there are by state, and the last of them."""
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(Counter(gap.state for gap in gaps).items()))
    console.print(f"Gap ledger: {states or 'empty'}; {sum(gap.recovered for gap in gaps):,} rows came from REST")
    if not gaps:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("dataset", "symbol", "from", "to", "cause", "state"):
        table.add_column(name)
    table.add_column("rows", justify="right")
    for gap in gaps[-SHOWN_GAPS:]:
        start, end = f"{gap.start:%H:%M:%S}", f"{gap.end:%H:%M:%S}"
        table.add_row(gap.dataset, gap.symbol, start, end, gap.cause, gap.state, f"{gap.recovered:,}")
    console.print(table)


def print_streams(console: Console, beats: Sequence[Heartbeat | None], *, now: datetime, speed: float) -> None:
    """A line for each topic of a symbol of the programs that said something; `now` by the exchange's clock.

    What a stream is behind is the age of its newest event in seconds of the machine's clock, heartbeat included.
    """
    table = Table(title="Streams", title_justify="left", box=None, pad_edge=False)
    for name in ("program", "topic", "symbol"):
        table.add_column(name)
    for name in ("messages", "per second", "behind"):
        table.add_column(name, justify="right")
    for beat in beats:
        if beat is None:
            continue
        groups: dict[tuple[str, str], list[StreamState]] = {}
        for stream in beat.streams:
            groups.setdefault((stream.topic, stream.symbol), []).append(stream)
        for (topic, symbol), streams in groups.items():
            messages, rate = sum(s.messages for s in streams), sum(s.rate for s in streams)
            if messages:
                behind = _behind(streams, now=now, speed=speed)
                table.add_row(beat.program, topic, symbol, f"{messages:,}", f"{rate:,.1f}", behind)
    console.print(table)


def _behind(streams: Sequence[StreamState], *, now: datetime, speed: float) -> str:
    if any(stream.silent for stream in streams):
        return "silent"
    newest = max((stream.last_event_us for stream in streams if stream.last_event_us is not None), default=None)
    return "" if newest is None else f"{max(0.0, (to_us(now) - newest) / 1e6 / speed):,.1f} s"
