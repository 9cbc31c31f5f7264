from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.cleaning.orderbook import PACE, CleanedOrderbook, clean_orderbook
from crypto_assets.schemas import BRONZE_ORDERBOOK, FLAGS, SILVER_ORDERBOOK
from crypto_assets_tests.cleaning.examples import DAY, Row, stored

LEVELS = range(1, 11)


def snapshot(slot: float, *, update_id: int | None = None, mid: float = 100.0, **fields: object) -> Row:
    """A sound snapshot so many 100 ms into the day, ten levels a side one apart; `fields` replace what it says."""
    time = DAY + slot * timedelta(milliseconds=100)
    sides = (("bid", -1), ("ask", 1))
    prices = {f"{side}_price_{level}": mid + sign * level for side, sign in sides for level in LEVELS}
    quantities = {f"{side}_quantity_{level}": float(level) for side, _ in sides for level in LEVELS}
    known: Row = {"time": time, "last_update_id": int(slot * 10) if update_id is None else update_id}
    return known | prices | quantities | {"source": "capture", "received_at": time} | fields


def clean(rows: list[Row]) -> CleanedOrderbook:
    return clean_orderbook(stored(BRONZE_ORDERBOOK, rows))


def affected(cleaned: CleanedOrderbook) -> dict[str, int]:
    """Steps that did something, with how often."""
    return {step.name: step.affected for step in cleaned.steps.steps if step.affected}


def test_sound_snapshots_pass_as_they_are() -> None:
    rows = [snapshot(slot) for slot in range(5)]
    cleaned = clean(rows)
    assert cleaned.table.schema == SILVER_ORDERBOOK.payload
    sent = stored(BRONZE_ORDERBOOK, rows).select(BRONZE_ORDERBOOK.payload.names)
    assert cleaned.table.drop_columns("flags").equals(sent)
    assert cleaned.table["flags"].to_pylist() == [0] * 5


def test_steps_are_counted_in_their_order() -> None:
    rows = [
        snapshot(0),
        snapshot(0),
        snapshot(1, bid_price_1=None),
        snapshot(2, ask_quantity_3=0.0),
        snapshot(3, bid_price_1=98.0, bid_price_2=99.0),
        snapshot(4, bid_price_1=101.0),
        snapshot(5, update_id=0),
        snapshot(6),
        snapshot(6.5),
    ]
    assert [(step.name, step.rows_in, step.affected, step.rows_out) for step in clean(rows).steps.steps] == [
        ("load", 9, 0, 9),
        ("deduplicate", 9, 1, 8),
        ("schema", 8, 1, 7),
        ("range", 7, 1, 6),
        ("levels", 6, 1, 6),
        ("crossed", 6, 1, 5),
        ("late", 5, 1, 4),
        ("pace", 4, 1, 3),
    ]


def test_no_snapshots_give_an_empty_table() -> None:
    assert clean([]).table.equals(SILVER_ORDERBOOK.payload.empty_table())


