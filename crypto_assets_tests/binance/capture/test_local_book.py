"""The local book against the documented rules, and against a slow obvious one on random streams."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.capture.local_book import RECENT_DIFFS, LocalBook
from crypto_assets.binance.capture.messages import CaptureMarket, DepthDiff, DepthSnapshot, Level

BIDS: list[Level] = [(99.0, 1.0), (98.0, 2.0)]
ASKS: list[Level] = [(101.0, 3.0), (102.0, 4.0)]


def snapshot(last_id: int, *, bids: list[Level] | None = None, asks: list[Level] | None = None) -> DepthSnapshot:
    return DepthSnapshot(last_id=last_id, bids=BIDS if bids is None else bids, asks=ASKS if asks is None else asks)


def change(
    first_id: int,
    last_id: int,
    *,
    after: int | None = None,
    bids: list[Level] | None = None,
    asks: list[Level] | None = None,
) -> DepthDiff:
    return DepthDiff(
        event_time=0, first_id=first_id, last_id=last_id, bids=bids or [], asks=asks or [], previous_id=after
    )


def loaded(market: CaptureMarket = "spot", *, at: int = 100) -> LocalBook:
    book = LocalBook(market=market)
    assert book.load(snapshot(at))
    return book


def test_a_book_has_no_state_before_a_snapshot() -> None:
    book = LocalBook(market="spot")

    assert not book.apply(change(1, 5))
    assert not book.valid


def test_a_snapshot_is_a_state() -> None:
    assert loaded().top(10) == (BIDS, ASKS)


def test_a_change_sets_absolute_quantities_and_zero_removes_a_level() -> None:
    book = loaded()

    assert book.apply(change(101, 105, bids=[(99.0, 0.0), (98.0, 7.0), (97.5, 1.0)], asks=[(100.5, 2.0), (150.0, 0.0)]))

    assert book.top(2) == ([(98.0, 7.0), (97.5, 1.0)], [(100.5, 2.0), (101.0, 3.0)])
    assert book.last_update_id == 105


@pytest.mark.parametrize(
    ("market", "diff", "continues"),
    [
        ("spot", change(101, 105), True),
        ("spot", change(96, 105), True),  # overlaps: the first change after a snapshot does
        ("spot", change(102, 105), False),
        ("usdm", change(150, 160, after=100), True),
        ("usdm", change(90, 160, after=80), True),
        ("usdm", change(150, 160, after=101), False),
        ("usdm", change(101, 160), False),  # without `pu` nobody can tell
    ],
)
def test_a_change_must_continue_the_book(market: CaptureMarket, diff: DepthDiff, continues: bool) -> None:
    book = loaded(market)

    assert book.apply(diff) is continues
    assert book.valid is continues
    assert book.breaks == (0 if continues else 1)


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_a_change_that_the_book_holds_already_is_ignored(market: CaptureMarket) -> None:
    book = loaded(market)

    assert not book.apply(change(95, 100, after=94, bids=[(99.0, 55.0)]))

    assert book.valid
    assert book.top(10) == (BIDS, ASKS)


def test_after_a_break_there_is_no_state_until_the_next_snapshot() -> None:
    book = loaded()
    assert not book.apply(change(110, 115, bids=[(99.5, 1.0)]))
    assert not book.apply(change(116, 120))

    assert book.load(snapshot(112))

    assert book.top(1) == ([(99.5, 1.0)], [(101.0, 3.0)])
    assert book.last_update_id == 120


def test_changes_that_came_before_a_snapshot_are_applied_from_its_id_on() -> None:
    book = LocalBook(market="spot")
    book.apply(change(90, 95, bids=[(99.0, 50.0)]))
    book.apply(change(96, 102, bids=[(99.0, 60.0)]))
    book.apply(change(103, 104, asks=[(101.0, 0.0)]))

    assert book.load(snapshot(100))

    assert book.last_update_id == 104
    assert book.top(1) == ([(99.0, 60.0)], [(102.0, 4.0)])


def test_a_snapshot_that_the_changes_do_not_reach_back_to_is_refused() -> None:
    book = LocalBook(market="spot")
    book.apply(change(150, 160))

    assert not book.load(snapshot(100))

    assert not book.valid
    assert book.snapshots_refused == 1


def test_a_refused_snapshot_leaves_a_valid_book_as_it_was() -> None:
    book = loaded(at=200)
    book.apply(change(201, 205, bids=[(99.0, 9.0)]))

    assert not book.load(snapshot(100))

    assert book.valid
    assert book.top(1)[0] == [(99.0, 9.0)]


def test_a_periodic_snapshot_that_arrives_late_does_not_take_the_book_back() -> None:
    book = loaded()
    book.apply(change(101, 105, bids=[(99.0, 9.0)]))
    book.apply(change(106, 110, asks=[(101.0, 9.0)]))

    assert book.load(snapshot(105, bids=[(99.0, 9.0), (50.0, 1.0)]))

    assert book.last_update_id == 110
    assert book.top(10) == ([(99.0, 9.0), (50.0, 1.0)], [(101.0, 9.0), (102.0, 4.0)])


def test_a_book_that_would_cross_is_lost_instead() -> None:
    book = loaded()

    assert not book.apply(change(101, 101, bids=[(101.0, 1.0)]))

    assert not book.valid
    assert book.breaks == 1
    assert not LocalBook(market="spot").load(snapshot(1, bids=[(101.0, 1.0)]))


def test_a_book_tells_when_it_reaches_beyond_a_snapshot_that_was_cut_at_its_limit() -> None:
    bids: list[Level] = [(99.0 - i, 1.0) for i in range(5)]
    book = LocalBook(market="spot")
    book.load(snapshot(100, bids=bids))
    assert not book.reaches_beyond_snapshot(5)

    book.apply(change(101, 101, bids=[(99.0, 0.0), (90.0, 1.0)]))

    assert book.reaches_beyond_snapshot(5)
    assert not book.reaches_beyond_snapshot(4)


def test_memory_of_changes_without_a_snapshot_is_bounded() -> None:
    book = LocalBook(market="spot")
    for i in range(RECENT_DIFFS + 1):
        book.apply(change(101 + i, 101 + i))

    assert not book.load(snapshot(100))
    assert book.load(snapshot(101))


@dataclass
class PlainBook:
    """The exchange: a dict a side, and the diffs that it sends; ids of USD-M have holes."""

    market: CaptureMarket
    last_id: int = 1000
    bids: dict[float, float] = field(default_factory=dict)
    asks: dict[float, float] = field(default_factory=dict)

    def move(self, changes: list[tuple[int, int]]) -> DepthDiff:
        before = self.last_id
        first = before + (7 if self.market == "usdm" else 1)
        self.last_id = first + len(changes) - 1
        bids: list[Level] = []
        asks: list[Level] = []
        for tick, lots in changes:
            side, sent = (self.bids, bids) if tick < 0 else (self.asks, asks)
            price, quantity = 100 + tick / 100, lots / 1000
            side[price] = quantity
            if not quantity:
                del side[price]
            sent.append((price, quantity))
        return change(first, self.last_id, after=before if self.market == "usdm" else None, bids=bids, asks=asks)

    def snapshot(self) -> DepthSnapshot:
        return snapshot(self.last_id, bids=list(self.bids.items()), asks=list(self.asks.items()))

    def top(self, levels: int) -> tuple[list[Level], list[Level]]:
        return sorted(self.bids.items(), reverse=True)[:levels], sorted(self.asks.items())[:levels]


ticks = st.integers(-30, 30).filter(bool)
moves = st.lists(st.lists(st.tuples(ticks, st.integers(0, 5)), min_size=1, max_size=8), min_size=1, max_size=30)


@given(market=st.sampled_from(["spot", "usdm"]), moves=moves, late=st.integers(0, 5), data=st.data())
def test_a_rebuilt_book_equals_the_exchanges_after_every_change(
    market: CaptureMarket, moves: list[list[tuple[int, int]]], late: int, data: st.DataObject
) -> None:
    exchange, book = PlainBook(market), LocalBook(market=market)
    taken_at = data.draw(st.integers(0, len(moves) - 1))
    pending: DepthSnapshot | None = None
    for i, batch in enumerate(moves):
        if i == taken_at:
            pending = exchange.snapshot()
        diff = exchange.move(batch)
        moved = book.apply(diff)
        if data.draw(st.booleans()):
            assert not book.apply(diff), "a repeated message changes nothing"
        if pending and i == min(taken_at + late, len(moves) - 1):
            assert book.load(pending)
            moved, pending = True, None
        assert moved is book.valid
        if book.valid:
            assert book.top(10) == exchange.top(10)
            assert book.last_update_id == exchange.last_id
    assert book.breaks == 0


@given(market=st.sampled_from(["spot", "usdm"]), moves=moves.filter(lambda m: len(m) >= 3), data=st.data())
def test_a_lost_message_is_always_noticed(
    market: CaptureMarket, moves: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    exchange, book = PlainBook(market), LocalBook(market=market)
    book.load(exchange.snapshot())
    lost = data.draw(st.integers(0, len(moves) - 2))
    for i, batch in enumerate(moves):
        diff = exchange.move(batch)
        if i != lost:
            assert book.apply(diff) is (i < lost)
    assert book.breaks == 1
