from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets.warehouse.facts import time_dimension, trade_facts
from crypto_assets.warehouse.gate import gate_day
from crypto_assets.warehouse.gate_report import LISTED, GateReport, Rule
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets_tests.warehouse.examples import (
    CANDLES,
    DAY,
    MIDNIGHT,
    Trade,
    candles_of,
    dim_symbol,
    small_day,
    trades,
)

ROWS = trades(small_day())


@cache
def candles_of_day() -> pa.Table:
    """From the first trade to the last: 1,000 minutes, 400 of them with one trade."""
    return candles_of(ROWS)


def gate(
    facts: pa.Table,
    candles: Mapping[str, pa.Table | None] | None = None,
    *,
    dim_time: pa.Table | None = None,
    symbols: tuple[str, ...] = ("BTCUSDT",),
) -> GateReport:
    return gate_day(
        facts,
        day=DAY,
        dim_time=time_dimension(DAY) if dim_time is None else dim_time,
        dim_symbol=dim_symbol(*symbols),
        candles={"BTCUSDT": candles_of_day()} if candles is None else candles,
    )


def spoilt(facts: pa.Table, row: int, **values: object) -> pa.Table:
    """The facts with other values in one row, nulls where there may be none."""
    rows = facts.to_pylist()
    rows[row] |= values
    loose = pa.schema([field.with_nullable(nullable=True) for field in facts.schema])
    return pa.Table.from_pylist(rows, schema=loose)


def with_candle(candles: pa.Table, row: int, **values: object) -> pa.Table:
    rows = candles.to_pylist()
    rows[row] |= values
    return pa.Table.from_pylist(rows, schema=candles.schema)


def said(report: GateReport) -> str:
    """All that is wrong."""
    return "; ".join(map(report.of_rule, report.counts))


def only(report: GateReport, rule: Rule) -> str:
    """The single sentence of the only rule that is broken."""
    assert list(report.counts) == [rule], said(report)
    (violation,) = report.violations
    return str(violation)


def test_facts_of_the_trades_of_the_candles_pass() -> None:
    report = gate(trade_facts(ROWS))
    assert not report.counts
    assert (report.compared_symbols, report.not_compared) == (("BTCUSDT",), ())


def test_a_symbol_without_candles_passes_and_is_named() -> None:
    both = trade_facts(trades([*small_day(), *small_day("ETHUSDT")]))
    report = gate(both, {"BTCUSDT": candles_of_day(), "BNBUSDT": None}, symbols=("BTCUSDT", "ETHUSDT"))
    assert not report.counts
    assert (report.compared_symbols, report.not_compared) == (("BTCUSDT",), ("BNBUSDT", "ETHUSDT"))


def test_a_day_without_trades_passes_where_no_candle_counts_any() -> None:
    assert not gate(FACT_TRADES.schema.empty_table(), {}, symbols=()).counts
    assert not gate(FACT_TRADES.schema.empty_table(), {"BTCUSDT": candles_of_day().slice(1, 1)}).counts


def test_a_day_without_facts_fails_where_candles_count_trades() -> None:
    report = gate(FACT_TRADES.schema.empty_table())
    assert report.counts == {Rule.MINUTES_COMPLETE: 400, Rule.TOTALS_EQUAL_CANDLES: 1}
    assert len([v for v in report.violations if v.rule is Rule.MINUTES_COMPLETE]) == LISTED
    assert "and 395 more" in said(report)