@pytest.mark.parametrize("column", ["bid_price_1", "ask_price_10", "bid_quantity_4", "ask_quantity_1"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_a_level_that_is_not_a_positive_number_is_out_of_range(column: str, value: float) -> None:
    cleaned = clean([snapshot(0), snapshot(1, **{column: value})])
    assert affected(cleaned) == {"range": 1}
    assert cleaned.table.num_rows == 1


@pytest.mark.parametrize("absent", ["bid_price_1", "bid_quantity_1", "ask_price_5", "ask_quantity_10", "time"])
def test_a_snapshot_with_a_hole_is_left_out(absent: str) -> None:
    assert affected(clean([snapshot(0), snapshot(1, **{absent: None})])) == {"schema": 1}


def test_a_book_with_fewer_levels_is_sound() -> None:
    tail = {f"{side}_{what}_{n}": None for side in ("bid", "ask") for what in ("price", "quantity") for n in (9, 10)}
    assert affected(clean([snapshot(0, **tail)])) == {}


def test_one_level_a_side_is_a_book_and_one_side_is_none() -> None:
    tail = {
        f"{side}_{what}_{n}": None for side in ("bid", "ask") for what in ("price", "quantity") for n in range(2, 11)
    }
    assert affected(clean([snapshot(0, **tail)])) == {}
    for side in ("bid", "ask"):
        empty = {f"{side}_{what}_{n}": None for what in ("price", "quantity") for n in LEVELS}
        assert affected(clean([snapshot(0, **empty)])) == {"schema": 1}


def test_a_small_price_and_a_small_quantity_are_in_range() -> None:
    assert affected(clean([snapshot(0, mid=10.5, ask_quantity_3=1e-8, bid_quantity_1=0.5)])) == {}


def test_levels_are_sorted_from_the_best_together_with_their_quantities() -> None:
    mixed = {"ask_price_1": 103.0, "ask_quantity_1": 3.0, "ask_price_3": 101.0, "ask_quantity_3": 1.0}
    short = {"ask_price_10": None, "ask_quantity_10": None}
    cleaned = clean([snapshot(0, **mixed, **short)])
    assert affected(cleaned) == {"levels": 1}
    row = cleaned.table.to_pylist()[0]
    assert [row[f"ask_price_{n}"] for n in LEVELS] == [*(100.0 + n for n in range(1, 10)), None]
    assert [row[f"ask_quantity_{n}"] for n in LEVELS] == [*map(float, range(1, 10)), None]


@pytest.mark.parametrize("column", ["bid_price_2", "ask_price_2"])
def test_two_levels_of_one_price_are_left_out(column: str) -> None:
    cleaned = clean([snapshot(0, **{column: 99.0 if column.startswith("bid") else 101.0})])
    assert (affected(cleaned), cleaned.table.num_rows) == ({"levels": 1}, 0)


@pytest.mark.parametrize("bid", [101.0, 101.5])
def test_a_best_bid_not_below_the_best_ask_is_crossed(bid: float) -> None:
    assert affected(clean([snapshot(0, bid_price_1=bid)])) == {"crossed": 1}


def test_the_last_state_of_a_slot_of_100_ms_stays() -> None:
    cleaned = clean([snapshot(slot) for slot in (0, 0.5, 0.99, 1, 2.2)])
    assert cleaned.table["last_update_id"].to_pylist() == [9, 10, 22]


def test_a_state_repeated_in_another_slot_stays_because_it_says_that_nothing_changed() -> None:
    assert clean([snapshot(0, update_id=7), snapshot(1, update_id=7)]).table.num_rows == 2


def test_an_older_state_that_came_late_is_left_out_but_a_new_numbering_goes_on() -> None:
    rows = [
        snapshot(0, update_id=100),
        snapshot(1, update_id=99),
        snapshot(200, update_id=5),
        snapshot(201, update_id=6),
    ]
    assert clean(rows).table["last_update_id"].to_pylist() == [100, 5, 6]


@pytest.mark.parametrize(
    ("seconds", "update_id", "is_late"),
    [(0.2, 99, True), (9.9, 99, True), (10, 99, True), (10.1, 99, False), (0.2, 100, False), (0.2, 101, False)],
)
def test_an_older_state_is_late_for_ten_seconds(seconds: float, update_id: int, is_late: bool) -> None:
    rows = [snapshot(0, update_id=100), snapshot(seconds * 10, update_id=update_id)]
    assert affected(clean(rows)) == ({"late": 1} if is_late else {})


def test_a_state_is_late_beside_any_newer_one_of_the_ten_seconds() -> None:
    rows = [snapshot(slot, update_id=number) for slot, number in ((0, 100), (1, 50), (2, 60), (3, 101))]
    assert clean(rows).table["last_update_id"].to_pylist() == [100, 101]


def test_of_copies_of_one_source_the_first_received_wins_in_any_order() -> None:
    copies = [
        snapshot(0, received_at=DAY + n * PACE, ask_quantity_2=float(n), partition=0, offset=9 - n) for n in (1, 2, 3)
    ]
    for rows in itertools.permutations([*copies, snapshot(1)]):
        table = clean(list(rows)).table
        assert table["ask_quantity_2"].to_pylist() == [1.0, 2.0]
        assert [flags != 0 for flags in table["flags"].to_pylist()] == [True, False]


def test_copies_received_at_one_moment_are_told_apart_by_where_they_lay() -> None:
    copies = [snapshot(0, ask_quantity_2=float(n), partition=0, offset=n) for n in (3, 1, 2)]
    for rows in itertools.permutations(copies):
        assert clean(list(rows)).table["ask_quantity_2"].to_pylist() == [1.0]


def test_snapshots_without_time_or_id_are_nobodys_copy() -> None:
    rows = [snapshot(0), snapshot(1, time=None), snapshot(1, time=None), snapshot(2, last_update_id=None)]
    cleaned = clean(rows)
    assert affected(cleaned) == {"schema": 3}
    assert cleaned.table.num_rows == 1


def test_a_book_may_be_in_order_on_one_side_only() -> None:
    mixed = {"bid_price_1": 98.0, "bid_quantity_1": 2.0, "bid_price_2": 99.0, "bid_quantity_2": 1.0}
    cleaned = clean([snapshot(0), snapshot(1, **mixed), snapshot(2)])
    assert affected(cleaned) == {"levels": 1}
    assert cleaned.table.drop_columns("flags").equals(
        clean([snapshot(slot) for slot in range(3)]).table.drop_columns("flags")
    )


def test_of_copies_that_differ_the_better_source_wins_and_the_row_says_so() -> None:
    rows = [
        snapshot(0, source="live", received_at=DAY - PACE, ask_quantity_1=9.0),
        snapshot(0, source="capture"),
        snapshot(1),
        snapshot(1),
    ]
    table = clean(rows).table
    assert table["ask_quantity_1"].to_pylist() == [1.0, 1.0]
    dropped, disagree = FLAGS["duplicate_dropped"], FLAGS["sources_disagree"]
    assert table["flags"].to_pylist() == [dropped | disagree, dropped]


@st.composite
def received(draw: st.DrawFn) -> list[Row]:
    wrong: st.SearchStrategy[Row] = st.sampled_from(
        [{}, {}, {"bid_price_1": 200.0}, {"ask_price_2": 99.5}, {"bid_quantity_3": -1.0}, {"ask_price_1": None}]
    )
    row = st.builds(
        lambda slot, mid, fields, source: snapshot(slot, mid=mid, source=source, **fields),
        st.integers(0, 60).map(lambda tenth: tenth / 2),
        st.floats(90, 110),
        wrong,
        st.sampled_from(["capture", "live"]),
    )
    return draw(st.lists(row, max_size=12))


@settings(max_examples=40)
@given(rows=received(), data=st.data())
def test_silver_is_valid_sorted_uncrossed_and_unique_whatever_the_order_of_rows(
    rows: list[Row], data: st.DataObject
) -> None:
    cleaned = clean(rows)
    assert clean(data.draw(st.permutations(rows))) == cleaned
    table = cleaned.table
    times = table["time"].to_pylist()
    slots = [(time - DAY) // timedelta(milliseconds=100) for time in times]
    assert slots == sorted(set(slots))
    for row in table.to_pylist():
        bids, asks = ([row[f"{side}_price_{n}"] for n in LEVELS] for side in ("bid", "ask"))
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert bids[0] < asks[0]
    again = [row | {"source": "capture", "received_at": DAY} for row in table.to_pylist()]
    assert clean(again).table.drop_columns("flags").equals(table.drop_columns("flags"))
