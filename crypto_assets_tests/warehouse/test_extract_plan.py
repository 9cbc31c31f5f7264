from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.warehouse.extract_plan import ExtractSpan, plan_extract
from crypto_assets.warehouse.facts import trade_facts
from crypto_assets_tests.warehouse.examples import DAY, MIDNIGHT, small_day, trades

SYMBOLS = st.lists(st.sampled_from(["BTCUSDT", "ETHUSDT", "BNBUSDT"]), unique=True)


@given(SYMBOLS, st.integers(0, 5_000))
def test_the_spans_of_a_symbol_hold_every_minute_of_the_day_once(symbols: list[str], pieces: int) -> None:
    spans = plan_extract(DAY, symbols, pieces)
    assert sorted({span.symbol for span in spans}) == sorted(symbols)
    for symbol in symbols:
        own = [span for span in spans if span.symbol == symbol]
        assert (own[0].start, own[-1].end) == (MIDNIGHT, MIDNIGHT + timedelta(days=1))
        assert all(a.end == b.start for a, b in pairwise(own))
        assert all(
            span.start < span.end and (span.end - span.start) % timedelta(minutes=1) == timedelta() for span in own
        )


@given(SYMBOLS, st.integers(0, 5_000))
def test_there_are_as_many_spans_as_asked_for_within_a_symbol_and_a_minute(symbols: list[str], pieces: int) -> None:
    expected = min(max(pieces, len(symbols)), 1_440 * len(symbols))
    assert len(plan_extract(DAY, symbols, pieces)) == expected


def test_a_symbol_with_more_trades_is_cut_into_more_spans() -> None:
    weights = {"BTCUSDT": 3_000_000, "ETHUSDT": 1_000_000, "BNBUSDT": 0}
    spans = plan_extract(DAY, list(weights), 9, trades=weights)
    assert Counter(span.symbol for span in spans) == {"BTCUSDT": 6, "ETHUSDT": 2, "BNBUSDT": 1}


def test_two_symbols_in_four_spans() -> None:
    noon, end = MIDNIGHT + timedelta(hours=12), MIDNIGHT + timedelta(days=1)
    assert plan_extract(DAY, ["ETHUSDT", "BTCUSDT"], 4) == [
        ExtractSpan("BTCUSDT", MIDNIGHT, noon),
        ExtractSpan("BTCUSDT", noon, end),
        ExtractSpan("ETHUSDT", MIDNIGHT, noon),
        ExtractSpan("ETHUSDT", noon, end),
    ]


@pytest.mark.parametrize("pieces", [1, 7, 300])
def test_facts_of_the_spans_one_after_the_other_are_the_facts_of_the_day(pieces: int) -> None:
    rows = trades([*small_day("ETHUSDT"), *small_day("BTCUSDT")])
    parts = [trade_facts(_within(rows, span)) for span in plan_extract(DAY, ["BTCUSDT", "ETHUSDT"], pieces)]
    assert pa.concat_tables(parts).combine_chunks() == trade_facts(rows)


def _within(rows: pa.Table, span: ExtractSpan) -> pa.Table:
    time = pc.field("trade_time")
    return rows.filter(
        (pc.field("symbol") == span.symbol) & (time >= pa.scalar(span.start)) & (time < pa.scalar(span.end))
    )
