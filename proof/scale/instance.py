"""An instance of Dagster with tens of thousands of partitions: pages, ticks, what reads it, and how its log grows.

It is filled by Dagster's own runs (`proof.scale.filling`), in SQLite as by default and in PostgreSQL as a deployment
has it. Then each question is asked twice: what the first has to work out is often kept.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import msgspec

from bench.workspace import write_archive
from crypto_assets.config import Exchange, Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.partitions import DaySymbol
from crypto_assets.runs.events import Order
from proof.scale import backfill
from proof.scale.asking import Asked, ask
from proof.scale.event_log import EventLog
from proof.scale.figures import Figure, publish
from proof.scale.filling import Told, days_for, fill, flush_of, stand_ins, told_by, years_of
from proof.scale.pages import Visited, visit_pages
from proof.scale.questions import ask_all
from proof.scale.storages import STORAGES, Storage
from proof.scale.watching import Cost

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
PARTITIONS, FLUSHES = 40_000, 200
SEED_DAYS = 2
SHOWN = "silver_klines_1m"
TITLE = "An instance of many partitions"


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
    years: Grown
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
        line("asset partitions", lambda one: one.years.partitions),
        line("  filling them", lambda one: one.years.cpu_s, "s of processor time"),
        line("rows of an asset partition", lambda one: added(one.years.log, one.empty, one.years.partitions)[0]),
        line("bytes of it", lambda one: added(one.years.log, one.empty, one.years.partitions)[1], "kB"),
        line("rows of a flush", lambda one: added(one.flushes.log, one.years.log, one.flushes.runs)[0]),
        line("bytes of it", lambda one: added(one.flushes.log, one.years.log, one.flushes.runs)[1], "kB"),
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
    graph = stand_ins(told, days, real=build_definitions(settings))
    flush = flush_of(days, last, told=told)
    with dg.DagsterInstance.from_config(str(storage.home)) as instance:

        def grow(orders: Sequence[Order]) -> Grown:
            done = ask("fill", lambda: fill(orders, definitions=graph, instance=instance))
            partitions = sum(
                len(order.assets) * len(days.of_run(order.tags, now=datetime.now(UTC))) for order in orders
            )
            return Grown(len(orders), partitions, done.wall_s, done.cpu_s, storage.log())

        instance.get_runs(limit=1)  # makes the tables
        empty = storage.log()
        years = grow([years_of(symbol, days.first_day, last, told=told) for symbol in days.symbols])
        flushes = grow([flush] * options.flushes)
        change = lambda: fill([flush], definitions=graph, instance=instance)  # noqa: E731
        asked = tuple(ask_all(instance, settings, change=change))
    materialized = len(days.symbols) * ((last - days.first_day).days + 1)
    visited, server = (), Cost()
    if not options.no_pages:
        visited, server = visit_pages(storage.home, asset=SHOWN, materialized=materialized)
    return Instance(name, empty, years, flushes, asked, visited, server)


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
