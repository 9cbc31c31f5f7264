"""A live market through Kafka, Spark, Redis, PostgreSQL and the lake, one program killed on the way: `make live`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crypto_assets.config import read_settings
from crypto_assets.dagster_home import PROJECT
from crypto_assets.endpoints import exchange_name, postgres_url
from crypto_assets.errors import ConfigurationError
from crypto_assets.live.account import AWAY, await_accounts, exchange_now, print_accounts
from crypto_assets.live.equation import Account
from crypto_assets.live.evidence import count_messages, days_of, first_whole_minute
from crypto_assets.live.flush import FLUSHED, flush_bronze
from crypto_assets.live.ledger import print_gaps, print_streams, read_gaps
from crypto_assets.live.platform import Platform, own_platform
from crypto_assets.postgres.connection import transaction
from crypto_assets.postgres.summary import DailySummary, get_daily_summary, read_daily_summary
from crypto_assets.processes import end_on_signals
from crypto_assets.spans import Span
from crypto_assets.stream.topics import TOPICS
from resources.services.board import Board
from resources.services.service import Name

TOURED: tuple[Name, ...] = ("postgres", "redis", "kafka", "simulator", "collector", "processor", "forecaster")
"""Without Dagster's daemon: the tour itself restarts what it kills, and flushes when it wants to look."""
VICTIM: Name = "collector"
AWAY_S = 3.0
SETTLE_S = 90.0
RECOVERY_S = 90.0
POLL_S = 0.5
WIDTH_OF_FILES = 110  # where output goes to no terminal that has a width


def main() -> None:
    """Let the market flow, break it, account for every trade; exit 1 where one is missing."""
    options = _parse_arguments()
    end_on_signals()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    try:
        platform = own_platform(read_settings(), folder="live", names=TOURED, speed=options.speed)
    except ConfigurationError as error:
        sys.exit(str(error))
    console.print(
        f"{', '.join(platform.settings.symbols)}: a simulated market, {options.speed:g} times as fast as the clock, "
        f"in {platform.settings.data_dir}",
        soft_wrap=True,
    )
    try:
        with Board(console) as board:
            platform.start(progress=board.tell)
        accounts = _tour(platform, console, seconds=options.seconds)
    except AWAY as error:
        sys.exit(f"The tour ended early: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What was written stays until the next tour.")
    finally:
        console.print("Stopping what was started")
        platform.stop()
    print_next_steps(console, platform)
    if not all(account.holds for account in accounts):
        sys.exit(1)


def _tour(platform: Platform, console: Console, *, seconds: float) -> list[Account]:
    settings = platform.settings
    since = first_whole_minute(settings, deadline_s=RECOVERY_S)
    _flow(platform, console, seconds=seconds / 2, title="The market flows")
    console.print(f"SIGKILL of the {VICTIM}, which is left dead for {AWAY_S:.0f} s")
    platform.kill([VICTIM])
    time.sleep(AWAY_S)
    took_s = platform.await_well(deadline_s=RECOVERY_S)
    console.print(f"It works again after {AWAY_S + took_s:.0f} s; what was missed is asked for over REST")
    _flow(platform, console, seconds=seconds / 2, title="The market flows on")

    span = Span(since, exchange_now(settings).replace(second=0, microsecond=0))
    console.print(f"Flushing {span} into bronze, as the sensor does every 5 minutes")
    flush = partial(flush_bronze, platform, days_of(span), datasets=FLUSHED)
    accounts = await_accounts(settings, span=span, deadline_s=SETTLE_S, prepare=flush)
    beats = [platform.heartbeat("collector"), platform.heartbeat("processor")]
    print_streams(console, beats, now=exchange_now(settings), speed=settings.simulator_speed)
    print_topics(console, count_messages(settings, TOPICS))
    print_summaries(console, *_summaries(platform, span.end))
    print_gaps(console, read_gaps(settings))
    print_accounts(console, accounts)
    return accounts


def _flow(platform: Platform, console: Console, *, seconds: float, title: str) -> None:
    """Look on while messages come in."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=seconds, figures="")
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            progress.update(task, completed=elapsed, figures=_rates(platform))
            time.sleep(POLL_S)
        progress.update(task, completed=seconds)


def _rates(platform: Platform) -> str:
    collector, processor = platform.heartbeat("collector"), platform.heartbeat("processor")
    if collector is None:
        return "no heartbeat"
    received = sum(stream.rate for stream in collector.streams)
    written = sum(stream.rate for stream in (processor.streams if processor else ()))
    return f"{received:,.0f} messages/s into Kafka, {written:,.0f} rows/s into PostgreSQL"


def _summaries(platform: Platform, moment: datetime) -> tuple[date, list[DailySummary]]:
    """What the stored procedure makes of the market's day so far."""
    day = moment.date()
    with transaction(postgres_url(platform.settings)) as connection:
        get_daily_summary(connection, day)
        return day, read_daily_summary(connection, day, exchange=exchange_name(platform.settings))


def print_summaries(console: Console, day: date, summaries: Sequence[DailySummary]) -> None:
    """A line for each symbol of a day."""
    table = Table(title=f"get_daily_summary('{day}')", title_justify="left", box=None, pad_edge=False)
    table.add_column("symbol")
    for name in ("open", "close", "min", "max", "avg", "prices"):
        table.add_column(name, justify="right")
    for s in summaries:
        prices = (f"{price:,.2f}" for price in (s.open, s.close, s.min, s.max, s.avg))
        table.add_row(s.symbol, *prices, f"{s.count:,}")
    console.print(table)


def print_topics(console: Console, messages: dict[str, int]) -> None:
    """How much Kafka holds."""
    held = ", ".join(f"{name} {count:,}" for name, count in messages.items() if count)
    console.print(f"In Kafka: {held}", soft_wrap=True)


def print_next_steps(console: Console, platform: Platform) -> None:
    """How to go on."""
    folder = platform.settings.data_dir
    place = folder.relative_to(PROJECT) if folder.is_relative_to(PROJECT) else folder
    console.print(f"What it wrote lies in {folder}. To let it run on: DATA_DIR={place} make up, then", soft_wrap=True)
    console.print("make status says how every stream flows; make ui shows streams, gaps and bronze in the graph")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make live ARGS='…'", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the market flows (default %(default)s)")
    parser.add_argument(
        "--speed", type=float, default=10.0, help="how much faster than the clock (default %(default)s)"
    )
    options = parser.parse_args()
    if options.speed <= 0 or options.seconds <= 0:
        parser.error("--seconds and --speed must be above 0")
    return options


if __name__ == "__main__":
    main()
