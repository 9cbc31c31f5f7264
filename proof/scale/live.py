"""The whole live platform with many symbols: messages, delays, processors and memory, and whether nothing is lost.

Symbols times speed is the load. Where a delay grows as long as one looks, that load is more than the machine carries;
what a message costs in processor time says where that begins on another one.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import dagster as dg
import msgspec

from crypto_assets.config import Exchange, Settings
from crypto_assets.live.account import await_accounts, exchange_now
from crypto_assets.live.evidence import days_of, first_whole_minute
from crypto_assets.live.flush import flush_bronze
from crypto_assets.live.ledger import read_gaps
from crypto_assets.live.memory import Sample, sample_memory
from crypto_assets.live.platform import Platform, own_platform
from crypto_assets.spans import Span
from proof.scale.delays import Delay, Delays, RedisLook, behind
from proof.scale.figures import Figure, publish
from proof.scale.watching import Cost, Watch
from resources.services.service import ALWAYS
from sensors.bronze_flush import NAME as FLUSH

KNOWN = (
    *("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "DOT"),
    *("AVAX", "TRX", "MATIC", "UNI", "ATOM", "ETC", "XLM", "FIL", "APT", "NEAR"),
)
LOADS = ((20, 1.0),)
MINUTES = 10.0
LOOK_S, BEAT_S, MEMORY_S = 0.1, 2.0, 15.0
FIRST_S, WELL_S, SETTLE_S = 300.0, 600.0, 600.0
TITLE = "The live platform"


class Carried(msgspec.Struct, frozen=True):
    """One load, as it was carried."""

    symbols: int
    speed: float
    seconds: float
    messages: float
    """That the collector took meanwhile."""
    rows: float
    """That PostgreSQL got meanwhile."""
    figures: dict[str, dict[str, float]]
    """What collector and processor counted, at the end."""
    delays: dict[str, Delay]
    costs: dict[str, Cost]
    """Of each service, over that time."""
    gaps: int
    settled: bool
    """Whether the account holds: every trade once in each place."""
    trades: int
    differences: tuple[str, ...]
    flushes_s: tuple[float, ...]
    """How long each run of the daemon took that brought all symbols to bronze."""

    @property
    def name(self) -> str:
        """Of the column."""
        return f"{self.symbols} symbols × {self.speed:g}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Loads, and how long each is looked at."""
    parser.add_argument("--loads", nargs="+", type=_load, default=LOADS, help="such as 20 (symbols) or 20x4 (speed)")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each load")


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Carry each load on a platform of its own, and tell."""
    found: list[Carried] = []
    for symbols, speed in options.loads:
        found.append(carry(folder, symbols=symbols, speed=speed, minutes=options.minutes))
        publish("live", TITLE, figures(found), found, folder=folder)


def carry(folder: Path, *, symbols: int, speed: float, minutes: float) -> Carried:
    """Start a platform, look on, take the account, and end it; its data are deleted."""
    settings = Settings(  # pyright: ignore[reportCallIssue]
        data_dir=folder, symbols=names_of(symbols), exchange=Exchange.SIMULATOR
    )
    platform = own_platform(settings, folder="platform", names=ALWAYS, speed=speed)
    try:
        platform.await_well(deadline_s=WELL_S)
        return _look_on(platform, minutes=minutes)
    finally:
        platform.stop()
        shutil.rmtree(platform.settings.data_dir, ignore_errors=True)


def names_of(symbols: int) -> tuple[str, ...]:
    """So many symbols; the simulator has a market for any name."""
    more = (f"COIN{number}" for number in range(len(KNOWN), symbols))
    return tuple(f"{base}USDT" for base in [*KNOWN[:symbols], *more])


def figures(found: Sequence[Carried]) -> list[Figure]:
    """A line for each thing, a column for each load."""
    places = list(dict.fromkeys(place for one in found for place in one.delays))
    services = list(dict.fromkeys(name for one in found for name in one.costs))

    def line(what: str, values: Iterator[float | str], unit: str = "") -> Figure:
        return Figure(what, dict(zip((one.name for one in found), values, strict=True)), unit)

    def cost(one: Carried, service: str) -> Cost:
        return one.costs.get(service, Cost())

    return [
        line("messages into Kafka", (one.messages / one.seconds for one in found), "a second"),
        line("rows into PostgreSQL", (one.rows / one.seconds for one in found), "a second"),
        *(line(f"delay to {place}, p50 / p99", (_delay(one, place) for one in found), "s") for place in places),
        line("processors, all", (100 * sum(c.cpu_s for c in one.costs.values()) / one.seconds for one in found), "%"),
        *(line(f"  {name}", (100 * cost(one, name).cpu_s / one.seconds for one in found), "%") for name in services),
        line(
            "processor time of a message",
            (1e3 * sum(c.cpu_s for c in one.costs.values()) / max(1.0, one.messages) for one in found),
            "ms",
        ),
        *(line(f"memory, {name}", (cost(one, name).peak_mb for one in found), "MB") for name in services),
        line("a flush of all symbols, longest", (max(one.flushes_s, default=0.0) for one in found), "s"),
        line("gaps in the ledger", (one.gaps for one in found)),
        line("trades accounted for", (one.trades for one in found)),
        line("the account", ("holds" if one.settled else "DOES NOT HOLD" for one in found)),
    ]


def _look_on(platform: Platform, *, minutes: float) -> Carried:
    settings, speed = platform.settings, platform.settings.simulator_speed
    since = first_whole_minute(settings, deadline_s=FIRST_S)
    delays, memory = Delays(), list[Sample]()
    before, begin = _counted(platform), time.monotonic()
    with Watch(lambda: dict(platform.processes()), since_now=True) as watch:
        _sample(platform, delays, memory, until=begin + minutes * 60)
        seconds, after = time.monotonic() - begin, _counted(platform)
        costs = watch.costs()
    for name, cost in costs.items():
        cost.peak_mb = max((sample.mb for sample in memory if sample.program == name), default=0.0)
    span = Span(since, exchange_now(settings).replace(second=0, microsecond=0))
    accounts = await_accounts(
        settings, span=span, deadline_s=SETTLE_S, prepare=lambda: flush_bronze(platform, days_of(span))
    )
    return Carried(
        symbols=len(settings.symbols),
        speed=speed,
        seconds=seconds,
        messages=after[0] - before[0],
        rows=after[1] - before[1],
        figures={name: dict(beat.figures) for name in ("collector", "processor") if (beat := platform.heartbeat(name))},
        delays=delays.all(),
        costs=costs,
        gaps=len(read_gaps(settings)),
        settled=all(account.holds for account in accounts),
        trades=sum(account.ids for account in accounts),
        differences=tuple(sentence for account in accounts for sentence in account.differences)[:20],
        flushes_s=tuple(_flushes(platform)),
    )


def _sample(platform: Platform, delays: Delays, memory: list[Sample], *, until: float) -> None:
    """Look at Redis often, at heartbeats as often as they come, and at memory now and then."""
    settings, speed = platform.settings, platform.settings.simulator_speed
    look, next_beat, next_memory = RedisLook(settings), 0.0, 0.0
    while (at := time.monotonic()) < until:
        if speed == 1:
            delays.note("Redis (ticker)", look.new())
        if at >= next_beat:
            next_beat = at + BEAT_S
            _note_beats(platform, delays, now=exchange_now(settings), speed=speed)
        if at >= next_memory:
            next_memory = at + MEMORY_S
            memory += sample_memory(platform.processes(), at_s=at)
        time.sleep(LOOK_S)


def _note_beats(platform: Platform, delays: Delays, *, now: datetime, speed: float) -> None:
    collector, processor = platform.heartbeat("collector"), platform.heartbeat("processor")
    if speed == 1 and collector is not None:
        delays.note("Kafka", (s.lag_s for s in collector.streams if s.lag_s is not None))
    if speed == 1 and processor is not None:
        delays.note("PostgreSQL", (s.lag_s for s in processor.streams if s.lag_s is not None))
    delays.note("Kafka (order book, heartbeat included)", behind(collector, topic="orderbook", now=now, speed=speed))
    delays.note("PostgreSQL (ticker, heartbeat included)", behind(processor, topic="tickers", now=now, speed=speed))


def _counted(platform: Platform) -> tuple[float, float]:
    """Messages of the collector and rows of the processor since their start."""
    collector, processor = platform.heartbeat("collector"), platform.heartbeat("processor")
    messages = sum(stream.messages for stream in collector.streams) if collector else 0
    rows = sum(stream.messages for stream in processor.streams) if processor else 0
    return float(messages), float(rows)


def _flushes(platform: Platform) -> Iterator[float]:
    with dg.DagsterInstance.from_config(platform.environment["DAGSTER_HOME"]) as instance:
        for record in instance.get_run_records(dg.RunsFilter(job_name=FLUSH, statuses=[dg.DagsterRunStatus.SUCCESS])):
            if record.start_time and record.end_time:
                yield record.end_time - record.start_time


def _delay(carried: Carried, place: str) -> str:
    delay = carried.delays.get(place)
    if delay is None:
        return ""
    return f"{delay.p50_s:,.3f} / {delay.p99_s:,.3f}{' and grows' if delay.grows else ''}"


def _load(text: str) -> tuple[int, float]:
    symbols, _, speed = text.partition("x")
    return int(symbols), float(speed or 1)
