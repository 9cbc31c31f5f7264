"""Rates of tickers: the same however messages are cut into batches, repeated or late."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.spans import to_us
from crypto_assets.stream.processor.messages import Ticker
from crypto_assets.stream.processor.prices import Price, chain, exchange_rate, spans_to_look_up
from crypto_assets_tests.stream.processor.samples import at


def ticker_of(price: int, *, seconds: int, offset: int, symbol: str = "BTCUSDT") -> Ticker:
    return Ticker(symbol, at(seconds), to_us(at(seconds)), Decimal(price), at(seconds), 0, offset)


class Memory:
    """The rows of a table, as `chain` is given them batch by batch."""

    def __init__(self) -> None:
        self.rows: list[Price] = []
        self.newest: dict[str, Price] = {}

    def take(self, batch: Sequence[Ticker]) -> None:
        spans = spans_to_look_up(batch, self.newest)
        known = {symbol: self._rows_of(symbol, *span) for symbol, span in spans.items()}
        chained = chain(batch, newest=self.newest, known=known)
        self.rows += chained.added
        self.newest.update(chained.newest)

    def _rows_of(self, symbol: str, first_us: int, last_us: int) -> list[Price]:
        rows = sorted((row for row in self.rows if row.ticker.symbol == symbol), key=lambda row: row.order)
        before = max((row.ticker.event_us for row in rows if row.ticker.event_us < first_us), default=first_us)
        return [row for row in rows if before <= row.ticker.event_us <= last_us]


def naive(tickers: Sequence[Ticker]) -> dict[tuple[str, int, Decimal], Decimal | None]:
    """The slow, obvious version: of all that came before, the newest that is earlier."""
    seen: list[Ticker] = []
    previous: dict[tuple[str, int, Decimal], Decimal | None] = {}
    for ticker in tickers:
        key = (ticker.symbol, ticker.event_us, ticker.price)
        if key in previous:
            continue
        earlier = [other for other in seen if other.symbol == ticker.symbol and other.order < ticker.order]
        previous[key] = max(earlier, key=lambda other: other.order).price if earlier else None
        seen.append(ticker)
    return previous


tapes = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from(["BTCUSDT", "ETHUSDT"])), max_size=25
).map(
    lambda events: [
        ticker_of(price, seconds=seconds, offset=offset, symbol=symbol)
        for offset, (seconds, price, symbol) in enumerate(events)
    ]
)


@given(tape=tapes, cuts=st.sets(st.integers(0, 25)), again=st.lists(st.integers(0, 25), max_size=4))
def test_rates_do_not_depend_on_how_messages_are_cut_or_repeated(
    tape: list[Ticker], cuts: set[int], again: list[int]
) -> None:
    memory = Memory()
    edges = [0, *sorted(cut for cut in cuts if cut < len(tape)), len(tape)]
    for first, end in pairwise(edges):
        memory.take(tape[first:end])
        for start in again:  # what was read before is read again, from anywhere
            memory.take(tape[min(start, end) : end])
    found = {(p.ticker.symbol, p.ticker.event_us, p.ticker.price): p.previous for p in memory.rows}
    assert found == naive(tape)
    assert len(memory.rows) == len(found)


@given(tape=tapes)
def test_the_newest_price_is_the_last_by_event_time(tape: list[Ticker]) -> None:
    memory = Memory()
    for ticker in tape:
        before = dict(memory.newest)
        memory.take([ticker])
        for symbol, price in before.items():
            assert memory.newest[symbol].order >= price.order
    for symbol, price in memory.newest.items():
        assert price.ticker.event_us == max(t.event_us for t in tape if t.symbol == symbol)


def test_a_late_ticker_takes_the_price_before_it_and_changes_no_rate() -> None:
    memory = Memory()
    memory.take([ticker_of(100, seconds=1, offset=0), ticker_of(110, seconds=3, offset=1)])
    memory.take([ticker_of(105, seconds=2, offset=2), ticker_of(121, seconds=4, offset=3)])
    assert [(row.previous, row.rate) for row in memory.rows] == [
        (None, None),
        (100, Decimal("0.1")),
        (100, Decimal("0.05")),
        (110, Decimal("0.1")),
    ]


@pytest.mark.parametrize(
    ("price", "previous", "rate"),
    [
        ("110", "100", "0.1"),
        ("1", "3", "-0.666666666666666667"),
        ("1", None, None),
        ("1", "0.00000000", None),
        ("99999999999999", "0.00000001", None),  # beyond what its column holds
    ],
)
def test_rates_have_eighteen_decimals_and_are_null_where_they_have_no_meaning(
    price: str, previous: str | None, rate: str | None
) -> None:
    found = exchange_rate(Decimal(price), None if previous is None else Decimal(previous))
    assert found == (None if rate is None else Decimal(rate))
