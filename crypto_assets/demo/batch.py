"""One day through HDFS, Spark, PostgreSQL, S3, Redshift, Hive and a spreadsheet, in one process.

    python -m crypto_assets.demo.batch 2026-11-20 BTCUSDT ETHUSDT

Candles and trades of the day are in the lake already. Standard output carries events for the parent, as `worker` does.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from datetime import date

import dagster as dg

from crypto_assets.archive.landing import NAME as HDFS_KLINES_1S
from crypto_assets.archive.raw import NAME as RAW_KLINES_1S
from crypto_assets.config import read_settings
from crypto_assets.demo.events import Doing, Failed, Order
from crypto_assets.demo.tally import count_everywhere
from crypto_assets.demo.trades import fill_trades
from crypto_assets.demo.worker import run_order, tell
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition, WholeDay, range_tags
from crypto_assets.schemas import KLINES_1S
from resources.postgres import PostgresResource
from resources.services.service import Name
from resources.spark import SparkResource

NEEDED: tuple[Name, ...] = ("postgres", "namenode", "datanode", "s3", "redshift", "sheets")
ARCHIVE = (RAW_KLINES_1S, HDFS_KLINES_1S, KLINES_1S.name)
WRITTEN_OF_A_DAY = 9
"""Materializations of the jobs warehouse, six, and share, three."""


def orders_before(symbols: Sequence[str], day: date) -> list[Order]:
    """Runs that need no trades in PostgreSQL."""
    return [_order("archive", Partition(symbol, day), ARCHIVE) for symbol in symbols]


def orders_after(day: date) -> list[Order]:
    """Runs of the day's trades."""
    return [_order(job, WholeDay(day)) for job in ("warehouse", "share")]


def materializations(symbols: Sequence[str]) -> int:
    """How many the program tells of."""
    return len(ARCHIVE) * len(symbols) + WRITTEN_OF_A_DAY


def main() -> None:
    """Run until something fails; exit 1 then."""
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


def _order(job: str, partition: Partition | WholeDay, assets: Sequence[str] = ()) -> Order:
    return Order(str(uuid.uuid4()), job, tuple(assets), range_tags(partition, partition))


if __name__ == "__main__":
    main()
