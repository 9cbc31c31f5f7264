"""What is kept of a run is found again under its place."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from proof.crash.contents import Kept


def test_tables_are_found_under_their_places(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keep("lake/silver/symbol=BTCUSDT/date=2024-08-01/klines_1m.parquet#notes", pa.table({"a": [1]}))
    kept.keep("dagster/bronze_klines_1m", pa.table({"a": [2]}))
    assert list(kept) == [
        "dagster/bronze_klines_1m",
        "lake/silver/symbol=BTCUSDT/date=2024-08-01/klines_1m.parquet#notes",
    ]
    assert kept["dagster/bronze_klines_1m"].to_pydict() == {"a": [2]}


def test_a_second_file_of_a_place_is_kept_beside_the_first(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for number in (1, 2):
        kept.keep("a", pa.table({"a": [number]}))
    assert list(kept) == ["a", "a (2)"]
