"""Features of a perpetual whose minutes are written by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets.schemas import SILVER_PERPETUAL
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, klines, midnight_us, without_rows

HOURS = 3
MINUTES = 1440 + 60 * HOURS


def _table(changes: Mapping[str, object] = {}) -> pa.Table:
    """Minutes from the day before: everything stands still but for what is given."""
    open_us = midnight_us(days=-1) + MINUTE * np.arange(MINUTES)
    as_of = open_us + MINUTE
    columns: dict[str, object] = {
        "open_time": open_us,
        "as_of": as_of,
        "funding_rate": np.full(MINUTES, 1e-4),
        "funding_time": as_of // (480 * MINUTE) * (480 * MINUTE),
        "previous_funding_rate": np.full(MINUTES, 1e-4),
        "next_funding_time": (as_of // (480 * MINUTE) + 1) * (480 * MINUTE),
        "open_interest": np.full(MINUTES, 1000.0),
        "open_interest_value": np.full(MINUTES, 1e7),
        "open_interest_time": as_of // (5 * MINUTE) * (5 * MINUTE),
        "mark_price": np.full(MINUTES, 100.0),
        "index_price": np.full(MINUTES, 100.0),
        "liquidated_long_count": np.zeros(MINUTES, dtype=np.int64),
        "liquidated_short_count": np.zeros(MINUTES, dtype=np.int64),
        "liquidated_long_volume": np.zeros(MINUTES),
        "liquidated_short_volume": np.zeros(MINUTES),
        **changes,
    }
    schema = SILVER_PERPETUAL.payload
    return pa.table([pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names], schema=schema)


def _gold(perpetual: pa.Table, *, close: np.ndarray | None = None) -> pa.Table:
    open_us = midnight_us(days=-1) + MINUTE * np.arange(MINUTES)
    close = np.full(MINUTES, 100.0) if close is None else close
    return compute_features(inputs_of(klines("1m", {"open_us": open_us, "close": close}), perp=perpetual), day=DAY)


def _minutes(value: float, after: float, *, since: int) -> np.ndarray:
    """`value` until a minute of the day, `after` from it on."""
    return np.where(np.arange(MINUTES) - 1440 < since, value, after)


def test_funding_is_compared_with_the_rate_before_it() -> None:
    rows = _gold(_table({"funding_rate": _minutes(1e-4, -3e-4, since=10)}))
    assert rows["funding_rate"].to_pylist()[9:11] == [1e-4, -3e-4]
    assert rows["funding_rate_change"].to_pylist()[9:11] == [0.0, pytest.approx(-4e-4)]
    assert rows["funding_rate_flipped"].to_pylist()[9:11] == [0.0, 1.0]


def test_a_rate_of_zero_has_not_flipped() -> None:
    rows = _gold(_table({"funding_rate": np.zeros(MINUTES)}))
    assert set(rows["funding_rate_flipped"].to_pylist()) == {0.0}


def test_minutes_to_funding_count_from_as_of_and_stop_at_zero() -> None:
    assert _gold(_table())["minutes_to_funding"].to_pylist()[:2] == [479.0, 478.0]
    due = np.full(MINUTES, midnight_us() + 90 * MINUTE)
    assert _gold(_table({"next_funding_time": due}))["minutes_to_funding"].to_pylist()[88:92] == [1.0, 0.0, 0.0, 0.0]


def test_a_rate_settled_more_than_a_day_ago_is_not_known() -> None:
    rows = _gold(_table({"funding_time": np.full(MINUTES, midnight_us(days=-1) + 30 * MINUTE)}))
    assert rows["funding_rate"].is_null().to_pylist()[29:31] == [False, True]


def test_open_interest_changes_are_in_percent_of_what_was_known_then() -> None:
    rows = _gold(_table({"open_interest": _minutes(1000.0, 1100.0, since=20)}))
    assert rows["open_interest"].to_pylist()[19:21] == [1000.0, 1100.0]
    assert rows["open_interest_change_5m"].to_pylist()[19:26] == [0.0, *[pytest.approx(10.0)] * 5, 0.0]
    assert rows["open_interest_change_1h"].to_pylist()[79:81] == [pytest.approx(10.0), 0.0]


def test_open_interest_older_than_an_hour_is_not_known() -> None:
    rows = _gold(_table({"open_interest_time": np.full(MINUTES, midnight_us())}))
    assert rows["open_interest"].is_null().to_pylist()[59:61] == [False, True]
    assert rows["open_interest_present"].to_pylist()[118:120] == [True, False]


@pytest.mark.parametrize(
    ("interest", "price", "agreement"),
    [(1100.0, 105.0, 1.0), (900.0, 95.0, 1.0), (1100.0, 95.0, -1.0), (1000.0, 95.0, 0.0), (900.0, 100.0, 0.0)],
)
def test_agreement_is_the_product_of_the_signs_of_an_hour(interest: float, price: float, agreement: float) -> None:
    table = _table({"open_interest": _minutes(1000.0, interest, since=30)})
    rows = _gold(table, close=_minutes(100.0, price, since=30))["oi_price_agreement"].to_pylist()
    assert [rows[29], rows[30], rows[89], rows[90]] == [0.0, agreement, agreement, 0.0]


def test_liquidations_of_both_sides_are_summed_over_an_hour() -> None:
    long, short = np.zeros(MINUTES), np.zeros(MINUTES)
    long[1440 + 10], short[1440 + 20] = 2, 1
    rows = _gold(
        _table(
            {
                "liquidated_long_count": long.astype(int),
                "liquidated_short_count": short.astype(int),
                "liquidated_long_volume": long * 500,
                "liquidated_short_volume": short * 70,
            }
        )
    )
    assert [rows["liquidation_count_1h"][at].as_py() for at in (9, 10, 20, 69, 70, 80)] == [0, 2, 3, 3, 1, 0]
    assert [rows["liquidation_volume_1h"][at].as_py() for at in (9, 10, 20, 69, 70, 80)] == [0, 1000, 1070, 1070, 70, 0]


def test_premium_is_the_mark_price_beside_the_index() -> None:
    rows = _gold(_table({"mark_price": np.full(MINUTES, 100.02)}))
    assert rows["premium_bps"][0].as_py() == pytest.approx(2.0)


def test_a_minute_that_is_missing_is_not_known() -> None:
    rows = _gold(without_rows(_table(), [1440 + 50]))
    assert np.flatnonzero(rows["funding_rate"].is_null()).tolist() == [50]
    assert np.flatnonzero(rows["open_interest_change_5m"].is_null()).tolist() == [50, 55]
    assert np.flatnonzero(rows["liquidation_count_1h"].is_null()).tolist() == list(range(50, 110))
    assert all(rows["perpetual_present"].to_pylist())


def test_sources_of_the_perpetual_are_present_apart() -> None:
    unknown = pa.nulls(MINUTES)
    rows = _gold(_table({"mark_price": unknown, "open_interest": unknown}))
    present = {name: set(rows[name].to_pylist()) for name in rows.column_names if name.endswith("_present")}
    assert present == {
        "orderbook_present": {False},
        "funding_present": {True},
        "open_interest_present": {False},
        "mark_price_present": {False},
        "liquidations_present": {True},
        "perpetual_present": {True},
    }


def test_a_source_that_is_not_present_has_no_value_at_all() -> None:
    rows = _gold(_table({"funding_rate": pa.nulls(MINUTES)}))
    assert not any(rows["funding_present"].to_pylist())
    assert rows["minutes_to_funding"].null_count == rows.num_rows
