from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.cleaning.flags import UNUSABLE, count_flags, has_flag, is_flagged, is_usable, raised
from crypto_assets.schemas import FLAGS


def table(*rows: tuple[str, ...]) -> pa.Table:
    """Rows that carry these flags."""
    return pa.table({"flags": pa.array([sum(FLAGS[name] for name in names) for names in rows], pa.int32())})


def test_each_flag_is_counted_by_itself_and_one_that_nobody_carries_is_zero() -> None:
    found = count_flags(table(("filled", "no_trades"), ("filled",), (), ("outlier",)))
    assert list(found) == list(FLAGS)
    assert {name: count for name, count in found.items() if count} == {"filled": 2, "no_trades": 1, "outlier": 1}


def test_a_row_carries_one_of_several_flags_if_it_carries_any() -> None:
    rows = table(("filled",), ("outlier",), ("filled", "outlier"), ("truncated",), ())
    expected = [True, True, True, False, False]
    assert is_flagged(rows, "filled", "outlier").tolist() == expected
    frame = pl.DataFrame(pl.from_arrow(rows))
    assert frame.select(has_flag("filled", "outlier")).to_series().to_list() == expected
    assert is_flagged(frame, "filled", "filled").tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("name", FLAGS)
def test_a_row_is_usable_unless_a_flag_says_that_it_did_not_trade_in_its_minute(name: str) -> None:
    frame = pl.DataFrame(pl.from_arrow(table((name,))))
    assert frame.select(is_usable()).item() is (name not in UNUSABLE)


def test_a_raised_flag_stands_beside_those_that_were_there() -> None:
    frame = pl.DataFrame(pl.from_arrow(table(("filled",), (), ()))).with_columns(price=pl.Series([1, 2, None]))
    found = frame.select(raised({"outlier": pl.col("price") < 2, "filled": pl.col("price") > 1})).to_series()
    assert found.dtype == pl.Int32
    assert found.to_list() == [FLAGS["filled"] | FLAGS["outlier"], FLAGS["filled"], 0]
    assert np.count_nonzero(is_flagged(frame, "outlier")) == 0
