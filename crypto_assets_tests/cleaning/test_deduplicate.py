from __future__ import annotations

import polars as pl
import pytest

from crypto_assets.cleaning.deduplicate import deduplicate_klines
from crypto_assets_tests.cleaning.examples import Row, at, bronze, kline

NOWHERE = kline(0, open_time=None)


@pytest.mark.parametrize(
    ("rows", "minutes", "dropped"),
    [
        ([kline(0), kline(1)], [0, 1], 0),
        ([kline(1), kline(0)], [0, 1], 0),
        ([NOWHERE, kline(1), kline(0)], [0, 1, None], 0),
        ([kline(1), NOWHERE, kline(0), NOWHERE, kline(1)], [0, 1, None, None], 1),
    ],
)
def test_rows_leave_in_the_order_of_open_times_and_those_without_one_are_last_and_nobodys_copy(
    rows: list[Row], minutes: list[int | None], dropped: int
) -> None:
    found = deduplicate_klines(pl.DataFrame(pl.from_arrow(bronze(rows))))
    assert found.rows["open_time"].to_list() == [None if minute is None else at(minute) for minute in minutes]
    assert (found.dropped, found.disagreements.height) == (dropped, 0)