@given(st.sets(st.integers(0, 399), min_size=1, max_size=20))
def test_every_minute_whose_trades_are_lost_is_found(lost: set[int]) -> None:
    report = gate(trade_facts(trades(trade for n, trade in enumerate(small_day()) if n not in lost)))
    assert report.counts == {Rule.MINUTES_COMPLETE: len(lost), Rule.TOTALS_EQUAL_CANDLES: 1}
    named = [v.minute for v in report.violations if v.rule is Rule.MINUTES_COMPLETE]
    minutes = sorted(small_day()[n].at_s // 60 for n in lost)
    assert [(m - datetime(2024, 8, 8)).total_seconds() // 60 for m in named if m] == minutes[:LISTED]  # noqa: DTZ001


def test_a_trade_counted_twice_is_told_with_both_values() -> None:
    extra = Trade(9_999, 1, price="100.00", quantity="0.10")
    report = gate(trade_facts(trades([*small_day(), extra])))
    assert report.counts == {Rule.MINUTES_EQUAL_CANDLES: 1, Rule.TOTALS_EQUAL_CANDLES: 1}
    assert str(report.violations[0]) == (
        "BTCUSDT 00:00: volume 0.20000000 in the facts and 0.10000000 in the candles, count 2 in the facts and 1 in "
        "the candles, taker_buy_volume 0.10000000 in the facts and 0.00000000 in the candles, quote_volume "
        "20.0000000000000000 in the facts and 10.00000000 in the candles"
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("open", "99.99999999"),
        ("high", "100.00000001"),
        ("low", "99.99999999"),
        ("close", "100.00000001"),
        ("volume", "0.10000001"),
        ("quote_volume", "10.00000001"),
        ("count", 2),
        ("taker_buy_volume", "0.00000001"),
    ],
)
def test_a_single_last_digit_fails_the_minute(column: str, value: str | int) -> None:
    candle = with_candle(candles_of_day(), 0, **{column: Decimal(value) if isinstance(value, str) else value})
    report = gate(trade_facts(ROWS), {"BTCUSDT": candle})
    assert report.counts[Rule.MINUTES_EQUAL_CANDLES] == 1
    assert f"{column} " in str(report.violations[0])
    assert (Rule.TOTALS_EQUAL_CANDLES in report.counts) == (column not in {"open", "high", "low", "close"})


def test_two_errors_that_cancel_over_the_day_are_found_in_their_minutes() -> None:
    first, second = candles_of_day().to_pylist()[0], candles_of_day().to_pylist()[2]
    moved = with_candle(
        with_candle(candles_of_day(), 0, volume=first["volume"] + 1), 2, volume=second["volume"] - Decimal("0.05")
    )
    assert gate(trade_facts(ROWS), {"BTCUSDT": moved}).counts[Rule.MINUTES_EQUAL_CANDLES] == 2


@pytest.mark.parametrize("printed", ["0.00000000", "0.00000001"])
def test_a_quote_volume_of_more_decimals_than_are_printed_may_be_rounded_or_cut(printed: str) -> None:
    rows = trades([Trade(1, 0, "0.00000003", "0.25"), Trade(2, 1, "0.00000003", "0.01")])
    candle = with_candle(candles_of(rows), 0, quote_volume=Decimal(printed))
    assert not gate(trade_facts(rows), {"BTCUSDT": candle}).counts


def test_a_quote_volume_apart_by_a_whole_digit_a_trade_fails() -> None:
    rows = trades([Trade(1, 0, "0.00000003", "0.25"), Trade(2, 1, "0.00000003", "0.01")])
    candle = with_candle(candles_of(rows), 0, quote_volume=Decimal("0.00000003"))
    report = gate(trade_facts(rows), {"BTCUSDT": candle})
    assert report.counts == {Rule.MINUTES_EQUAL_CANDLES: 1, Rule.TOTALS_EQUAL_CANDLES: 1}


def test_no_trade_loses_a_whole_printed_digit() -> None:
    rows = trades([Trade(1, 0, "0.00000003", "0.25"), Trade(2, 60, "0.00000001", "1")])
    candle = with_candle(candles_of(rows), 1, quote_volume=Decimal("0.00000002"))
    report = gate(trade_facts(rows), {"BTCUSDT": candle})
    assert "BTCUSDT 00:01: quote_volume 0.0000000100000000 in the facts" in str(report.violations[0])


def test_facts_of_a_minute_whose_candle_counts_none_fail() -> None:
    report = gate(trade_facts(trades([*small_day(), Trade(9_999, 61)])))
    assert "BTCUSDT 00:01: there are facts of 1 trades and its candle counts none" in said(report)


def test_facts_of_a_minute_without_a_candle_fail() -> None:
    report = gate(trade_facts(ROWS), {"BTCUSDT": candles_of_day().slice(1)})
    assert "BTCUSDT 00:00: there are facts of 1 trades and there is no candle of it" in said(report)


def test_an_interpolated_candle_of_silver_is_no_candle() -> None:
    flags = [FLAGS["filled"], *([0] * (candles_of_day().num_rows - 1))]
    silver = (
        candles_of_day()
        .append_column("flags", pa.array(flags, pa.int32()))
        .append_column("source", pa.array(["archive"] * len(flags)))
    )
    report = gate(trade_facts(ROWS), {"BTCUSDT": silver.cast(SILVER_KLINES["1m"].schema)})
    assert "BTCUSDT 00:00: there are facts of 1 trades and its candle is missing and was interpolated" in said(report)


@pytest.mark.parametrize("live_first", [True, False])
def test_of_copies_in_bronze_the_archives_counts(live_first: bool) -> None:
    archive = in_bronze(candles_of_day(), source="archive")
    live = in_bronze(with_candle(candles_of_day(), 0, count=7), source="live")
    bronze = pa.concat_tables([live, archive] if live_first else [archive, live])
    assert not gate(trade_facts(ROWS), {"BTCUSDT": bronze}).counts


def in_bronze(candles: pa.Table, *, source: str) -> pa.Table:
    rows = pl.DataFrame(pl.from_arrow(candles)).with_columns(
        source=pl.lit(source),
        exchange=pl.lit("binance"),
        received_at=pl.lit(MIDNIGHT),
        topic=pl.lit(None, pl.String),
        partition=pl.lit(None, pl.Int32),
        offset=pl.lit(None, pl.Int64),
    )
    return rows.to_arrow().cast(CANDLES.schema)


def test_candles_of_other_days_and_off_the_minute_are_left_out() -> None:
    moved = pl.DataFrame(pl.from_arrow(candles_of_day()))
    others = pl.concat([moved.with_columns(pl.col("open_time").dt.offset_by(by)) for by in ("-1d", "1d", "7s")])
    candles = pl.concat([moved, others]).to_arrow().cast(candles_of_day().schema)
    assert not gate(trade_facts(ROWS), {"BTCUSDT": candles}).counts


def test_a_key_that_is_there_twice_fails() -> None:
    facts = trade_facts(ROWS)
    report = gate(pa.concat_tables([facts, facts.slice(2, 1)]), {})
    assert only(report, Rule.KEYS_UNIQUE) == "BTCUSDT 00:05: fact_trades has 2 rows of this symbol and trade_minute"


def test_a_dimension_row_that_is_there_twice_fails() -> None:
    report = gate(trade_facts(ROWS), dim_time=pa.concat_tables([time_dimension(DAY), time_dimension(DAY).slice(61, 1)]))
    assert only(report, Rule.KEYS_UNIQUE) == "01:01: dim_time has 2 rows of this datetime"


@pytest.mark.parametrize("column", [field.name for field in FACT_TRADES.schema if field.name not in ("symbol", "vwap")])
def test_a_null_is_named(column: str) -> None:
    report = gate(spoilt(trade_facts(ROWS), 0, **{column: None}), {})
    assert f"fact_trades: {column} is null" in only(report, Rule.NO_NULLS)


def test_a_quantity_not_above_zero_is_found_although_others_hide_it_in_the_sum() -> None:
    report = gate(trade_facts(trades([Trade(1, 0, quantity="5"), Trade(2, 1, quantity="-1")])), {})
    sentence = only(report, Rule.NO_NULLS)
    assert sentence == "BTCUSDT 00:00: fact_trades: vwap is null because a trade has a quantity not above zero"


def test_a_price_of_zero_is_found() -> None:
    report = gate(trade_facts(trades([Trade(1, 0, price="0"), Trade(2, 1)])), {})
    assert only(report, Rule.ABOVE_ZERO) == "BTCUSDT 00:00: min_price is 0.00000000"


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("avg_price", "100.000000000000000001", "avg_price 100.000000000000000001 is not between"),
        ("vwap", "99.999999999999999999", "vwap 99.999999999999999999 is not between"),
        ("open_price", "101", "open_price 101.00000000 is not between 100.00000000 and 100.00000000"),
        ("close_price", "99", "close_price 99.00000000 is not between"),
    ],
)
def test_a_price_outside_of_its_minute_fails(column: str, value: str, said: str) -> None:
    report = gate(spoilt(trade_facts(ROWS), 0, **{column: Decimal(value)}), {})
    assert said in only(report, Rule.PRICES_ORDERED)


