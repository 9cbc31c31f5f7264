from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.cleaning.aggregate import aggregate_klines, compare_with_aggregates, klines_from_trades
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, FLAGS, SILVER_KLINES, TIMEFRAMES
from crypto_assets.spans import Span
from crypto_assets_tests.cleaning.examples import DAY, MILLISECOND, Row, at, bronze, clean, kline, klines, stored

FIVE = timedelta(minutes=5)
PRICES = ("open", "high", "low", "close")
SUMS = ("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")
UNTRADED = dict.fromkeys(SUMS, 0)


def flat(price: str) -> Row:
    return dict.fromkeys(PRICES, price)


def five_minutes(rows: list[Row], **options: object) -> pa.Table:
    table = bronze(rows, timeframe="5m")
    return clean_klines(table, timeframe="5m", start=DAY, end=at(60), **options).table  # type: ignore[arg-type]


def naive(minutes: list[dict[str, object]]) -> dict[str, object]:
    """The candle of the minutes of one slot, written out."""
    traded = [m for m in minutes if m["volume"] != 0] or minutes
    return {
        "open": traded[0]["open"],
        "high": max(m["high"] for m in traded),  # type: ignore[type-var]
        "low": min(m["low"] for m in traded),  # type: ignore[type-var]
        "close": traded[-1]["close"],
        **{name: sum(m[name] for m in minutes) for name in SUMS},  # type: ignore[misc]
    }


