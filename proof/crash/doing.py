"""How a unit of work is done, in the process that it has for itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from crypto_assets.config import Settings, read_settings
from crypto_assets.demo.trades import fill_trades
from crypto_assets.errors import InputIncomplete
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.promoting import promote_or_say_why_not, read_judged
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.runs.events import Order
from crypto_assets.schemas import SILVER_KLINES
from proof.crash.work import FillPrices, FillTrades, Promote, Unit
from resources.exchange import exchange_now
from resources.postgres import PostgresResource

REASON = "The days are simulated, and forecasts of them are to be compared."


def do(unit: Unit) -> None:
    """Do it; ends the process with 1 where a run or a promotion does not succeed, else raises what went wrong."""
    match unit.task:
        case Order():
            _run(unit.task)
        case FillTrades(symbol, day):
            fill_trades(PostgresResource(), Lake(read_settings().lake), [symbol], day)
        case FillPrices():
            _fill_prices(PostgresResource(), Lake(read_settings().lake), unit.task)
        case Promote():
            _promote(read_settings(), unit.task)


def _run(order: Order) -> None:
    import dagster as dg

    from crypto_assets.definitions import defs
    from crypto_assets.runs.worker import run_order

    with dg.DagsterInstance.get() as instance:
        if not run_order(order, definitions=defs(), instance=instance):
            sys.exit(1)


def _fill_prices(postgres: PostgresResource, lake: Lake, task: FillPrices) -> None:
    columns = ["close_time", "close"]
    candles = lake.read(SILVER_KLINES["1m"], task.symbol, task.day, columns=columns)
    if candles is None:
        raise InputIncomplete(f"There are no candles of {task.symbol} {task.day}.")
    with postgres.transaction() as connection:
        upsert_rows(connection, RAW_PRICES, _prices(candles, symbol=task.symbol, exchange=postgres.exchange))


def _prices(candles: pa.Table, *, symbol: str, exchange: str) -> Iterator[tuple[Value, ...]]:
    for offset, (time, price) in enumerate(zip(*(column.to_pylist() for column in candles.columns), strict=True)):
        yield exchange, symbol, time, price, None, None, 0, offset, time


def _promote(settings: Settings, task: Promote) -> None:
    checkpoints, promotions = Checkpoints(settings.checkpoints), Promotions(settings.checkpoints)
    judged = read_judged(Lake(settings.lake), task.symbol, task.day, checkpoints=checkpoints, promotions=promotions)
    if judged is None:
        raise InputIncomplete(f"There is no evaluation of {task.symbol} {task.day}.")
    now = partial(exchange_now, settings, wall=datetime.now(UTC))
    decision = promote_or_say_why_not(judged, market_time=now, reason=REASON)
    if not decision.promoted:
        sys.exit(decision.sentence)
