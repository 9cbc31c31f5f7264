from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.warehouse.facts import symbol_dimension, time_dimension, trade_facts
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES
from crypto_assets_tests.warehouse.examples import DAY, MIDNIGHT, Trade, dim_symbol, small_day, trades


def amounts(limit: int) -> st.SearchStrategy[str]:
    """Amounts of at most `limit` last digits, most of them with all 8 decimals in use."""
    return st.integers(-limit // 1_000, limit).map(lambda units: f"{Decimal(units):f}e-8")


@st.composite
def tapes(draw: st.DrawFn, *, limit: int = 10**14) -> list[Trade]:
    """Trades of two symbols within three minutes; ids do not follow the times."""
    ids = draw(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 10**12)), max_size=30, unique=True))
    return [
        Trade(
            trade_id=trade_id,
            at_s=draw(st.integers(0, 179_999)) / 1_000,
            price=draw(amounts(limit)),
            quantity=draw(amounts(limit)),
            is_buyer_maker=draw(st.booleans()),
            symbol=symbol,
        )
        for symbol, trade_id in ids
    ]


def obvious_facts(rows: list[Trade]) -> list[dict[str, Any]]:
    """The same by fractions, one trade after the other."""
    minutes: defaultdict[tuple[str, datetime], list[Trade]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.trade_id):
        start = datetime(2024, 8, 8) + timedelta(minutes=row.at_s // 60)  # noqa: DTZ001 - facts have no zone
        minutes[row.symbol, start].append(row)
    return [_obvious_fact(symbol, start, held) for (symbol, start), held in sorted(minutes.items())]


def _obvious_fact(symbol: str, start: datetime, held: list[Trade]) -> dict[str, Any]:
    prices, quantities = [Fraction(row.price) for row in held], [Fraction(row.quantity) for row in held]
    value = sum((p * q for p, q in zip(prices, quantities, strict=True)), Fraction())
    bought = (Fraction(row.quantity) for row in held if not row.is_buyer_maker)
    return {
        "symbol": symbol,
        "trade_minute": start,
        "min_price": min(prices),
        "max_price": max(prices),
        "avg_price": round(sum(prices, Fraction()) / len(held), 18),
        "total_quantity": sum(quantities, Fraction()),
        "total_trade_value": value,
        "open_price": prices[0],
        "close_price": prices[-1],
        "vwap": round(value / sum(quantities, Fraction()), 18) if min(quantities) > 0 else None,
        "trade_count": len(held),
        "taker_buy_quantity": sum(bought, Fraction()),
    }


def as_fractions(facts: pa.Table) -> list[dict[str, Any]]:
    """Rows with their decimals as fractions, which compare exactly."""
    return [
        {name: Fraction(value) if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in facts.to_pylist()
    ]


@given(tapes())
def test_facts_are_those_of_fractions(rows: list[Trade]) -> None:
    facts = trade_facts(trades(rows))
    assert facts.schema.equals(FACT_TRADES.schema, check_metadata=True)
    assert as_fractions(facts) == obvious_facts(rows)


@given(tapes(limit=10**28 - 1))
def test_amounts_of_any_size_give_exact_facts_or_are_refused(rows: list[Trade]) -> None:
    price = max((abs(Fraction(row.price)) for row in rows), default=Fraction())
    quantity = sum((abs(Fraction(row.quantity)) for row in rows), Fraction())
    if quantity >= 10**20 or price * quantity >= 10**22:
        with pytest.raises(BadPayload, match="too large to sum exactly"):
            trade_facts(trades(rows))
    else:
        assert as_fractions(trade_facts(trades(rows))) == obvious_facts(rows)


@given(tapes(), st.randoms(use_true_random=False), st.integers(0, 30))
def test_neither_order_nor_copies_of_trades_change_a_fact(rows: list[Trade], shuffler: Any, copies: int) -> None:
    shuffled = [*rows, *rows[:copies]]
    shuffler.shuffle(shuffled)
    assert trade_facts(trades(shuffled)) == trade_facts(trades(rows))


@given(st.permutations([Trade(1, 5.0, "7"), Trade(1, 4.0, "8"), Trade(1, 4.0, "9"), Trade(2, 6.0, "10")]))
def test_of_copies_that_differ_the_earliest_counts_then_the_lowest(rows: list[Trade]) -> None:
    assert trade_facts(trades(rows)) == trade_facts(trades([Trade(1, 4.0, "8"), Trade(2, 6.0, "10")]))


@given(
    st.permutations([Trade(1, 4.0, "8", "3"), Trade(1, 4.0, "8", "2", is_buyer_maker=True), Trade(1, 4.0, "8", "2")])
)
def test_of_copies_of_one_time_and_price_the_smallest_counts_then_what_a_taker_bought(rows: list[Trade]) -> None:
    assert trade_facts(trades(rows)) == trade_facts(trades([Trade(1, 4.0, "8", "2")]))


def test_open_and_close_follow_the_ids_and_not_the_times() -> None:
    (fact,) = trade_facts(trades([Trade(2, 1.0, "20"), Trade(1, 2.0, "10"), Trade(3, 0.5, "30")])).to_pylist()
    assert (fact["open_price"], fact["close_price"]) == (Decimal(10), Decimal(30))


@pytest.mark.parametrize(
    ("first", "second", "third", "mean"),
    [
        ("0.00000001", "0.00000001", "0.00000002", "0.000000013333333333"),
        ("0.00000001", "0.00000002", "0.00000002", "0.000000016666666667"),
        ("1", "1", "1", "1"),
    ],
)
def test_a_mean_is_rounded_at_its_eighteenth_decimal(first: str, second: str, third: str, mean: str) -> None:
    (fact,) = trade_facts(trades([Trade(n, 0, price) for n, price in enumerate((first, second, third))])).to_pylist()
    assert fact["avg_price"] == fact["vwap"] == Decimal(mean)


@pytest.mark.parametrize(("units", "mean"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_half_of_the_last_digit_goes_to_the_even_one(units: int, mean: int) -> None:
    paid = f"{units}e-8"
    rest = f"{200 - Decimal(paid):.8f}"
    (fact,) = trade_facts(trades([Trade(1, 0, "1e-8", paid), Trade(2, 0, "0", rest)])).to_pylist()
    assert fact["vwap"] == Decimal(mean).scaleb(-18)


def test_a_trade_lies_in_the_minute_that_it_begins() -> None:
    facts = trade_facts(trades([Trade(1, 59.999999), Trade(2, 60.0)]))
    assert [row["trade_minute"].minute for row in facts.to_pylist()] == [0, 1]


def test_a_day_without_trades_has_no_facts() -> None:
    assert trade_facts(trades([])) == FACT_TRADES.schema.empty_table()


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_a_minute_with_a_quantity_not_above_zero_has_no_weighted_mean(quantity: str) -> None:
    (fact,) = trade_facts(trades([Trade(1, 0, "10", "5"), Trade(2, 1, "20", quantity)])).to_pylist()
    assert fact["vwap"] is None
    assert fact["total_quantity"] == 5 + Decimal(quantity)


def test_a_price_of_zero_is_counted_like_any_other() -> None:
    (fact,) = trade_facts(trades([Trade(1, 0, "0"), Trade(2, 1, "1")])).to_pylist()
    assert (fact["min_price"], fact["avg_price"]) == (0, Decimal("0.5"))


def test_prices_read_as_floats_are_refused() -> None:
    rows = trades([Trade(1, 0)])
    floats = rows.set_column(3, "price", rows["price"].cast(pa.float64()))
    with pytest.raises(BadPayload, match=r"^trades .*price is Float64"):
        trade_facts(floats)


def test_a_trade_without_a_price_is_refused() -> None:
    rows = trades([Trade(1, 0)])
    lacking = rows.set_column(3, "price", pa.nulls(1, rows.schema.field("price").type))
    with pytest.raises(BadPayload, match=r"^Trades lack values in price: facts of the rest would be wrong\.$"):
        trade_facts(lacking)
    at = rows.schema.get_field_index("trade_id")
    both = lacking.set_column(at, "trade_id", pa.nulls(1, pa.int64()))
    with pytest.raises(BadPayload, match="lack values in trade_id, price:"):
        trade_facts(both)


def test_a_quantity_that_no_sum_holds_is_named() -> None:
    with pytest.raises(
        BadPayload, match=r"sum exactly: ETHUSDT 7 has the quantity -9e\+13\. No market trades that much"
    ):
        trade_facts(trades([Trade(6, 0), Trade(7, 0, "90000000000", "-90000000000000", symbol="ETHUSDT")]))


def test_of_equal_quantities_that_no_sum_holds_the_dearest_is_named() -> None:
    large = "90000000000000000000"
    rows = [Trade(number, 0, price, large) for number, price in ((1, "7"), (2, "-9"), (3, "8"))]
    with pytest.raises(BadPayload, match="BTCUSDT 2 has the quantity"):
        trade_facts(trades(rows))


@pytest.mark.parametrize(
    ("price", "quantity", "is_refused"),
    [
        ("1", "99999999999999999999.99999999", False),
        ("-100", "99999999999999999999.99999999", False),
        ("100.00000001", "100000000000000000000", True),
        ("99999999999999999999.99999999", "100", False),
        ("99999999999999999999.99999999", "100.00000001", True),
    ],
)
def test_amounts_up_to_the_last_one_that_a_sum_holds_are_taken(price: str, quantity: str, is_refused: bool) -> None:
    half = f"{Decimal(quantity) / 2:.8f}"
    rest = f"{Decimal(quantity) - Decimal(half):.8f}"
    rows = trades([Trade(1, 0, price, half), Trade(2, 0, price, rest)])
    if is_refused:
        with pytest.raises(BadPayload, match="too large to sum exactly"):
            trade_facts(rows)
    else:
        (fact,) = as_fractions(trade_facts(rows))
        assert fact["total_trade_value"] == Fraction(price) * Fraction(quantity)


def test_a_days_time_dimension_holds_each_of_its_minutes() -> None:
    table = time_dimension(DAY)
    assert table.schema.equals(DIM_TIME.schema, check_metadata=True)
    moments = [moment.replace(tzinfo=UTC) for moment in table["datetime"].to_pylist()]
    assert moments == [MIDNIGHT + timedelta(minutes=n) for n in range(1_440)]
    assert table.to_pylist()[754] == {
        **{"datetime": datetime(2024, 8, 8, 12, 34)},  # noqa: DTZ001 - facts have no zone
        **{"year": 2024, "month": 8, "day": 8, "hour": 12, "minute": 34},
    }


def test_the_symbol_dimension_is_sorted_and_holds_each_symbol_once() -> None:
    table = dim_symbol("ETHUSDT", "BTCUSDT", "ETHUSDT")
    assert table.to_pylist() == [
        {"symbol": "BTCUSDT", "base_asset": "BTC", "quote_asset": "USDT"},
        {"symbol": "ETHUSDT", "base_asset": "ETH", "quote_asset": "USDT"},
    ]
    assert symbol_dimension([]) == DIM_SYMBOL.schema.empty_table()


def test_facts_of_a_small_day_count_every_trade_once() -> None:
    facts = trade_facts(trades(small_day()))
    assert sum(facts["trade_count"].to_pylist()) == 400
