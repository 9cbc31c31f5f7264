"""Copies of rows that a partition holds, whichever file they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_assets.convergence.delivery import content_version, stored_rows
from crypto_assets.convergence.duplicates import Seen
from crypto_assets.convergence.work import PartitionWork
from crypto_assets.lake.manifest import Part
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets_tests.convergence.test_compact import START, deliver, trades, work_in


def live(work: PartitionWork, ids: Iterable[int], name: str) -> None:
    """A file of the live streams that the partition holds."""
    rows = rows_of(ids)
    work.write_live(f"hour=00/{name}.parquet", rows, origin=name, version=content_version(rows))


def rows_of(ids: Iterable[int], *, after_s: float = 0) -> pa.Table:
    """The trades as stored rows, received so much later."""
    received = START + timedelta(seconds=after_s)
    return stored_rows(trades(ids), BRONZE_TRADES, source="live", exchange="simulator-7", received_at=received)


def fresh(seen: Seen, ids: Iterable[int], *, after_s: float = 0) -> list[int]:
    return seen.fresh(rows_of(ids, after_s=after_s))["trade_id"].to_pylist()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held=st.lists(st.lists(st.integers(0, 30), min_size=1), max_size=3), sent=st.lists(st.lists(st.integers(0, 30))))
def test_each_payload_is_new_once_be_it_in_a_file_or_in_memory(
    held: list[list[int]], sent: list[list[int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = work_in(tmp_path_factory.mktemp("lake"))
    for number, ids in enumerate(held):
        live(work, ids, f"live-{number}")
    seen, known = Seen(work, source="live"), {number for ids in held for number in ids}
    for ids in sent:
        expected = [number for place, number in enumerate(ids) if number not in known and number not in ids[:place]]
        assert fresh(seen, ids) == expected
        known |= set(ids)


def test_a_copy_is_one_whoever_received_it_when(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    live(work, [1, 2], "live-a")
    assert fresh(Seen(work, source="live"), [2, 3], after_s=60) == [3]


def test_only_rows_of_the_source_count(tmp_path: Path) -> None:
    work = work_in(tmp_path)
    deliver(work, "archive", trades([1, 2]))
    assert fresh(Seen(work, source="live"), [1, 2]) == [1, 2]


def test_a_file_is_read_once_and_only_where_it_meets_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = work_in(tmp_path)
    live(work, range(10), "live-a")
    live(work, range(100, 110), "live-b")
    opened: list[str] = []
    read = work.read

    def reading(parts: Sequence[Part], columns: Sequence[str]) -> pa.Table:
        opened.extend(part.origin for part in parts)
        return read(parts, columns)

    monkeypatch.setattr(work, "read", reading)
    seen = Seen(work, source="live")
    assert fresh(seen, range(8, 12)) == [10, 11]
    assert fresh(seen, range(5, 20)) == [*range(12, 20)]
    assert opened == ["live-a"]
    work.parts = [msgspec.structs.replace(part, start=None) for part in work.parts]
    assert fresh(Seen(work, source="live"), [50]) == [50]
    assert opened == ["live-a", "live-a", "live-b"], "of a file that does not say its times nobody knows"
