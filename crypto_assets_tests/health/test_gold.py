from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.health.gold import GoldQuality, gold_quality
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.health.small_lake import DAY, SYMBOL, gold

RSI = "rsi_14_1m"
FUNDING = next(feature.name for feature in FEATURES if feature.source == "funding")


def quality(lake: Lake) -> GoldQuality:
    found = gold_quality(lake, SYMBOL, DAY)
    assert found is not None
    return found


def test_a_good_day_has_every_feature_and_no_bad_value(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=60))
    found = quality(lake)
    assert (found.rows, found.warm_rows, found.features) == (60, 60, len(FEATURES))
    assert (found.null_columns, found.bad_cells, found.out_of_range, found.absent_sources) == ((), 0, (), ())
    assert found.is_good
    assert found.sentence.endswith("60 rows, 60 warm; each promised value is a number in its range.")


def test_nulls_nans_and_infinities_of_warm_rows_are_counted(lake: Lake) -> None:
    cold = [n >= 2 for n in range(6)]
    values = [None, np.nan, None, np.nan, np.inf, 50.0]
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=6, columns={"warm": cold, RSI: values}))
    found = quality(lake)
    assert (found.warm_rows, found.null_columns, found.bad_cells) == (4, (RSI,), 3)
    assert not found.is_good
    assert "3 values that were promised are null, NaN or infinite" in found.sentence


def test_a_value_outside_its_declared_range_is_named(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=3, columns={RSI: [50.0, 100.5, 50.0]}))
    found = quality(lake)
    assert found.out_of_range == (f"{RSI}: 1 rows outside 0 to 100, worst 100.5 at 2024-08-05 00:01",)
    assert "1 features leave their range" in found.sentence


def test_a_family_whose_source_was_not_there_is_null_and_right(lake: Lake) -> None:
    nothing, off = [None, None], [False, False]
    absent: dict[str, Sequence[object]] = {f.name: nothing for f in FEATURES if f.source == "funding"}
    absent["funding_present"] = off
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=2, columns=absent))
    found = quality(lake)
    assert FUNDING not in found.null_columns
    assert found.is_good
    assert found.absent_sources == ("funding",)


def test_a_file_without_a_declared_column_lacks_a_feature(lake: Lake) -> None:
    sink = io.BytesIO()
    pq.write_table(gold(rows=2).drop_columns([RSI, "mark_price_present"]), sink)
    lake.files.publish(GOLD_FEATURES.partition_path(SYMBOL, DAY), sink.getvalue())
    found = quality(lake)
    assert (found.features, found.null_columns, found.bad_cells) == (len(FEATURES) - 1, (RSI,), 2)
    assert not found.is_good
    assert "the file lacks 1 declared features" in found.sentence


def test_a_file_without_a_declared_column_is_not_good_before_any_row_is_warm(lake: Lake) -> None:
    sink = io.BytesIO()
    pq.write_table(gold(rows=2, columns={"warm": [False, False]}).drop_columns([RSI]), sink)
    lake.files.publish(GOLD_FEATURES.partition_path(SYMBOL, DAY), sink.getvalue())
    assert quality(lake).bad_cells == 0
    assert not quality(lake).is_good


def test_a_day_that_was_never_made_is_none_and_a_damaged_one_an_error(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1))
    assert [gold_quality(lake, symbol, DAY) is None for symbol in ("ETHUSDT", SYMBOL)] == [True, False]
    lake.files.publish(GOLD_FEATURES.partition_path("ETHUSDT", DAY), b"PAR1 but no more")
    with pytest.raises(LakeError, match="no Parquet file"):
        gold_quality(lake, "ETHUSDT", DAY)
