"""From messages of a topic to rows of bronze."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from crypto_assets.schemas import (
    BRONZE_KLINES,
    BRONZE_MARK_PRICE,
    BRONZE_ORDERBOOK,
    BRONZE_TRADES,
    Dataset,
)
from crypto_assets.stream.avro import encode, fingerprint
from crypto_assets.stream.columns import Raw, read_columns
from crypto_assets.stream.rows import days_of, kept, rows_of

NOON = datetime(2026, 1, 19, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ABOUT = {"symbol": "BTCUSDT", "received_at": NOON, "connection": "a", "sequence": 0, "source": "live"}
AMOUNTS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


def messages(topic: str, *records: dict[str, Any]) -> pl.DataFrame:
    """Records as they are read from Kafka, at offsets 0, 1, 2…"""
    stamp = fingerprint(topic)
    raw = [Raw(n, encode(topic, ABOUT | record), stamp) for n, record in enumerate(records)]
    return read_columns(topic, raw, symbol="BTCUSDT").frame


def trade(**changes: Any) -> dict[str, Any]:
    fields = {"trade_id": 7, "trade_time": NOON, "price": "0.5", "quantity": "3", "is_buyer_maker": True}
    return {**fields, "event_time": NOON, **changes}


def candle(timeframe: str = "1m", **changes: Any) -> dict[str, Any]:
    times = {"open_time": NOON, "close_time": NOON + 59 * SECOND, "event_time": NOON}
    return {**dict.fromkeys(AMOUNTS, "1"), **times, "timeframe": timeframe, "count": 1, "closed": True, **changes}


def book(bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
    return {"last_update_id": 9, "bids": bids, "asks": asks, "event_time": None}


def faults_of(dataset: Dataset, frame: pl.DataFrame) -> list[str | None]:
    return rows_of(dataset, frame).faults.to_list()


def test_a_trade_keeps_its_amounts_exactly_and_says_what_it_cost() -> None:
    rows = rows_of(BRONZE_TRADES, messages("trades", trade()))
    (row,) = rows.values.to_dicts()
    assert (row["price"], row["quantity"], row["quote_quantity"]) == (Decimal("0.5"), Decimal(3), Decimal("1.5"))
    assert (row["time"], row["received_at"], row["offset"], row["source"]) == (NOON, NOON, 0, "live")
    assert rows.faults.to_list() == [None]


def test_an_amount_that_cannot_be_read_costs_its_own_row() -> None:
    good, bad = faults_of(BRONZE_TRADES, messages("trades", trade(), trade(price="1,5")))
    assert good is None
    assert bad is not None
    assert "price" in bad


def test_of_candles_the_closed_ones_of_the_timeframe_are_kept_of_trades_all() -> None:
    frame = messages("klines", candle(), candle(closed=False), candle("5m"))
    assert kept(BRONZE_KLINES["1m"], frame)["offset"].to_list() == [0]
    assert kept(BRONZE_KLINES["5m"], frame)["offset"].to_list() == [2]
    assert kept(BRONZE_TRADES, messages("trades", trade(), trade())).height == 2


def test_a_row_is_of_the_day_in_which_it_happened_a_book_of_that_of_its_receipt() -> None:
    epoch = date(1970, 1, 1)
    late = trade(trade_time=datetime(2026, 1, 18, 23, 59, 59, tzinfo=UTC))
    assert days_of(BRONZE_TRADES, messages("trades", late)).to_list() == [(date(2026, 1, 18) - epoch).days]
    assert days_of(BRONZE_ORDERBOOK, messages("orderbook", book([], []))).to_list() == [(NOON.date() - epoch).days]


def test_levels_lie_in_columns_and_those_that_are_not_there_are_null() -> None:
    frame = messages("orderbook", book([["2.5", "1"], ["2", "4"]], [["3", "1"]]), book([], []))
    first, second = rows_of(BRONZE_ORDERBOOK, frame).values.to_dicts()
    assert (first["bid_price_2"], first["bid_quantity_2"], first["ask_price_1"], first["ask_price_2"]) == (
        2,
        4,
        3,
        None,
    )
    assert (second["bid_price_1"], second["ask_quantity_10"]) == (None, None)
    assert (first["time"], first["last_update_id"]) == (NOON, 9)


def test_levels_beyond_those_that_are_stored_are_left_out() -> None:
    (row,) = rows_of(
        BRONZE_ORDERBOOK, messages("orderbook", book([["1", str(n)] for n in range(12)], []))
    ).values.to_dicts()
    assert row["bid_quantity_10"] == 9
    assert "bid_quantity_11" not in row


@pytest.mark.parametrize("level", [["2"], ["2", "1", "1"], ["x", "1"], ["2", ""], ["nan", "1"], ["2", "inf"]])
def test_a_level_that_is_no_price_and_quantity_is_a_fault_of_its_row(level: list[str]) -> None:
    good = book([["2.5", "1"]], [["3", "1"]])
    assert faults_of(
        BRONZE_ORDERBOOK, messages("orderbook", good, book([["2.5", "1"], level], [["3", "1"]]), good)
    ) == [
        None,
        "a level of the bids is not a price and a quantity",
        None,
    ]
    assert faults_of(BRONZE_ORDERBOOK, messages("orderbook", book([["2.5", "1"]], [level]))) == [
        "a level of the asks is not a price and a quantity"
    ]


def test_a_contract_without_funding_has_no_time_of_the_next() -> None:
    common = {"mark_price": "1", "index_price": "1", "estimated_settle_price": "1", "event_time": NOON}
    zero = datetime(1970, 1, 1, tzinfo=UTC)
    frame = messages(
        "mark_price",
        common | {"funding_rate": "0.0001", "next_funding_time": NOON},
        common | {"funding_rate": "", "next_funding_time": zero},
    )
    rows = rows_of(BRONZE_MARK_PRICE, frame).values
    assert rows["next_funding_time"].to_list() == [NOON, None]
    assert rows["estimated_funding_rate"].to_list()[0] == Decimal("0.0001")
