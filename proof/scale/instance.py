"""An instance of Dagster with tens of thousands of partitions: pages, ticks, what reads it, and how its log grows.

It is filled by Dagster's own runs (`proof.scale.filling`) and, for the years before them, at once (`proof.scale.bulk`):
in SQLite as by default, in PostgreSQL as a deployment has it. Then each question is asked twice: what the first has to
work out is often kept.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec

from bench.workspace import write_archive
from crypto_assets.config import Exchange, Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.runs.events import Order
from proof.scale import backfill
from proof.scale.asking import Asked, ask
from proof.scale.bulk import tell_at_once
from proof.scale.event_log import EventLog
from proof.scale.figures import Figure, publish
from proof.scale.filling import Told, days_for, fill, flush_of, stand_ins, told_by, years_of
from proof.scale.pages import Visited, visit_pages
from proof.scale.questions import ask_all
from proof.scale.storages import STORAGES, Storage
from proof.scale.watching import Cost

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
PARTITIONS, FLUSHES = 40_000, 10
SEED_DAYS = 2
SHOWN = "silver_klines_1m"
TITLE = "An instance of many partitions"


TOLD_BY_RUNS = 10
"""Days, the newest, that runs over them tell of; those before them are told at once."""


class Grown(msgspec.Struct, frozen=True):
    """What some runs added."""

    runs: int
    partitions: int
    """Asset partitions that they told of."""
    wall_s: float
    cpu_s: float
    log: EventLog
    """As it was after them."""


class Instance(msgspec.Struct, frozen=True):
    """One storage, filled and asked."""

    storage: str
    empty: EventLog
    ranges: Grown
    """After runs over ranges of days."""
    full: EventLog
    """With all partitions."""
    partitions: int
    flushes: Grown
    asked: tuple[Asked, ...]
    visited: tuple[Visited, ...]
    server: Cost
    """The web server's, with its code location, over all visits."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """How much, and where."""
    parser.add_argument("--partitions", type=int, default=PARTITIONS, help="materialized asset partitions, or more")
    parser.add_argument("--flushes", type=int, default=FLUSHES, help="further runs, such as a flush of the streams")
    parser.add_argument("--storages", nargs="+", choices=list(STORAGES), default=list(STORAGES))
    parser.add_argument("--batch", type=int, default=0, help="events that Dagster writes at once; PostgreSQL can")
    parser.add_argument("--no-pages", action="store_true", help="without web server and browser")


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Fill and ask each storage, and tell."""
    told = _told(folder)
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = str(options.batch)
    today = datetime.now(UTC).date()
    first, last = days_for(options.partitions, symbols=len(SYMBOLS), assets=len(told), until=today)
    found: list[Instance] = []
    for name in options.storages:
        settings = _settings(folder / name, first)
        with STORAGES[name](settings) as storage:
            found.append(_measure(name, storage, settings, told, last=last, options=options))
        publish("instance", TITLE, figures(found), found, folder=folder)


def figures(found: Sequence[Instance]) -> list[Figure]:
    """A line for each thing, a column for each storage."""

    def line(what: str, of: Callable[[Instance], float | str], unit: str = "") -> Figure:
        return Figure(what, {one.storage: of(one) for one in found}, unit)

    def each(what: str, of: Callable[[Asked], float | str], unit: str) -> list[Figure]:
        return [
            line(f"{one.what}: {what}", lambda found, number=number: of(found.asked[number]), unit)
            for number, one in enumerate(found[0].asked)
        ]

    def added(after: EventLog, before: EventLog, parts: int) -> tuple[float, float]:
        return (after.events - before.events) / parts, (after.bytes - before.bytes) / parts / 1e3

    return [
        line("asset partitions", lambda one: one.partitions),
        line("rows of one, made by a range", lambda one: added(one.ranges.log, one.empty, one.ranges.partitions)[0]),
        line("  bytes", lambda one: added(one.ranges.log, one.empty, one.ranges.partitions)[1], "kB"),
        line("  processor time", lambda one: 1e3 * one.ranges.cpu_s / one.ranges.partitions, "ms"),
        line("rows of a flush", lambda one: added(one.flushes.log, one.full, one.flushes.runs)[0]),
        line("  bytes", lambda one: added(one.flushes.log, one.full, one.flushes.runs)[1], "kB"),
        line("  processor time", lambda one: 1e3 * one.flushes.cpu_s / one.flushes.runs, "ms"),
        line("all of the log", lambda one: one.flushes.log.bytes / 1e6, "MB"),
        *each("processor time", lambda one: one.cpu_s, "s"),
        *each("statements", lambda one: one.statements, ""),
        *(
            line(f"page, {one.what}", lambda found, number=number: found.visited[number].seconds, "s")
            for number, one in enumerate(found[0].visited)
        ),
        line("web server, processor time", lambda one: one.server.cpu_s, "s"),
        line("web server, memory", lambda one: one.server.peak_mb, "MB"),
    ]


def _measure(
    name: str, storage: Storage, settings: Settings, told: Sequence[Told], *, last: date, options: argparse.Namespace
) -> Instance:
    days = DaySymbol.of(settings)
    real = build_definitions(settings)
    graph = stand_ins(told, days, real=real)
    streams = stand_ins([replace(one, checks=()) for one in told], days, real=real)  # a flush checks nothing
    flush = flush_of(days, last, told=told)
    with dg.DagsterInstance.from_config(str(storage.home)) as instance:

        def grow(orders: Sequence[Order], definitions: dg.Definitions) -> Grown:
            done = ask("fill", lambda: fill(orders, definitions=definitions, instance=instance))
            partitions = sum(
                len(order.assets) * len(days.of_run(order.tags, now=datetime.now(UTC))) for order in orders
            )
            return Grown(len(orders), partitions, done.wall_s, done.cpu_s, storage.log())

        instance.get_runs(limit=1)  # makes the tables
        empty = storage.log()
        newest = max(days.first_day, last - timedelta(days=TOLD_BY_RUNS - 1))
        ranges = grow([years_of(symbol, newest, last, told=told) for symbol in days.symbols], graph)
        (run, *_) = instance.get_runs(limit=1)
        before = [
            Partition(symbol, days.first_day + timedelta(days=n))
            for symbol in days.symbols
            for n in range((newest - days.first_day).days)
        ]
        tell_at_once(instance, told, before, run_id=run.run_id)
        full = storage.log()
        flushes = grow([flush] * options.flushes, streams)
        change = lambda: fill([flush], definitions=streams, instance=instance)  # noqa: E731
        asked: list[Asked] = []
        for one in ask_all(instance, settings, change=change):
            asked.append(one)
            print(f"{name}: {one.what}: {one.cpu_s:.2f} s, {one.statements} statements, {one.answer}", flush=True)
    materialized = len(days.symbols) * ((last - days.first_day).days + 1)
    visited, server = (), Cost()
    if not options.no_pages:
        visited, server = visit_pages(storage.home, asset=SHOWN, materialized=materialized)
    return Instance(
        storage=name,
        empty=empty,
        ranges=ranges,
        full=full,
        partitions=materialized * len(told),
        flushes=flushes,
        asked=tuple(asked),
        visited=visited,
        server=server,
    )


def _told(folder: Path) -> list[Told]:
    """What is told of days that are really made, once for all storages."""
    recorded = folder / "recorded"
    if not recorded.is_dir():
        write_archive(recorded, first=backfill.FIRST, days=SEED_DAYS)
        backfill.fill(folder / "seed", days=SEED_DAYS, recorded=recorded)
    with dg.DagsterInstance.from_config(str(folder / "seed" / "dagster")) as instance:
        return told_by(instance)


def _settings(data_dir: Path, first: date) -> Settings:
    return Settings(  # pyright: ignore[reportCallIssue]
        data_dir=data_dir, symbols=SYMBOLS, partitions_start=first, exchange=Exchange.SIMULATOR
    )
