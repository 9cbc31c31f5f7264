"""Small tables that cleaning's tests start from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

from crypto_assets.cleaning.klines import CleanedKlines, clean_klines
from crypto_assets.schemas import BRONZE_KLINES, FLAGS, Dataset

DAY = datetime(2024, 8, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)

Row = dict[str, object]


def at(minute: float) -> datetime:
    """The moment so many minutes into the day."""
    return DAY + minute * MINUTE


def kline(minute: float, *, step: timedelta = MINUTE, **fields: object) -> Row:
    """A sound archive candle that opens so many minutes into the day; `fields` replace what it says."""
    open_time = at(minute)
    given: Row = {
        "open_time": open_time,
        "open": "100",
        "high": "102",
        "low": "99",
        "close": "101",
        "volume": "5",
        "close_time": open_time + step - MILLISECOND,
        "quote_volume": "500",
        "count": 7,
        "taker_buy_volume": "2",
        "taker_buy_quote_volume": "200",
    }
    return given | {"source": "archive", "received_at": DAY + timedelta(days=1)} | fields


def stored(dataset: Dataset, rows: Iterable[Mapping[str, object]]) -> pa.Table:
    """The rows as a table of the dataset; text becomes Decimal, absent columns null, the exchange `binance`."""
    schema = dataset.schema
    lines = [{"exchange": "binance", **row} for row in rows]
    columns = [pa.array([_value(line.get(field.name), field.type) for line in lines], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def bronze(rows: Iterable[Mapping[str, object]], *, timeframe: str = "1m") -> pa.Table:
    """Stored klines."""
    return stored(BRONZE_KLINES[timeframe], rows)


def clean(rows: Sequence[Row], *, minutes: float = 10, **options: object) -> CleanedKlines:
    """The rows cleaned as one-minute klines of the first `minutes` of the day."""
    return clean_klines(bronze(rows), timeframe="1m", start=DAY, end=at(minutes), **options)  # type: ignore[arg-type]


def flags_at(cleaned: CleanedKlines, minute: float) -> set[str]:
    """Names of the flags of the row that opens so many minutes into the day."""
    (row,) = [row for row in cleaned.table.to_pylist() if row["open_time"] == at(minute)]
    return {name for name, bit in FLAGS.items() if row["flags"] & bit}


@st.composite
def klines(draw: st.DrawFn, *, minutes: Iterable[int]) -> list[Row]:
    """A sound candle for each of the minutes, prices around 100, some without trades."""
    return [draw(_sound(minute)) for minute in minutes]


@st.composite
def _sound(draw: st.DrawFn, minute: int) -> Row:
    prices = sorted(draw(st.lists(st.decimals(95, 105, places=2), min_size=4, max_size=4)))
    opened, closed = draw(st.permutations(prices[1:3]))
    if draw(st.integers(0, 5)) == 0:
        flat = dict.fromkeys(("open", "high", "low", "close"), closed)
        nothing = dict.fromkeys(("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume"), 0)
        return kline(minute, **flat, **nothing)
    volume = draw(st.decimals("0.01", 10, places=5))
    return kline(
        minute,
        open=opened,
        high=prices[3],
        low=prices[0],
        close=closed,
        volume=volume,
        quote_volume=volume * 100,
        count=draw(st.integers(1, 99)),
        taker_buy_volume=volume / 2,
        taker_buy_quote_volume=volume * 50,
    )


def _value(value: object, kind: pa.DataType) -> object:
    if pa.types.is_decimal(kind) and value is not None:
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
    return value
