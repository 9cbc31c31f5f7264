"""One day through HDFS, Spark, PostgreSQL, S3, Redshift, Hive and a spreadsheet, in one process.

    python -m crypto_assets.demo.batch 2026-11-20 BTCUSDT ETHUSDT

Candles and trades of the day are in the lake already. Standard output carries events for the parent, like that of
`runs.worker`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date

import dagster as dg

from crypto_assets.config import read_settings
from crypto_assets.demo.tally import count_everywhere
from crypto_assets.demo.trades import fill_trades
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import WholeDay, range_tags
from crypto_assets.runs.events import Doing, Failed, Order
from crypto_assets.runs.stages import ARCHIVE, Stage
from crypto_assets.runs.worker import keep_output_for_events, run_order, tell
from crypto_assets.runs.workers import Worker, orders_of
from resources.postgres import PostgresResource
from resources.services.service import Name
from resources.spark import SparkResource

NEEDED: tuple[Name, ...] = ("postgres", "namenode", "datanode", "s3", "redshift", "sheets")
WRITTEN_OF_A_DAY = 9
"""Materializations of the jobs warehouse, six, and share, three."""


def worker_of_day(symbols: Sequence[str], day: date) -> Worker:
    """The program that takes a day of the symbols through the batch systems."""
    written = len(ARCHIVE) * len(symbols) + WRITTEN_OF_A_DAY
    return Worker(f"{day}", ("crypto_assets.demo.batch", f"{day}", *symbols), written)


def orders_before(symbols: Sequence[str], day: date) -> list[Order]:
    """Runs that need no trades in PostgreSQL."""
    return [order for symbol in symbols for order in orders_of(symbol, [Stage(ARCHIVE, day, day, job="archive")])]


def orders_after(day: date) -> list[Order]:
    """Runs of the day's trades: all that the jobs have."""
    whole = WholeDay(day)
    return [Order(job, (), range_tags(whole, whole)) for job in ("warehouse", "share")]


def main() -> None:
    """Run until something fails; exit 1 then."""
    keep_output_for_events()
    from crypto_assets.definitions import defs

    day, symbols = date.fromisoformat(sys.argv[1]), sys.argv[2:]
    definitions = defs()
    with dg.DagsterInstance.get() as instance:

        def succeed(orders: Sequence[Order]) -> None:
            for order in orders:
                if not run_order(order, definitions=definitions, instance=instance):
                    sys.exit(1)

        try:
            tell(Doing("starting Spark"))
            _ = SparkResource().hive_session  # with Hive from the start: it would be started again for it
            succeed(orders_before(symbols, day))
            tell(Doing("trades into PostgreSQL"))
            fill_trades(PostgresResource(), Lake(read_settings().lake), symbols, day)
            succeed(orders_after(day))
            tell(Doing("counting"))
            for held in count_everywhere(symbols, day):
                tell(held)
        except CryptoAssetsError as error:
            tell(Failed("batch", str(error)))
            sys.exit(1)


if __name__ == "__main__":
    main()