@settings(max_examples=40)
@given(
    rows=st.sets(st.integers(0, 44)).map(sorted).flatmap(lambda minutes: klines(minutes=minutes)),
    timeframe=st.sampled_from(["5m", "15m"]),
)
def test_candles_equal_what_a_slow_loop_over_the_real_minutes_gives(rows: list[Row], timeframe: str) -> None:
    silver = clean(rows, minutes=45).table
    step = TIMEFRAMES[timeframe]
    slots: dict[object, list[dict[str, object]]] = {}
    for row in silver.to_pylist():
        if not row["flags"] & FLAGS["filled"]:
            slots.setdefault(DAY + (row["open_time"] - DAY) // step * step, []).append(row)
    aggregated = aggregate_klines(silver, timeframe=timeframe)
    assert aggregated.schema == SILVER_KLINES[timeframe].payload
    assert aggregated["open_time"].to_pylist() == sorted(slots)  # type: ignore[type-var]
    found = {row["open_time"]: {name: row[name] for name in PRICES + SUMS} for row in aggregated.to_pylist()}
    assert found == {slot: naive(minutes) for slot, minutes in slots.items()}


def test_a_minute_without_trades_gives_no_price_to_a_candle_in_which_others_traded() -> None:
    rows = [
        kline(0, **UNTRADED, **flat("50")),
        *(kline(minute) for minute in (1, 2, 3)),
        kline(4, **UNTRADED, **flat("150")),
    ]
    (row,) = aggregate_klines(clean(rows, minutes=5).table, timeframe="5m").to_pylist()
    assert [row[name] for name in PRICES] == [100, 102, 99, 101]


def test_a_candle_in_which_nothing_traded_repeats_the_former_close() -> None:
    rows = [kline(minute, **UNTRADED, **flat("50")) for minute in range(5)]
    (row,) = aggregate_klines(clean(rows, minutes=5).table, timeframe="5m").to_pylist()
    assert [row[name] for name in PRICES] == [50] * 4
    assert row["flags"] == FLAGS["derived"] | FLAGS["no_trades"]


@pytest.mark.parametrize("wrong", [{"low": "-1"}, {"high": "1"}])
def test_minutes_that_cannot_be_are_left_out(wrong: Row) -> None:
    rows = [kline(minute, **(wrong if minute == 2 else {})) for minute in range(5)]
    (row,) = aggregate_klines(clean(rows, minutes=5).table, timeframe="5m").to_pylist()
    assert (row["volume"], row["low"], row["high"]) == (20, 99, 102)


def test_interpolated_and_off_grid_minutes_are_left_out() -> None:
    rows = [kline(minute) for minute in (0, 1, 2, 4, 2.5)]
    (row,) = aggregate_klines(clean(rows, minutes=5).table, timeframe="5m").to_pylist()
    assert (row["volume"], row["count"]) == (20, 28)


def test_a_candle_whose_last_minute_is_absent_or_cut_is_truncated() -> None:
    rows = [kline(minute) for minute in (*range(4), *range(5, 10))]
    rows[-1] = kline(9, close_time=at(9.5))
    first, second = aggregate_klines(clean(rows, minutes=10).table, timeframe="5m").to_pylist()
    cut = FLAGS["derived"] | FLAGS["truncated"]
    assert (first["flags"], first["close_time"]) == (cut, at(5) - MILLISECOND)
    assert (second["flags"], second["close_time"]) == (cut, at(9.5))


MINUTES = [kline(minute) for minute in range(10)]
SUM = kline(
    0, step=FIVE, volume="25", quote_volume="2500", count=35, taker_buy_volume="10", taker_buy_quote_volume="1000"
)


class TestCompare:
    def test_candles_that_are_the_sum_of_their_minutes_agree(self) -> None:
        sent = [SUM, SUM | {"open_time": at(5), "close_time": at(10) - MILLISECOND}]
        found = compare_with_aggregates(five_minutes(sent), clean(MINUTES).table, timeframe="5m")
        assert found.num_rows == 0

    def test_the_fields_that_differ_are_named_with_both_values(self) -> None:
        sent = [SUM | {"high": "103", "count": 36}, kline(5, step=FIVE) | {k: SUM[k] for k in SUMS}]
        found = compare_with_aggregates(five_minutes(sent), clean(MINUTES).table, timeframe="5m").to_pylist()
        assert [tuple(row.values()) for row in found] == [
            (at(0), "count", "36", "archive", "35", "aggregated"),
            (at(0), "high", "103.00000000", "archive", "102.00000000", "aggregated"),
        ]

    def test_a_candle_that_only_one_side_has_is_named(self) -> None:
        sent = [SUM, SUM | {"open_time": at(10), "close_time": at(15) - MILLISECOND}]
        found = compare_with_aggregates(five_minutes(sent), clean(MINUTES).table, timeframe="5m").to_pylist()
        assert [tuple(row.values()) for row in found] == [
            (at(5), "open_time", "2024-08-01T00:05:00.000000Z", "aggregated", None, "5m"),
            (at(10), "open_time", "2024-08-01T00:10:00.000000Z", "5m", None, "aggregated"),
        ]

    def test_derived_candles_are_not_compared_with_themselves(self) -> None:
        minutes = clean(MINUTES).table
        derived = five_minutes([SUM], klines_1m=minutes)
        assert derived.num_rows == 2
        changed = clean([row | {"close": "100.5"} for row in MINUTES]).table
        found = compare_with_aggregates(derived, changed, timeframe="5m").to_pylist()
        assert {row["open_time"] for row in found} == {at(0)}


def trade(trade_id: int, minute: float, price: str, *, quantity: str = "1", sold: bool = False) -> Row:
    return {
        "trade_id": trade_id,
        "time": at(minute),
        "price": price,
        "quantity": quantity,
        "quote_quantity": Decimal(price) * Decimal(quantity),
        "is_buyer_maker": sold,
        "source": "archive",
        "received_at": DAY,
    }


moments = st.integers(0, 8 * 60_000).map(lambda milliseconds: milliseconds / 60_000)
"""Of whole milliseconds: the next number below 2 is the moment of minute 2, as a moment has microseconds."""

TRADES = [
    trade(1, 0.1, "100"),
    trade(2, 0.2, "103", quantity="2", sold=True),
    trade(3, 0.9, "98"),
    trade(4, 2.0, "99", quantity="0.5", sold=True),
]


class TestTrades:
    def candles(self, rows: list[Row], **options: object) -> list[dict[str, object]]:
        table = klines_from_trades(stored(BRONZE_TRADES, rows), timeframe="1m", **options)  # type: ignore[arg-type]
        assert table.schema == BRONZE_KLINES["1m"].payload
        return table.to_pylist()

    def test_a_candle_holds_the_first_last_and_extreme_prices_and_the_sums(self) -> None:
        first = self.candles(TRADES)[0]
        assert first == {
            "open_time": at(0),
            "open": 100,
            "high": 103,
            "low": 98,
            "close": 98,
            "volume": 4,
            "close_time": at(1) - MILLISECOND,
            "quote_volume": 404,
            "count": 3,
            "taker_buy_volume": 2,
            "taker_buy_quote_volume": 198,
        }

    def test_a_minute_without_trades_repeats_the_former_close(self) -> None:
        assert [(row["open"], row["close"], row["count"]) for row in self.candles(TRADES)] == [
            (100, 98, 3),
            (98, 98, 0),
            (99, 99, 1),
        ]

    def test_the_span_is_filled_to_both_ends_where_the_close_before_it_is_known(self) -> None:
        span = Span(at(-2), at(4))
        closes = [row["close"] for row in self.candles(TRADES, span=span, previous_close=Decimal(97))]
        assert closes == [97, 97, 98, 98, 99, 99]
        assert [row["close"] for row in self.candles(TRADES, span=span)] == closes[2:]

    def test_order_and_repetitions_of_trades_do_not_matter(self) -> None:
        assert self.candles([*reversed(TRADES), TRADES[0]]) == self.candles(TRADES)

    @given(order=st.permutations([*TRADES, *(TRADES[0] | {"price": str(price)} for price in range(90, 100))]))
    def test_of_copies_of_a_trade_that_differ_the_cheapest_counts_in_any_order(self, order: list[Row]) -> None:
        assert self.candles(order) == self.candles([TRADES[0] | {"price": "90"}, *TRADES[1:]])

    @settings(max_examples=30)
    @given(
        made=st.lists(st.tuples(moments, st.integers(90, 110), st.integers(1, 99), st.booleans()), max_size=12),
        ends=st.none() | st.tuples(st.integers(-2, 4), st.integers(5, 10)),
        previous=st.none() | st.integers(90, 110).map(Decimal),
    )
    def test_candles_equal_what_a_slow_loop_over_the_trades_gives(
        self,
        made: list[tuple[float, int, int, bool]],
        ends: tuple[int, int] | None,
        previous: Decimal | None,
    ) -> None:
        rows = [
            trade(number, minute, str(price), quantity=str(quantity), sold=sold)
            for number, (minute, price, quantity, sold) in enumerate(made)
        ]
        span = None if ends is None else Span(at(ends[0]), at(ends[1]))
        minutes = [int(minute) for minute, *_ in made]
        slots = range(*ends) if ends else range(min(minutes), max(minutes) + 1) if minutes else range(0)
        expected: list[tuple[object, ...]] = []
        close = previous
        for slot in slots:
            own = [row[1:] for row in made if int(row[0]) == slot]
            prices = [price for price, _, _ in own] or [close]
            close = prices[-1]
            volumes = [
                sum(
                    quantity * factor
                    for price, quantity, sold in own
                    for factor in [(price if quote else 1)]
                    if keep(sold)
                )
                for keep in (lambda _: True, lambda sold: not sold)
                for quote in (False, True)
            ]
            if close is not None:
                extremes = (max(prices), min(prices))  # type: ignore[type-var]
                expected.append((at(slot), prices[0], *extremes, close, *volumes, len(own), at(slot + 1) - MILLISECOND))
        names = ("open_time", *PRICES, "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
        found = self.candles(rows, span=span, previous_close=previous)
        assert [tuple(row[name] for name in (*names, "count", "close_time")) for row in found] == expected

    def test_no_trades_give_no_candles(self) -> None:
        assert self.candles([]) == []
