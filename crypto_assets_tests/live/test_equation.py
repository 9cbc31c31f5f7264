"""The equation finds every trade that is missing, doubled or invented, and every candle that differs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.live.equation import Claim, Evidence, runs_of, settle
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import Span

START = datetime(2026, 1, 19, 10, tzinfo=UTC)
PAYLOAD = BRONZE_KLINES["1m"].payload


def candles(*counts: int) -> pa.Table:
    rows = [
        {
            "open_time": START + timedelta(minutes=n),
            **dict.fromkeys(("open", "high", "low", "close"), Decimal("100.5")),
            **dict.fromkeys(("volume", "quote_volume"), Decimal(count)),
            "close_time": START + timedelta(minutes=n, seconds=59, milliseconds=999),
            "count": count,
            **dict.fromkeys(("taker_buy_volume", "taker_buy_quote_volume"), Decimal(1)),
        }
        for n, count in enumerate(counts)
    ]
    return pa.Table.from_pylist(rows, schema=PAYLOAD)


def claim(place: str, ids: object, *, may_repeat: bool = False) -> Claim:
    return Claim(place, np.array(ids, np.int64), may_repeat=may_repeat)


WHOLE = Evidence(
    symbol="BTCUSDT",
    span=Span(START, START + timedelta(minutes=3)),
    first_id=100,
    last_id=109,
    never=(),
    claims=(
        claim("Kafka", range(95, 115), may_repeat=True),
        claim("PostgreSQL", range(100, 110)),
        claim("bronze", range(100, 110)),
    ),
    stored_klines=candles(4, 5, 1),
    exchange_klines=candles(4, 5, 1),
)


def with_claim(place: str, ids: object) -> Evidence:
    claims = [claim(c.place, ids, may_repeat=c.may_repeat) if c.place == place else c for c in WHOLE.claims]
    return replace(WHOLE, claims=tuple(claims))


def test_equal_terms_hold_and_trades_outside_the_span_do_not_count() -> None:
    account = settle(WHOLE)
    assert account.holds
    assert (account.ids, account.repaired, account.counted, account.candles) == (10, 0, 10, 3)
    assert account.distinct == {"Kafka": 10, "PostgreSQL": 10, "bronze": 10}


@pytest.mark.parametrize("place", ["Kafka", "PostgreSQL", "bronze"])
def test_a_trade_that_one_place_lacks_is_named(place: str) -> None:
    account = settle(with_claim(place, [100, 101, 104, *range(105, 110)]))
    assert account.differences == (f"{place} lacks 2 trades: 102-103",)


def test_a_trade_that_no_place_has_is_missing_from_each() -> None:
    everywhere = tuple(claim(c.place, [i for i in range(100, 110) if i != 107]) for c in WHOLE.claims)
    assert settle(replace(WHOLE, claims=everywhere)).differences == (
        "Kafka lacks 1 trades: 107",
        "PostgreSQL lacks 1 trades: 107",
        "bronze lacks 1 trades: 107",
    )


def test_a_second_copy_is_fine_in_kafka_and_nowhere_else() -> None:
    doubled = [*range(100, 110), 103]
    kafka = settle(with_claim("Kafka", doubled))
    assert kafka.holds
    assert kafka.copies["Kafka"] == 1
    assert settle(with_claim("bronze", doubled)).differences == ("bronze holds 1 trades more than once: 103",)


def test_trades_that_were_streamed_to_nobody_are_to_be_everywhere_too_and_are_counted_apart() -> None:
    account = settle(replace(WHOLE, never=((101, 103), (200, 300))))
    assert account.holds
    assert (account.ids, account.repaired) == (10, 3)
    half = settle(replace(with_claim("PostgreSQL", [100, *range(104, 110)]), never=((101, 103),)))
    assert half.differences == ("PostgreSQL lacks 3 trades: 101-103",)


def test_a_candle_that_differs_in_one_column_is_named_with_both_values() -> None:
    stored = candles(4, 5, 1).set_column(4, PAYLOAD.field("close"), pa.array([Decimal("100.5")] * 2 + [Decimal("99")],
                                                                             PAYLOAD.field("close").type))  # fmt: skip
    account = settle(replace(WHOLE, stored_klines=stored))
    assert account.differences == ("1 values of candles differ: 10:02 close 99.00000000 instead of 100.50000000",)


def test_a_missing_candle_and_one_too_many_are_named() -> None:
    lacking = settle(replace(WHOLE, stored_klines=candles(4, 5)))
    assert lacking.differences == (
        "bronze lacks 1 candles: 2026-01-19 10:02",
        "the candles count 9 trades, not 10",
    )
    invented = settle(replace(WHOLE, exchange_klines=candles(4, 5)))
    assert invented.differences == ("bronze has 1 candles that the exchange has not: 2026-01-19 10:02",)


def test_equal_copies_of_a_candle_count_once_and_a_wrong_copy_is_found() -> None:
    assert settle(replace(WHOLE, stored_klines=pa.concat_tables([candles(4, 5, 1)] * 2))).holds
    assert not settle(replace(WHOLE, stored_klines=pa.concat_tables([candles(4, 5, 1), candles(4, 6, 1)]))).holds


def test_the_archives_copy_whose_close_time_is_finer_is_the_same_candle() -> None:
    ends = pa.array([moment + timedelta(microseconds=999) for moment in WHOLE.stored_klines["close_time"].to_pylist()])
    place = PAYLOAD.get_field_index("close_time")
    finer = WHOLE.stored_klines.set_column(place, PAYLOAD.field(place), ends.cast(PAYLOAD.field(place).type))
    account = settle(replace(WHOLE, stored_klines=pa.concat_tables([finer, WHOLE.stored_klines])))
    assert account.holds
    assert account.counted == 10


def test_a_span_without_any_trade_does_not_pass_for_equal() -> None:
    empty = replace(WHOLE, first_id=0, last_id=-1, stored_klines=candles(), exchange_klines=candles())
    assert settle(empty).differences == ("no trade lies in the span: there is nothing to compare",)


@given(lost=st.sets(st.tuples(st.sampled_from(["Kafka", "PostgreSQL", "bronze"]), st.integers(100, 109)), max_size=6))
def test_it_holds_only_where_no_place_lost_anything(lost: set[tuple[str, int]]) -> None:
    claims = tuple(
        claim(c.place, [i for i in c.ids.tolist() if (c.place, i) not in lost], may_repeat=c.may_repeat)
        for c in WHOLE.claims
    )
    account = settle(replace(WHOLE, claims=claims))
    assert account.holds == (not lost)
    assert sum(10 - found for found in account.distinct.values()) == len(lost)


@given(ids=st.sets(st.integers(0, 60)))
def test_runs_of_ids_cover_these_and_no_others(ids: set[int]) -> None:
    runs = runs_of(np.array(sorted(ids), np.int64))
    assert [i for first, last in runs for i in range(first, last + 1)] == sorted(ids)
    assert all(later[0] - former[1] > 1 for former, later in pairwise(runs))