@pytest.mark.parametrize("value", ["0.1", "99999999999999999999.99999999"])
def test_prices_are_compared_exactly_up_to_their_largest(value: str) -> None:
    same = dict.fromkeys(("min_price", "max_price", "avg_price", "open_price", "close_price", "vwap"), Decimal(value))
    assert not gate(spoilt(trade_facts(ROWS), 0, **same), {}).counts
    apart = {**same, "avg_price": Decimal(value) - Decimal("0.1") ** 18}
    if value == "0.1":
        assert gate(spoilt(trade_facts(ROWS), 0, **apart), {}).counts


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("total_quantity", Decimal(0)),
        ("total_trade_value", Decimal(-1)),
        ("trade_count", 0),
        ("taker_buy_quantity", Decimal(-1)),
        ("taker_buy_quantity", Decimal(7)),
    ],
)
def test_amounts_that_no_trade_has_fail(column: str, value: Decimal | int) -> None:
    assert f"{column} " in only(gate(spoilt(trade_facts(ROWS), 1, **{column: value}), {}), Rule.ABOVE_ZERO)


@pytest.mark.parametrize(
    "moment",
    [datetime(2024, 8, 7, 23, 59), datetime(2024, 8, 9), datetime(2024, 8, 8, 12, 0, 1)],  # noqa: DTZ001
)
def test_a_minute_of_another_day_or_no_minute_fails(moment: datetime) -> None:
    report = gate(spoilt(trade_facts(ROWS), 0, trade_minute=moment), {})
    assert set(report.counts) == {Rule.WITHIN_DAY, Rule.DIMENSIONS_COVER}
    assert "is no minute of 2024-08-08" in said(report)


