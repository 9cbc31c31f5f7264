"""A book built from a snapshot and the changes after it is the exchange's book at every moment."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from crypto_assets.binance.capture.local_book import LocalBook
from crypto_assets.binance.capture.messages import DepthDiff, DepthSnapshot
from crypto_assets.simulator.decimal_text import Digits
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import Fault, FlashCrash, Halt
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.state_answers import book_sides
from crypto_assets.simulator.streams.names import StreamKey
from crypto_assets.simulator.streams.producer import Producer
from crypto_assets.spans import to_us

START = datetime(2025, 1, 3, 6, 0, tzinfo=UTC)
START_US = to_us(START)
SECOND_US = 1_000_000


def make(faults: Sequence[Fault] = ()) -> tuple[SimulatedData, Producer]:
    book = FaultBook()
    book.add(faults)
    data = SimulatedData(seed=7, symbols=("BTCUSDT",), faults=book)
    return data, Producer(data)


def diffs_of(
    producer: Producer, venue: Venue, channel: str, *, start_us: int, seconds: int
) -> list[tuple[int, DepthDiff]]:
    key = StreamKey(venue, "BTCUSDT", channel)
    # In pieces, as the hub asks for them: where one ends, nothing is missing.
    edges = range(start_us, start_us + seconds * SECOND_US + 1, 7 * SECOND_US + 300_000)
    edges = [*edges, start_us + seconds * SECOND_US]
    pieces = [producer.produce([key], a, b)[key] for a, b in itertools.pairwise(edges)]
    messages = [message for piece in pieces for message in piece]
    return [(m.time_us, msgspec.json.decode(m.payload, type=DepthDiff, strict=False)) for m in messages]


def snapshot_of(data: SimulatedData, venue: Venue, time_us: int, *, levels: int) -> DepthSnapshot:
    with data.market() as market:
        book = market.depth("BTCUSDT", time_us, levels=levels, venue=venue)
    bids, asks = book_sides(book, Digits())
    wire = {"lastUpdateId": int(book.last_update_id[0]), "bids": bids, "asks": asks}
    return msgspec.convert(wire, DepthSnapshot, strict=False)


def check_every_moment(
    data: SimulatedData, local: LocalBook, diffs: list[tuple[int, DepthDiff]], *, venue: Venue, levels: int
) -> int:
    """Apply all and compare the best levels with the market after each; how many were compared."""
    with data.market() as market:
        books = market.book("BTCUSDT", np.array([t for t, _ in diffs]), levels=levels, venue=venue)
    compared = 0
    for row, (_, diff) in enumerate(diffs):
        if not local.apply(diff):
            continue
        bids, asks = local.top(levels)
        for side, found in (("bid", bids), ("ask", asks)):
            prices, quantities = getattr(books, f"{side}_price")[row], getattr(books, f"{side}_quantity")[row]
            expected = [(p / 1e8, q / 1e8) for p, q in zip(prices.tolist(), quantities.tolist(), strict=True)]
            assert [(round(p, 8), round(q, 8)) for p, q in found] == [(round(p, 8), round(q, 8)) for p, q in expected]
        compared += 1
    return compared


@pytest.mark.parametrize(("venue", "channel"), [("spot", "depth@100ms"), ("spot", "depth"), ("usdm", "depth@500ms")])
def test_a_local_book_equals_the_partial_depth_and_never_breaks(venue: Venue, channel: str) -> None:
    data, producer = make()
    diffs = diffs_of(producer, venue, channel, start_us=START_US, seconds=90)
    local = LocalBook(market=venue)
    for _, diff in diffs[:5]:
        local.apply(diff)
    assert local.load(snapshot_of(data, venue, diffs[4][0], levels=1000))
    compared = check_every_moment(data, local, diffs[5:], venue=venue, levels=20)
    assert compared == len(diffs) - 5
    assert (local.valid, local.breaks) == (True, 0)


def test_ids_continue_from_message_to_message_on_both_venues() -> None:
    _, producer = make()
    for venue in ("spot", "usdm"):
        diffs = [diff for _, diff in diffs_of(producer, venue, "depth@100ms", start_us=START_US, seconds=30)]
        assert all(after.first_id == before.last_id + 1 for before, after in itertools.pairwise(diffs))
        previous = [diff.previous_id for diff in diffs[1:]]
        assert previous == ([None] * len(previous) if venue == "spot" else [diff.last_id for diff in diffs[:-1]])


def test_partial_books_of_usdm_continue_by_their_own_pace() -> None:
    _, producer = make()
    diffs = [diff for _, diff in diffs_of(producer, "usdm", "depth5@250ms", start_us=START_US, seconds=5)]
    assert len(diffs) == 20
    assert [diff.previous_id for diff in diffs[1:]] == [diff.last_id for diff in diffs[:-1]]
    assert {len(side) for diff in diffs for side in (diff.bids, diff.asks)} == {5}


def test_a_flash_crash_and_the_leap_back_keep_the_local_book_exact() -> None:
    crash = FlashCrash(symbol="BTCUSDT", start=START + timedelta(seconds=10), duration_s=3, price=Decimal(30_000))
    data, producer = make([crash])
    diffs = diffs_of(producer, "spot", "depth@100ms", start_us=START_US, seconds=40)
    local = LocalBook(market="spot")
    assert local.load(snapshot_of(data, "spot", START_US, levels=5000))
    assert check_every_moment(data, local, diffs, venue="spot", levels=20) == len(diffs) - 1
    assert local.breaks == 0
    best = [float(max(price for price, quantity in diff.bids if quantity)) for _, diff in diffs if diff.bids]
    assert min(best) <= 30_000


def test_nothing_streams_in_a_halt_and_ids_continue_after_it() -> None:
    halt = Halt(start=START + timedelta(seconds=10.05), end=START + timedelta(seconds=25))
    data, producer = make([halt])
    diffs = diffs_of(producer, "spot", "depth@100ms", start_us=START_US, seconds=40)
    assert not [t for t, _ in diffs if to_us(halt.start) <= t < to_us(halt.end)]
    assert all(b.first_id == a.last_id + 1 for (_, a), (_, b) in itertools.pairwise(diffs))
    local = LocalBook(market="spot")
    assert local.load(snapshot_of(data, "spot", START_US, levels=5000))
    assert check_every_moment(data, local, diffs, venue="spot", levels=20) == len(diffs) - 1
