from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crypto_assets_tests.convergence.archive_folder import DAY, put_klines
from crypto_assets_tests.convergence.place import KLINES, Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


def test_runs_of_one_partition_at_once_end_as_one_run_would(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - {5, 6, 700})
    place.rest.minutes = set(range(1440))

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: place.converge(), range(4)))

    assert [result.manifest.rows for result in results] == [1440] * 4
    assert sorted(sum(result.added.values()) for result in results) == [0, 0, 0, 1440]
    assert place.minutes() == list(range(1440))
    manifest = place.lake.manifest(KLINES, "BTCUSDT", DAY)
    assert manifest is not None
    listed = {part.path for part in manifest.parts}
    folder = Path(place.lake.uri_of(KLINES, "BTCUSDT", DAY))
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.parquet")} == listed