def test_dimensions_that_lack_a_row_fail() -> None:
    report = gate(trade_facts(ROWS), dim_time=time_dimension(DAY).slice(1), symbols=("ETHUSDT",))
    assert report.counts == {Rule.DIMENSIONS_COVER: 2}
    assert [str(violation) for violation in report.violations] == [
        "BTCUSDT: has no row in dim_symbol",
        "00:00: has no row in dim_time",
    ]


def test_the_time_dimension_of_another_day_fails() -> None:
    report = gate(trade_facts(ROWS), dim_time=time_dimension(date(2024, 8, 9)))
    assert report.counts == {Rule.DIMENSIONS_COVER: 400}


def test_violations_are_in_the_order_of_rules_symbols_and_minutes() -> None:
    facts = trade_facts(trades([*small_day("ETHUSDT", count=2), *small_day("BTCUSDT", count=2)]))
    report = gate(pa.concat_tables([facts, facts]).slice(0, 7), {}, symbols=())
    assert [str(violation) for violation in report.violations] == [
        *(
            f"{symbol} 00:0{minute}: fact_trades has 2 rows of this symbol and trade_minute"
            for symbol, minute in (("BTCUSDT", 0), ("BTCUSDT", 2), ("ETHUSDT", 0))
        ),
        "BTCUSDT: has no row in dim_symbol",
        "ETHUSDT: has no row in dim_symbol",
    ]
    assert report.counts == {Rule.KEYS_UNIQUE: 3, Rule.DIMENSIONS_COVER: 2}
    assert report.of_rule(Rule.DIMENSIONS_COVER) == (
        "dimensions_cover: BTCUSDT: has no row in dim_symbol, ETHUSDT: has no row in dim_symbol"
    )
    assert report.of_rule(Rule.NO_NULLS) == "no_nulls: "
    assert list(report.counts) == [Rule.KEYS_UNIQUE, Rule.DIMENSIONS_COVER]


def test_a_symbol_that_is_there_twice_in_its_dimension_fails() -> None:
    twice = pa.concat_tables([dim_symbol("BTCUSDT"), dim_symbol("BTCUSDT")])
    report = gate_day(
        trade_facts(ROWS),
        day=DAY,
        dim_time=time_dimension(DAY),
        dim_symbol=twice,
        candles={"BTCUSDT": candles_of_day()},
    )
    assert only(report, Rule.KEYS_UNIQUE) == "BTCUSDT: dim_symbol has 2 rows of this symbol"


def test_a_null_in_a_dimension_is_named_with_its_table() -> None:
    moments = time_dimension(DAY).to_pylist()
    moments[61] |= {"hour": None, "minute": None}
    loose = pa.schema([field.with_nullable(nullable=True) for field in time_dimension(DAY).schema])
    report = gate(trade_facts(ROWS), dim_time=pa.Table.from_pylist(moments, schema=loose))
    assert only(report, Rule.NO_NULLS) == "01:01: dim_time: hour is null, minute is null"


def test_a_row_without_its_symbol_or_minute_is_a_null_and_nothing_else() -> None:
    for column in ("symbol", "trade_minute"):
        report = gate(spoilt(trade_facts(ROWS), 0, **{column: None}), {})
        place = {"symbol": "00:00", "trade_minute": "BTCUSDT"}[column]
        assert only(report, Rule.NO_NULLS) == f"{place}: fact_trades: {column} is null"


def test_the_lowest_and_the_highest_price_are_compared_too() -> None:
    report = gate(spoilt(trade_facts(ROWS), 0, min_price=Decimal(101)), {})
    assert only(report, Rule.PRICES_ORDERED) == (
        "BTCUSDT 00:00: min_price 101.00000000 is above max_price 100.00000000, "
        + ", ".join(
            f"{name} is not between 101.00000000 and 100.00000000"
            for name in (
                *("avg_price 100.000000000000000000", "vwap 100.000000000000000000"),
                *("open_price 100.00000000", "close_price 100.00000000"),
            )
        )
    )


