from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crypto_assets.assets.history import history_assets
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets_tests.convergence.archive_folder import DAY, kline_line
from resources.lake import LakeResource

DAYS = DaySymbol(date(2024, 8, 4), ("BTCUSDT",))
KLINES = BRONZE_KLINES["1m"]


def load(tmp_path: Path, *, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        history_assets(DAYS),
        resources={"lake": LakeResource(uri=str(tmp_path / "lake"))},
        run_config={
            "ops": {"history_klines": {"config": {"files": str(tmp_path / "in"), "symbol": "BTCUSDT", **config}}}
        },
        instance=instance,
        raise_on_error=False,
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for day in (DAY - timedelta(days=2), DAY - timedelta(days=1), DAY):
        minutes = range(1440 if day != DAY else 720)
        (folder / f"{day}.csv").write_text("".join(f"{kline_line(day, minute)}\n" for minute in minutes))
    return folder


def test_one_run_fills_the_bronze_days_that_the_files_cover(tmp_path: Path, files: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = load(tmp_path, instance=instance)

        assert result.success
        filled = instance.get_materialized_partitions(dg.AssetKey(KLINES.name))
    assert filled == {"2024-08-04|BTCUSDT", "2024-08-05|BTCUSDT"}
    assert Lake(str(tmp_path / "lake")).days(KLINES, "BTCUSDT") == [date(2024, 8, n) for n in (3, 4, 5)]
    metadata = result.asset_materializations_for_node("history_klines")[-1].metadata
    figures = {name: value.value for name, value in metadata.items()}
    assert figures["dagster/row_count"] == 3600
    assert (figures["days"], figures["days_changed"], figures["days_incomplete"]) == (3, 3, 1)
    assert figures["days_without_partition"] == 1
    assert str(figures["coverage"]).startswith("![days from 2024-08-03 to 2024-08-05](data:image/png;base64,")
    assert len(files.name) > 0


def test_a_second_run_reports_no_day(tmp_path: Path, files: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        load(tmp_path, instance=instance)
        second = load(tmp_path, instance=instance)

    reported = [event for event in second.all_events if event.is_step_materialization]
    assert [event.asset_key for event in reported] == [dg.AssetKey("history_klines")]
    assert files.exists()


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"timeframe": "2m"}, "timeframe '2m' is none of 1m, 5m, 15m"),
        ({"files": "/nowhere/at/all"}, "holds no kline file"),
        ({"columns": {"colour": "x"}}, "columns maps colour"),
    ],
)
def test_a_wrong_request_fails_with_a_sentence(
    tmp_path: Path, files: Path, config: dict[str, object], sentence: str
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = load(tmp_path, instance=instance, **config)

    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert sentence in (failure.step_failure_data.user_failure_data.description or "")  # type: ignore[union-attr]
    assert files.exists()
