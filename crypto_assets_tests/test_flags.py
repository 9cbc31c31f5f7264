"""Bits of the column `flags`, one at a time."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.flags import UNUSABLE, count_flags, has_flag, is_flagged, is_usable, raised
from crypto_assets.schemas import FLAGS

FLAGGED = st.lists(st.integers(0, sum(FLAGS.values())), max_size=20)
NAMES = st.lists(st.sampled_from(sorted(FLAGS)), max_size=4)


def named(value: int) -> set[str]:
    """The flags of a row, by its binary digits from the right."""
    return {name for place, name in enumerate(FLAGS) if f"{value:b}"[::-1][place : place + 1] == "1"}


def rows(flags: list[int]) -> pa.Table:
    return pa.table({"flags": pa.array(flags, pa.int32())})


@given(FLAGGED, NAMES)
def test_a_row_is_flagged_where_it_carries_at_least_one_of_the_names(flags: list[int], names: list[str]) -> None:
    expected = [bool(named(value) & set(names)) for value in flags]
    table = rows(flags)
    assert is_flagged(table, *names).tolist() == expected
    frame = pl.DataFrame(pl.from_arrow(table))
    assert is_flagged(frame, *names).tolist() == expected
    assert frame.select(has_flag(*names)).to_series().to_list() == expected


@given(FLAGGED)
def test_what_is_usable_carries_no_flag_that_forbids_it(flags: list[int]) -> None:
    frame = pl.DataFrame(pl.from_arrow(rows(flags)))
    expected = [not named(value) & set(UNUSABLE) for value in flags]
    assert frame.select(is_usable()).to_series().to_list() == expected


@given(FLAGGED)
def test_every_flag_is_counted_also_those_that_no_row_carries(flags: list[int]) -> None:
    assert count_flags(rows(flags)) == {name: sum(name in named(value) for value in flags) for name in FLAGS}


@given(FLAGGED, NAMES)
def test_a_flag_that_is_raised_twice_is_raised_once_and_takes_no_other_away(flags: list[int], names: list[str]) -> None:
    frame = pl.DataFrame(pl.from_arrow(rows(flags)))
    conditions = {name: pl.lit(value=True) for name in names} | {"crossed": pl.lit(value=False)}
    once = frame.with_columns(raised(conditions))
    raised_names = set(names) - {"crossed"}
    assert [named(value) for value in once["flags"]] == [named(value) | raised_names for value in flags]
    assert once.with_columns(raised(conditions)).equals(once)
    assert once.schema["flags"] == pl.Int32


def test_a_condition_that_is_unknown_raises_nothing() -> None:
    frame = pl.DataFrame({"flags": pl.Series([FLAGS["filled"], 0, 0], dtype=pl.Int32), "price": [1, 2, None]})
    found = frame.select(raised({"outlier": pl.col("price") < 2, "filled": pl.col("price") > 1})).to_series()
    assert found.to_list() == [FLAGS["filled"] | FLAGS["outlier"], FLAGS["filled"], 0]
