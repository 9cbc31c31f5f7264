from __future__ import annotations

import math
from datetime import date

from crypto_assets.forecast.training_sets_usage import DayRows, rows_by_day
from crypto_assets_tests.forecast.tables import random_walk, with_cold, with_filled, with_value, without_rows

FIRST, SECOND, THIRD = date(2024, 8, 1), date(2024, 8, 2), date(2024, 8, 3)
DAY_MINUTES = 1_440


def test_each_row_of_a_day_is_counted_once() -> None:
    table = with_cold(with_filled(random_walk(2 * DAY_MINUTES, seed=1), [3, 4]), [4, 5, 6])
    table = without_rows(with_value(table, "roc_1_1m", math.nan, [1_500]), range(2_000, 2_100))
    found = rows_by_day(table, [FIRST, SECOND, THIRD], known_until_us=2**62)
    assert found == {
        FIRST: DayRows(usable=1_436, filled=2, cold=2, gap=0),
        SECOND: DayRows(usable=1_339, filled=0, cold=1, gap=100),
        THIRD: DayRows(usable=0, filled=0, cold=0, gap=1_440),
    }


def test_what_has_not_happened_yet_is_no_gap() -> None:
    table = random_walk(DAY_MINUTES + 60, seed=1)
    until_us = int(table.as_of_us[-1]) + 10 * table.step_us
    found = rows_by_day(table, [FIRST, SECOND, THIRD], known_until_us=until_us)
    assert found[SECOND] == DayRows(usable=60, filled=0, cold=0, gap=10)
    assert found[THIRD] == DayRows(usable=0, filled=0, cold=0, gap=0)
