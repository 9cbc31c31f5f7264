"""What is written into a tab that people work in, and what never is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import SheetError
from crypto_assets.share.sheet import Layout, RowsWrite, TabPlan, column_letters, missing_keys, plan_upsert
from crypto_assets.share.sheet_requests import MAX_BYTES, batches, value_ranges
from crypto_assets.share.sheet_rows import Cell, Row

LAYOUT = Layout(("symbol", "timeframe", "window_start", "close", "trades"), key=3)
HEADER: list[Cell] = [*LAYOUT.columns]
NOON, ONE = "2024-08-08T12:00:00Z", "2024-08-08T13:00:00Z"

type Grid = list[list[Cell]]


def row(start: str, close: float, *, symbol: str = "BTCUSDT", trades: int = 7) -> Row:
    return (symbol, "1h", start, close, trades)


def written(grid: Sequence[Sequence[Cell]], plan: TabPlan) -> Grid:
    """The grid after a plan."""
    result = [list(line) for line in grid]
    for write in plan.writes:
        for number, values in enumerate(write.values, start=write.row):
            result.extend([] for _ in range(number - len(result)))
            line = result[number - 1]
            result[number - 1] = [*values, *line[LAYOUT.width :]]
    return result


def plan(have: Sequence[Sequence[Cell]], want: Sequence[Row]) -> TabPlan:
    return plan_upsert("BTCUSDT", LAYOUT, [line[: LAYOUT.width] for line in have], want)


starts = st.integers(0, 40).map(lambda hour: f"2024-08-{1 + hour // 24:02}T{hour % 24:02}:00:00Z")
wants = st.dictionaries(starts, st.floats(-1e12, 1e12), max_size=12).map(lambda d: [row(k, v) for k, v in d.items()])
notes = st.one_of(st.text("ab =", max_size=3), st.integers(-5, 5), st.booleans(), st.floats(-9, 9))
foreign_rows = st.lists(notes, max_size=8).map(list)
ours = st.tuples(starts, st.floats(-9, 9), st.lists(notes, max_size=3)).map(lambda t: [*row(t[0], t[1]), *t[2]])
grids = st.lists(st.one_of(ours, foreign_rows), max_size=15).map(lambda lines: [[*HEADER, "my note"], *lines])


@given(have=grids, want=wants)
def test_afterwards_the_tab_holds_every_wanted_row_and_a_repeat_changes_nothing(have: Grid, want: list[Row]) -> None:
    after = written(have, plan(have, want))
    again = plan(after, want)
    assert missing_keys(LAYOUT, [line[: LAYOUT.width] for line in after], want) == []
    assert (again.writes, again.unchanged) == ((), len(want))


@given(have=grids, want=wants)
def test_only_cells_of_wanted_rows_and_empty_rows_are_written(have: Grid, want: list[Row]) -> None:
    after = written(have, plan(have, want))
    keys = {line[:3] for line in want}
    for before, now in zip(have, after, strict=False):
        assert before[LAYOUT.width :] == now[LAYOUT.width :]
        own = (before + [""] * LAYOUT.width)[: LAYOUT.width]
        if tuple(own[:3]) not in keys and any(cell != "" for cell in own):
            assert list(map(repr, before)) == list(map(repr, now))


@given(have=grids, want=wants, data=st.data())
def test_sorting_the_rows_by_hand_changes_nothing(have: Grid, want: list[Row], data: st.DataObject) -> None:
    after = written(have, plan(have, want))
    held = [line for line in after[1:] if any(cell != "" for cell in line[: LAYOUT.width])]
    shuffled = [after[0], *data.draw(st.permutations(held))]
    again = plan(shuffled, want)
    assert again.appended == 0
    duplicated = {tuple(line[:3]) for line in held if [tuple(o[:3]) for o in held].count(tuple(line[:3])) > 1}
    if not duplicated:
        assert again.writes == ()


def test_an_empty_tab_gets_header_and_rows_in_one_write() -> None:
    assert plan([], [row(NOON, 1.5)]).writes == (RowsWrite(1, (LAYOUT.columns, row(NOON, 1.5))),)


def test_rows_that_differ_are_overwritten_where_they_stand() -> None:
    have: Grid = [HEADER, [*row(ONE, 2.0)], ["my", "own", "line"], [*row(NOON, 1.0)]]
    made = plan(have, [row(NOON, 1.5), row(ONE, 2.0)])
    assert made.writes == (RowsWrite(4, (row(NOON, 1.5),)),)
    assert (made.updated, made.appended, made.unchanged) == (1, 0, 1)


def test_new_rows_go_below_whatever_stands_in_our_columns() -> None:
    have: Grid = [HEADER, [*row(NOON, 1.0)], [], ["", "", "", "TOTAL"]]
    assert plan(have, [row(ONE, 2.0)]).writes == (RowsWrite(5, (row(ONE, 2.0),)),)


def test_new_rows_stand_beside_formulas_that_were_dragged_down_right_of_ours() -> None:
    have: Grid = [HEADER, *([["", "", "", "", "", 0.0]] * 99)]
    assert plan(have, [row(NOON, 1.0)]).writes == (RowsWrite(2, (row(NOON, 1.0),)),)


def test_a_copy_of_a_row_is_told_and_left() -> None:
    have: Grid = [HEADER, [*row(NOON, 1.0)], [*row(NOON, 9.0)]]
    made = plan(have, [row(NOON, 1.0)])
    assert (made.writes, made.repeated) == ((), (3,))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["symbol", "timeframe", "window_start", "Close", "trades"], "Cell D1 reads 'Close', where 'close' belongs."),
        (["note", *HEADER], "Cell A1 reads 'note', where 'symbol' belongs; 'symbol' stands in B1."),
        (["symbol", "timeframe", "window_start", "trades", "close"], "'close' belongs; 'close' stands in E1"),
        (["symbol", "timeframe", "window_start"], "Cell D1 is empty, where 'close' belongs."),
        ([], "Cell A1 is empty, where 'symbol' belongs."),
    ],
)
def test_a_header_changed_by_hand_is_told_by_its_cell(header: list[Cell], said: str) -> None:
    with pytest.raises(SheetError) as error:
        plan([[*header, "", "", "", "", "", ""], [*row(NOON, 1.0)]], [row(NOON, 1.0)])
    sentence = str(error.value)
    assert said in sentence
    assert "Nothing was written" in sentence
    assert "symbol, timeframe, window_start, close, trades" in sentence


def test_columns_are_named_as_a_sheet_names_them() -> None:
    assert [column_letters(n) for n in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_a_large_plan_goes_in_requests_smaller_than_google_recommends() -> None:
    import json

    want = [row(f"{n:08}", n / 7, symbol="B" * 40) for n in range(40_000)]
    made = plan([], want)
    bodies = list(batches(list(value_ranges("BTCUSDT", LAYOUT, made.writes))))
    sizes = [len(json.dumps(body)) for body in bodies]
    assert max(sizes) < MAX_BYTES
    assert len(sizes) <= sum(sizes) // (MAX_BYTES // 2) + 1
    sent = [tuple(line) for body in bodies for entry in body["data"] for line in entry["values"]]
    assert sent == [LAYOUT.columns, *want]
    assert bodies[0]["data"][0]["range"].startswith("'BTCUSDT'!A1:E")
