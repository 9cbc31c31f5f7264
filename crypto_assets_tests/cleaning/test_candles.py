from __future__ import annotations

from datetime import datetime

from crypto_assets.cleaning.candles import first_candle, last_candle
from crypto_assets_tests.cleaning.examples import Row, at, bronze, clean, kline


def ends(rows: list[Row]) -> tuple[datetime | None, datetime | None]:
    table = bronze(rows)
    found = (first_candle(table, timeframe="1m"), last_candle(table, timeframe="1m"))
    first, last = (None if candle is None else candle.open_time for candle in found)
    return first, last


def test_the_nearest_candles_of_a_day_are_its_first_and_last_usable_ones() -> None:
    rows = [kline(7), kline(2), kline(4), kline(0, low="0"), kline(1, high="1"), kline(9.5), kline(9, volume=None)]
    assert ends(rows) == (at(2), at(7))


def test_a_day_without_usable_candles_has_none() -> None:
    assert ends([]) == ends([kline(0, close="0")]) == (None, None)


def test_an_interpolated_candle_is_nobodys_neighbour() -> None:
    silver = clean([kline(0), kline(2)], minutes=3).table
    assert last_candle(silver.slice(0, 2), timeframe="1m") == first_candle(silver, timeframe="1m")
