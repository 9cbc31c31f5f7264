"""Trades recorded from the exchange, from PostgreSQL to Redshift, beside what the exchange published of their minutes.

Of BTCUSDT the archive's one-minute candles are there. Of ETHUSDT there are neither such files nor a kline stream among
the recordings: its minutes are compared with sums over the recorded messages, made here with Decimal and Fraction.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.partitions import WholeDay, range_tags
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.spans import Span, day_span
from crypto_assets_tests.assets.warehouse_world import SYMBOLS, WarehouseWorld, said

pytestmark = pytest.mark.usefixtures("one_spark")

MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)
DAYS = (date(2024, 8, 8), date(2024, 8, 9))
COMPLETE = {
    "BTCUSDT": Span(MIDNIGHT - timedelta(minutes=5), MIDNIGHT + timedelta(minutes=5)),
    "ETHUSDT": Span(MIDNIGHT - timedelta(minutes=5), MIDNIGHT),
}
"""Minutes that the recordings cover from end to end."""

CANDLE_OF = {
    **{"open": "open_price", "high": "max_price", "low": "min_price", "close": "close_price"},
    **{"volume": "total_quantity", "quote_volume": "total_trade_value", "count": "trade_count"},
    **{"taker_buy_volume": "taker_buy_quantity"},
}
"""Columns of a fact by those of a candle."""

type Message = dict[str, Any]


@pytest.fixture(scope="module")
def messages(real_data: Path) -> dict[str, list[Message]]:
    """Recorded trades of the complete minutes, by symbol, as the exchange sent them."""
    found: dict[str, list[Message]] = {}
    for symbol in SYMBOLS:
        for path in sorted((real_data / "recordings" / "spot").glob(f"{symbol.lower()}_*.gz")):
            for line in gzip.decompress(path.read_bytes()).splitlines():
                message = msgspec.json.decode(line.partition(b" ")[2])
                if message.get("stream", "").endswith("@trade") and complete(symbol, moment(message["data"])):
                    found.setdefault(symbol, []).append(message["data"])
    return found


@pytest.fixture(scope="module")
def published(real_data: Path) -> list[dict[str, Any]]:
    """The archive's candles of BTCUSDT, of those minutes."""
    folder = real_data / "archive" / "data" / "spot" / "daily" / "klines" / "BTCUSDT" / "1m"
    days = [
        parse_klines(folder / f"BTCUSDT-1m-{day}.zip", timeframe="1m", start=day_span(day).start, end=day_span(day).end)
        for day in DAYS
    ]
    rows = pa.concat_tables([day.rows for day in days]).sort_by("open_time").to_pylist()
    return [row for row in rows if complete("BTCUSDT", row["open_time"])]


def complete(symbol: str, time: datetime) -> bool:
    return COMPLETE[symbol].start <= time < COMPLETE[symbol].end


def moment(message: Message) -> datetime:
    return datetime.fromtimestamp(message["T"] / 1_000, UTC)


def summed(messages: list[Message]) -> list[dict[str, Any]]:
    """Candles of recorded messages, a minute each."""
    minutes: dict[datetime, list[Message]] = defaultdict(list)
    for message in messages:
        minutes[moment(message).replace(second=0, microsecond=0)].append(message)
    candles: list[dict[str, Any]] = []
    for minute, trades in sorted(minutes.items()):
        prices = [Decimal(trade["p"]) for trade in trades]
        quantities = [Decimal(trade["q"]) for trade in trades]
        values = [price * quantity for price, quantity in zip(prices, quantities, strict=True)]
        bought = [i for i, trade in enumerate(trades) if not trade["m"]]
        candles.append(
            {
                "open_time": minute,
                **{"open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1]},
                **{"volume": sum(quantities), "quote_volume": sum(values), "count": len(trades)},
                "taker_buy_volume": sum(quantities[i] for i in bought),
                "taker_buy_quote_volume": sum(values[i] for i in bought),
                "mean": Fraction(sum(map(Fraction, prices)), len(prices)),
            }
        )
    return candles


def publish_silver(world: WarehouseWorld, symbol: str, candles: list[dict[str, Any]]) -> None:
    """Candles as the cleaning leaves them, by day."""
    dataset = SILVER_KLINES["1m"]
    for day in DAYS:
        rows = [
            {**row, "close_time": row["open_time"] + timedelta(milliseconds=59_999), "flags": 0, "source": "archive"}
            for row in candles
            if row["open_time"].date() == day
        ]
        world.lake.publish(dataset, symbol, day, pa.Table.from_pylist(rows, schema=dataset.schema))


def facts_in_redshift(world: WarehouseWorld, symbol: str) -> list[dict[str, Any]]:
    columns = ["trade_minute", "avg_price", "vwap", *CANDLE_OF.values()]
    rows = world.redshift(f"SELECT {', '.join(columns)} FROM fact_trades WHERE symbol = '{symbol}' ORDER BY 1")
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_recorded_trades_are_in_redshift_what_the_exchange_published(
    make_warehouse_world: Callable[..., WarehouseWorld],
    messages: dict[str, list[Message]],
    published: list[dict[str, Any]],
    real_data: Path,
) -> None:
    world = make_warehouse_world(EXCHANGE="replay", REPLAY_URI=str(real_data))
    for symbol, trades in messages.items():
        world.put([(symbol, t["t"], moment(t), t["p"], t["q"], t["m"], "live", moment(t)) for t in trades])
    publish_silver(world, "BTCUSDT", published)
    publish_silver(world, "ETHUSDT", summed(messages["ETHUSDT"]))

    result = world.run(range_tags(*map(WholeDay, DAYS)))

    assert result.success, said(result)
    assert [e.description for e in result.get_asset_check_evaluations() if not e.passed] == []
    assert world.loaded_days() == {"2024-08-08": 10, "2024-08-09": 5}
    assert len(published) == 10
    for symbol, candles in (("BTCUSDT", published), ("ETHUSDT", summed(messages["ETHUSDT"]))):
        facts = facts_in_redshift(world, symbol)
        assert [fact["trade_minute"].replace(tzinfo=UTC) for fact in facts] == [c["open_time"] for c in candles]
        for theirs, ours in CANDLE_OF.items():
            assert [fact[ours] for fact in facts] == [candle[theirs] for candle in candles], (symbol, ours)
        for fact, minute in zip(facts, summed(messages[symbol]), strict=True):
            assert abs(Fraction(fact["avg_price"]) - minute["mean"]) <= Fraction(1, 2 * 10**18)
            vwap = Fraction(minute["quote_volume"]) / Fraction(minute["volume"])
            assert abs(Fraction(fact["vwap"]) - vwap) <= Fraction(1, 2 * 10**18)


def test_one_recorded_trade_that_was_lost_keeps_its_day_from_redshift(
    make_warehouse_world: Callable[..., WarehouseWorld],
    messages: dict[str, list[Message]],
    published: list[dict[str, Any]],
    real_data: Path,
) -> None:
    world = make_warehouse_world(EXCHANGE="replay", REPLAY_URI=str(real_data), SYMBOLS="BTCUSDT")
    kept = messages["BTCUSDT"][:-1]
    world.put([("BTCUSDT", t["t"], moment(t), t["p"], t["q"], t["m"], "live", moment(t)) for t in kept])
    publish_silver(world, "BTCUSDT", published)

    result = world.run(range_tags(*map(WholeDay, DAYS)))

    assert not result.success
    assert world.loaded_days() == {"2024-08-08": 5}
    assert "2024-08-09" in said(result)
    assert "BTCUSDT 00:04" in said(result)