def test_all_that_takers_bought_may_be_all_that_was_traded_and_none_of_it() -> None:
    for bought in ("0", "0.21"):
        assert not gate(spoilt(trade_facts(ROWS), 1, taker_buy_quantity=Decimal(bought)), {}).counts
    report = gate(spoilt(trade_facts(ROWS), 1, taker_buy_quantity=Decimal("0.21000001")), {})
    assert only(report, Rule.ABOVE_ZERO) == (
        "BTCUSDT 00:02: taker_buy_quantity 0.21000001 is not between 0 and total_quantity 0.21000000"
    )


def test_the_first_and_the_last_minute_are_of_the_day() -> None:
    last = Trade(9_999, 86_399.5)
    assert gate(trade_facts(trades([Trade(1, 0), last])), {}).counts == {}
    moved = spoilt(trade_facts(trades([last])), 0, trade_minute=datetime(2024, 8, 9))  # noqa: DTZ001
    assert "BTCUSDT 00:00: 2024-08-09 00:00:00.000000 is no minute of 2024-08-08" in said(gate(moved, {}))


def test_totals_of_the_day_are_told_with_both_values() -> None:
    report = gate(trade_facts(ROWS), {"BTCUSDT": with_candle(candles_of_day(), 0, count=3, quote_volume=Decimal(11))})
    (violation,) = [v for v in report.violations if v.rule is Rule.TOTALS_EQUAL_CANDLES]
    facts = sum(trade_facts(ROWS)["total_trade_value"].to_pylist())
    assert (violation.symbol, violation.minute) == ("BTCUSDT", None)
    assert violation.sentence == (
        f"over the day count 400 in the facts and 402 in the candles, quote_volume {facts:.16f} in the facts and "
        f"{sum(candles_of_day()['quote_volume'].to_pylist()) + 1:.8f} in the candles"
    )


def test_every_symbol_is_held_against_its_own_candles() -> None:
    other = [replace(trade, price="7", symbol="ETHUSDT") for trade in small_day()]
    both = trade_facts(trades([*small_day(), *other]))
    candles = {"ETHUSDT": candles_of(trades(other)), "BTCUSDT": candles_of_day()}
    report = gate(both, candles, symbols=("BTCUSDT", "ETHUSDT"))
    assert (report.counts, report.compared_symbols, report.not_compared) == ({}, ("BTCUSDT", "ETHUSDT"), ())
    swapped = gate(both, {"BTCUSDT": candles["ETHUSDT"]}, symbols=("BTCUSDT", "ETHUSDT"))
    assert (swapped.compared_symbols, swapped.not_compared) == (("BTCUSDT",), ("ETHUSDT",))
    assert swapped.counts[Rule.MINUTES_EQUAL_CANDLES] == 400


def test_a_fact_that_is_there_twice_is_compared_once_and_counted_twice() -> None:
    facts = trade_facts(ROWS)
    report = gate(pa.concat_tables([facts, facts.slice(0, 1)]))
    assert report.counts == {Rule.KEYS_UNIQUE: 1, Rule.TOTALS_EQUAL_CANDLES: 1}


@pytest.mark.parametrize("name", ["fact_trades", "dim_time", "dim_symbol", "candles"])
def test_a_table_of_other_columns_is_refused_by_name(name: str) -> None:
    tables = {
        **{"fact_trades": trade_facts(ROWS), "dim_time": time_dimension(DAY)},
        **{"dim_symbol": dim_symbol("BTCUSDT"), "candles": candles_of_day()},
    }
    lost = {"fact_trades": "vwap", "dim_time": "hour", "dim_symbol": "base_asset", "candles": "count"}[name]
    tables[name] = tables[name].drop_columns(lost)
    with pytest.raises(BadPayload, match=f"^{name} lacks the columns {lost};"):
        gate_day(
            tables["fact_trades"],
            day=DAY,
            dim_time=tables["dim_time"],
            dim_symbol=tables["dim_symbol"],
            candles={"BTCUSDT": tables["candles"]},
        )


@pytest.mark.parametrize("is_bronze", [True, False])
def test_candles_that_were_read_as_floats_are_refused_by_name(is_bronze: bool) -> None:
    candles = in_bronze(candles_of_day(), source="archive") if is_bronze else candles_of_day()
    at = candles.schema.get_field_index("close")
    with pytest.raises(BadPayload, match=r"^candles cannot be used: close is Float64"):
        gate(trade_facts(ROWS), {"BTCUSDT": candles.set_column(at, "close", candles["close"].cast(pa.float64()))})
