from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from crypto_assets.cleaning.candles import Candle, end_candles, nearest_candle
from crypto_assets_tests.cleaning.examples import Row, at, bronze, clean, kline


def ends(rows: list[Row]) -> tuple[datetime | None, datetime | None]:
    first, last = (None if candle is None else candle.open_time for candle in end_candles(bronze(rows), timeframe="1m"))
    return first, last


def test_the_nearest_candles_of_a_day_are_its_first_and_last_usable_ones() -> None:
    rows = [kline(7), kline(2), kline(4), kline(0, low="0"), kline(1, high="1"), kline(9.5), kline(9, volume=None)]
    rows += [kline(8, close_time=at(9)), kline(1.5)]
    assert ends(rows) == (at(2), at(7))


def test_a_day_without_usable_candles_has_none() -> None:
    assert ends([]) == ends([kline(0, close="0")]) == (None, None)


def test_an_interpolated_candle_is_nobodys_neighbour() -> None:
    silver = clean([kline(0), kline(2)], minutes=3).table
    first, _ = end_candles(silver, timeframe="1m")
    assert end_candles(silver.slice(0, 2), timeframe="1m") == (first, first)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("copies", "closes"),
    [
        ([kline(9, close="100"), kline(9, close="100.5", source="live")], ("100", "100")),
        # The trusted copy cannot be used, and silver keeps it all the same.
        ([kline(0, high="1"), kline(0, source="live"), kline(1, close="101.5"), kline(2)], ("101.5", "101")),
        ([kline(8, close=None), kline(8, close="100", source="live"), kline(9)], ("100", "101")),
    ],
)
def test_of_the_copies_of_a_candle_the_one_that_silver_keeps_is_the_neighbour(
    copies: list[Row], closes: tuple[str, str], order: int
) -> None:
    found = end_candles(bronze(copies[::order]), timeframe="1m")
    assert found == end_candles(clean(copies).table, timeframe="1m")
    assert [candle and candle.close for candle in found] == list(map(Decimal, closes))


def candle(minute: float) -> Candle:
    return Candle(at(minute), *[Decimal(1)] * 4)


def test_a_candle_is_known_by_its_prices() -> None:
    known = Candle(at(3), *map(Decimal, ("100", "102", "99", "101")))
    assert end_candles(bronze([kline(3)]), timeframe="1m") == (known, known)


@pytest.mark.parametrize(
    ("held", "direction", "expected"),
    [
        ({-1, -2, 1}, -1, -0.5),
        ({-2, 1}, -1, -1.5),
        ({-1, 1, 2}, 1, 1),
        ({4}, 1, 4),
        ({5}, 1, None),
        ({-4}, -1, -3.5),
        ({-5, 0}, -1, None),
    ],
)
def test_the_nearest_day_of_four_gives_its_end_that_lies_nearer(
    held: set[int], direction: int, expected: float | None
) -> None:
    asked: list[int] = []

    def ends(day: int) -> tuple[Candle | None, Candle | None]:
        asked.append(day)
        return (candle(day), candle(day + 0.5)) if day in held else (None, None)

    found = nearest_candle(ends, direction=direction)
    assert (None if found is None else found.open_time) == (None if expected is None else at(expected))
    assert asked == [direction * n for n in range(1, len(asked) + 1)]  # the near ones first, none beyond
