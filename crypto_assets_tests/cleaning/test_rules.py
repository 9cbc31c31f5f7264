from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest

from crypto_assets.cleaning import rules
from crypto_assets_tests.cleaning.examples import bronze, kline

STEP_US = 60_000_000


@pytest.mark.parametrize("price", ["0", "-1"])
def test_a_row_without_a_positive_price_is_no_outlier(price: str) -> None:
    calm = [kline(minute, open="101", high="101.01", low="100.99") for minute in range(30)]
    calm[25] |= {"low": price}
    calm[28] |= {"high": "202"}
    found = rules.outlier(pl.DataFrame(pl.from_arrow(bronze(calm))), step_us=STEP_US, before=None)
    assert found.arg_true().to_list() == [28]


def test_a_move_of_five_percent_is_none_and_a_larger_one_is_after_a_quiet_hour() -> None:
    for high, expected in (("106.17", []), ("106.19", [25])):  # 101 * e^0.05 = 106.178
        calm = [kline(minute, open="101", high="101.01", low="100.99") for minute in range(30)]
        calm[25] |= {"high": Decimal(high)}
        found = rules.outlier(pl.DataFrame(pl.from_arrow(bronze(calm))), step_us=STEP_US, before=None)
        assert found.arg_true().to_list() == expected
