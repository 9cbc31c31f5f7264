"""Is anything lost? `python -m crypto_assets.live.account` asks every place, and exits 1 where they disagree."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import httpx
import psycopg2
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import exchange_urls
from crypto_assets.errors import ConfigurationError, CryptoAssetsError, InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.live.equation import Account, settle
from crypto_assets.live.evidence import HeldTrades, days_of, gather, newest_bronze_us, read_topic, whole_minutes
from crypto_assets.spans import MINUTE_US, Span, to_us

RETRY_S = 1.0
AWAY = (CryptoAssetsError, psycopg2.Error, KafkaException, httpx.HTTPError, OSError)
"""What asking a place raises while it is down."""


def take_accounts(settings: Settings, *, span: Span, symbols: Sequence[str] | None = None) -> list[Account]:
    """The equation of every symbol over a span of whole minutes, as of now.

    Raises one of AWAY where a place cannot be asked.
    """
    chosen = symbols or settings.symbols
    kafka = read_topic(settings, chosen)
    return [settle(gather(settings, symbol, span, kafka=kafka[symbol])) for symbol in chosen]


def await_accounts(
    settings: Settings,
    *,
    span: Span,
    deadline_s: float,
    prepare: Callable[[], None] = lambda: None,
    symbols: Sequence[str] | None = None,
) -> list[Account]:
    """The accounts once they hold; those of the last try where the deadline comes first.

    `prepare` runs before every try, such as a flush into bronze. Raises one of AWAY where that is what the last try
    met.
    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            prepare()
            accounts = take_accounts(settings, span=span, symbols=symbols)
            if all(account.holds for account in accounts) or time.monotonic() > end:
                return accounts
        except AWAY:
            if time.monotonic() > end:
                raise
        time.sleep(RETRY_S)


def settled_span(settings: Settings, *, since: datetime | None = None, until: datetime | None = None) -> Span:
    """Whole minutes from the first trade that Kafka holds to the last one that bronze holds, of the slowest symbol.

    `since` and `until` narrow it. Raises InputIncomplete where there is no whole minute yet, or one of AWAY.
    """
    kafka = read_topic(settings, settings.symbols)
    absent = [symbol for symbol, held in kafka.items() if not held.ids.size]
    if absent:
        raise InputIncomplete(f"Kafka holds no trade of {', '.join(absent)} yet; `make status` says what runs.")
    first_us = max(int(held.times_us.min()) for held in kafka.values())
    if since is not None:
        first_us = max(first_us, to_us(since))
    last_us = min(_newest_in_bronze(settings, symbol, held, first_us) for symbol, held in kafka.items())
    if until is not None:
        last_us = min(last_us, to_us(until))
    span = whole_minutes(first_us, last_us)
    if span.start == span.end:
        raise InputIncomplete(
            f"Bronze holds no whole minute after {span.start:%H:%M} yet. It is flushed every 5 minutes while the "
            "Dagster daemon runs; materialise bronze_trades and bronze_klines_1m to flush it now."
        )
    return span


def _newest_in_bronze(settings: Settings, symbol: str, held: HeldTrades, first_us: int) -> int:
    span = whole_minutes(int(held.times_us.min()), int(held.times_us.max()) + MINUTE_US)
    lake = Lake(settings.lake)
    newest = (newest_bronze_us(lake, symbol, day) for day in reversed(days_of(span)))
    return next((time_us for time_us in newest if time_us is not None), first_us)


def exchange_now(settings: Settings) -> datetime:
    """The exchange's clock; raises ExchangeError."""
    return SpotClient(exchange_urls(settings).spot_rest).server_time()


def print_accounts(console: Console, accounts: Sequence[Account]) -> None:
    """A line for each symbol, and below the table a sentence for everything that is not as it should be."""
    if not accounts:
        return
    table = Table(
        title=f"Trades of the whole minutes {accounts[0].span}, by id", title_justify="left", box=None, pad_edge=False
    )
    table.add_column("symbol")
    for name in ("trades", "repaired", *accounts[0].distinct, "in candles", "candles"):
        table.add_column(name, justify="right")
    table.add_column("")
    for account in accounts:
        figures = (account.ids, account.repaired, *account.distinct.values(), account.counted, account.candles)
        verdict = "equal" if account.holds else "DIFFERENT"
        table.add_row(account.symbol, *(f"{figure:,}" for figure in figures), verdict)
    console.print(table)
    for account in accounts:
        for sentence in account.differences:
            console.print(f"  {account.symbol}: {sentence}", markup=False)


def main() -> None:
    """Print the equation of every symbol; exit 1 where it does not hold, 2 where a place cannot be asked."""
    parser = argparse.ArgumentParser(prog="python -m crypto_assets.live.account", description=__doc__)
    parser.add_argument("--since", type=_moment, help="not before this moment, such as 2026-01-19T10:00")
    parser.add_argument("--until", type=_moment, help="not after this moment")
    options = parser.parse_args()
    console = Console(highlight=False)
    try:
        settings = read_settings()
        span = settled_span(settings, since=options.since, until=options.until)
        accounts = take_accounts(settings, span=span)
    except ConfigurationError as error:
        sys.exit(str(error))
    except AWAY as error:
        print(f"The account cannot be taken now: {error}", file=sys.stderr)
        sys.exit(2)
    print_accounts(console, accounts)
    if not all(account.holds for account in accounts):
        sys.exit(1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
