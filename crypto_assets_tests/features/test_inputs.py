from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from crypto_assets.features.inputs import gather_inputs
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, Dataset

DAY = date(2024, 8, 5)
CANDLES = set(SILVER_KLINES.values())


def rows_of(day: date) -> pa.Table:
    """One row that tells its day."""
    return pa.table({"day": [day]})


def test_candles_of_four_days_before_and_what_else_of_one_are_joined_in_the_order_of_time() -> None:
    found = gather_inputs(DAY, lambda _, day: rows_of(day))

    days = [DAY - timedelta(days=ago) for ago in range(4, -1, -1)]
    assert {timeframe: table["day"].to_pylist() for timeframe, table in found.klines.items()} == {
        "1m": days,
        "5m": days,
        "15m": days,
    }
    assert found.orderbook is not None
    assert found.perpetual is not None
    assert found.orderbook["day"].to_pylist() == found.perpetual["day"].to_pylist() == days[-2:]


@pytest.mark.parametrize("is_published", [False, True])
def test_a_book_and_a_perpetual_that_ended_the_day_before_are_read(is_published: bool) -> None:
    def read(dataset: Dataset, day: date) -> pa.Table | None:
        if dataset in CANDLES or day < DAY:
            return rows_of(day)
        return rows_of(day).slice(1) if is_published else None

    found = gather_inputs(DAY, read)

    assert found.orderbook is not None
    assert found.perpetual is not None
    assert found.orderbook["day"].to_pylist() == found.perpetual["day"].to_pylist() == [DAY - timedelta(days=1)]


def test_a_timeframe_without_a_candle_is_left_out() -> None:
    held = {SILVER_KLINES["1m"], SILVER_ORDERBOOK, SILVER_PERPETUAL}
    found = gather_inputs(DAY, lambda dataset, day: rows_of(day) if dataset in held else None)
    assert list(found.klines) == ["1m"]
