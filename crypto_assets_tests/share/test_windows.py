"""Windows of the shared aggregates, from the minutes of the facts."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.share.tables import PRICE_AGGREGATES, WINDOWS
from crypto_assets.share.windows import exact_quotient, last_closes, price_windows
from crypto_assets_tests.share.facts import MIDNIGHT, facts, minute

EXACTLY = Context(prec=60)
AMOUNTS = st.integers(1, 10**14).map(lambda n: Decimal(n).scaleb(-8))


def window(rows: list[dict[str, Any]], timeframe: str, *, at: int = 0, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """The one window of a timeframe that begins at a minute of the day."""
    start = MIDNIGHT + timedelta(minutes=at)
    (found,) = [r for r in rows if (r["symbol"], r["timeframe"], r["window_start"]) == (symbol, timeframe, start)]
    return found


def test_a_window_of_five_minutes_by_hand() -> None:
    rows = price_windows(
        facts(
            minute(
                2,
                "12",
                open_price="10",
                max_price="15",
                min_price="9",
                total_quantity="3",
                total_trade_value="36.5",
                trade_count=4,
            ),
            minute(
                4,
                "6",
                open_price="11",
                max_price="11",
                min_price="5",
                total_quantity="4",
                total_trade_value="30",
                trade_count=7,
            ),
            minute(5, "100"),
        )
    ).to_pylist()
    assert window(rows, "5m") == {
        "symbol": "BTCUSDT",
        "timeframe": "5m",
        "window_start": MIDNIGHT,
        "open": Decimal("10"),
        "high": Decimal("15"),
        "low": Decimal("5"),
        "close": Decimal("6"),
        "vwap": Decimal("9.500000000000000000"),  # 66.5 / 7
        "volume": Decimal("7"),
        "quote_volume": Decimal("66.5"),
        "trades": 11,
        "realised_volatility": math.log(2),  # from 12 to 6; the first minute follows none
        "price_return": None,
    }


def test_the_return_of_a_window_is_from_the_last_close_before_it() -> None:
    rows = price_windows(
        facts(minute(0, "100"), minute(7, "110"), minute(61, "99")), previous_close={"BTCUSDT": Decimal(80)}
    ).to_pylist()
    assert window(rows, "5m")["price_return"] == pytest.approx(100 / 80 - 1)
    assert window(rows, "5m", at=5)["price_return"] == pytest.approx(0.1)
    assert window(rows, "1h", at=60)["price_return"] == pytest.approx(-0.1)
    assert window(rows, "1d")["price_return"] == pytest.approx(99 / 80 - 1)


def test_volatility_is_the_root_of_the_squared_returns_between_minutes_that_traded() -> None:
    rows = price_windows(
        facts(minute(0, "100"), minute(30, "120"), minute(59, "90")), previous_close={"BTCUSDT": Decimal(100)}
    ).to_pylist()
    by_hand = math.sqrt(math.log(1.2) ** 2 + math.log(0.75) ** 2)
    assert window(rows, "1h")["realised_volatility"] == pytest.approx(by_hand, rel=1e-15)
    assert window(rows, "1m", at=59)["realised_volatility"] == pytest.approx(-math.log(0.75), rel=1e-15)
    assert window(rows, "1m")["realised_volatility"] == 0


def test_windows_without_trades_do_not_exist() -> None:
    rows = price_windows(facts(minute(0, "1"), minute(1439, "1"))).to_pylist()
    assert [(r["timeframe"], r["window_start"]) for r in rows] == [
        (timeframe, MIDNIGHT + timedelta(minutes=number))
        for timeframe, numbers in {"1m": (0, 1439), "5m": (0, 1435), "1h": (0, 1380), "1d": (0,)}.items()
        for number in numbers
    ]


def test_a_day_without_facts_has_no_windows() -> None:
    windows = price_windows(facts())
    assert windows.num_rows == 0
    assert windows.schema.equals(PRICE_AGGREGATES.schema)


def test_symbols_do_not_touch_each_other() -> None:
    bitcoin, ether = [minute(n, str(100 + n)) for n in range(9)], [minute(n, "7", symbol="ETHUSDT") for n in range(4)]
    both = price_windows(facts(*ether, *bitcoin)).to_pylist()
    assert both == price_windows(facts(*bitcoin)).to_pylist() + price_windows(facts(*ether)).to_pylist()


def test_windows_that_end_later_are_left_out() -> None:
    minutes = facts(*(minute(number, "1") for number in range(70)))
    rows = price_windows(minutes, until=datetime(2025, 9, 10, 1, 4, tzinfo=UTC)).to_pylist()
    newest = {name: max(r["window_start"] for r in rows if r["timeframe"] == name) for name in ("1m", "5m", "1h")}
    assert newest == {
        "1m": MIDNIGHT + timedelta(minutes=63),
        "5m": MIDNIGHT + timedelta(minutes=55),
        "1h": MIDNIGHT,
    }
    assert not [r for r in rows if r["timeframe"] == "1d"]


@given(
    st.lists(st.tuples(st.integers(0, 1439), AMOUNTS, AMOUNTS), min_size=1, max_size=40, unique_by=lambda row: row[0]),
    st.randoms(use_true_random=False),
)
def test_every_timeframe_sums_up_to_the_minutes_whatever_their_order(
    traded: list[tuple[int, Decimal, Decimal]], dice: Any
) -> None:
    minutes = [
        minute(n, str(price), total_quantity=str(quantity), total_trade_value=str(_product(price, quantity)))
        for n, price, quantity in traded
    ]
    windows = price_windows(facts(*minutes))
    dice.shuffle(minutes)
    assert price_windows(facts(*minutes)).equals(windows)
    for timeframe in WINDOWS:
        rows = [r for r in windows.to_pylist() if r["timeframe"] == timeframe]
        assert sum(r["volume"] for r in rows) == sum(m["total_quantity"] for m in minutes)
        assert sum(r["trades"] for r in rows) == len(minutes)
        for row in rows:
            assert row["low"] <= row["open"] <= row["high"]
            assert row["low"] <= row["close"] <= row["high"]
            error = Fraction(row["vwap"]) - Fraction(row["quote_volume"]) / Fraction(row["volume"])
            assert abs(error) <= Fraction(1, 2 * 10**18)


@pytest.mark.parametrize(
    ("value", "quantity", "expected"),
    [
        ("0.5", "1", "0"),
        ("1.5", "1", "2"),
        ("2.5", "1", "2"),
        ("2.50000001", "1", "3"),
        ("99999999999999999999.5", "1", "100000000000000000000"),
    ],
)
def test_a_quotient_is_rounded_half_to_even(value: str, quantity: str, expected: str) -> None:
    assert exact_quotient(Decimal(value), Decimal(quantity), decimals=0) == Decimal(expected)


@pytest.mark.parametrize("wrong", [{"total_quantity": "0"}, {"min_price": "0"}, {"min_price": "-1"}])
def test_a_minute_that_nothing_can_be_made_of_is_named(wrong: dict[str, str]) -> None:
    with pytest.raises(BadPayload, match=r"BTCUSDT 2025-09-10 00:03"):
        price_windows(facts(minute(2, "1"), minute(3, "1", **wrong)))


def test_last_closes_are_of_the_latest_minute() -> None:
    assert last_closes(facts(minute(5, "3"), minute(2, "9"), minute(1, "4", symbol="ETHUSDT"))) == {
        "BTCUSDT": Decimal(3),
        "ETHUSDT": Decimal(4),
    }


def _product(price: Decimal, quantity: Decimal) -> Decimal:
    return EXACTLY.multiply(price, quantity)
