"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "crypto_assets_tests.s3_server",
    "crypto_assets_tests.services",
    "crypto_assets_tests.databases",
    "crypto_assets_tests.stand_in",
    "crypto_assets_tests.sheets_server",
    "crypto_assets_tests.pages",
]

# A job in the background of a shell ignores SIGINT; Dagster gives SIGTERM the same meaning, and children inherit both.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Most Java processes of the tests live for seconds: what the second compiler would gain, they never see.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("mutants", settings.get_profile("default"), max_examples=25, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


LONGEST = (
    "live/test_chaos.py",
    "test_killed_runs.py",
    "ui/test_page.py",
    "stream/collector/test_process.py",
    "stream/processor/test_program.py",
    "stream/forecaster/test_program.py",
    "test_market_stream.py",
    "demo/test_demo.py",
    "deploy/test_programs.py",
    "resources/services/test_hdfs.py",
    "archive/test_landing_faults.py",
    "live/test_replay.py",
    "share/test_hive.py",
    "share/test_live.py",
    "spark/test_spread.py",
    "assets/test_warehouse.py",
    "assets/test_share.py",
    "share/test_metastore.py",
    "assets/test_archive.py",
    "warehouse/test_extract_faults.py",
    "forecast/judge/test_planted.py",
    "assets/test_forecast_checkpoint.py",
    "forecast/test_evaluating.py",
    "checks/test_forecast_predictions.py",
    "assets/test_forecast_predictions.py",
    "assets/test_forecast_evaluation.py",
    "forecast/test_worker.py",
    "docs/test_tutorial.py",
    "dashboard/test_live.py",
    "dashboard/test_forecast.py",
    "dashboard/test_health.py",
    "dashboard/test_features.py",
    "dashboard/test_shell.py",
    "security/test_leaks.py",
    "security/test_kafka_access.py",
    "cli/test_backfill.py",
    "cli/test_models.py",
    "deploy/test_stores.py",
    "alerts/test_watch.py",
    "assets/test_recorded_warehouse.py",
    "warehouse/test_extract.py",
    "warehouse/test_load.py",
    "resources/services/test_manager.py",
    "resources/services/test_java.py",
    "test_s3_lake.py",
)
"""Files that take more than half a minute, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker is left alone with one at the end."""
    here = Path(__file__).parent
    order = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(LONGEST)))


def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as there are cores: many tests wait for programs. Each starts services of its own."""
    return min(6, (os.cpu_count() or 2) * 3 // 2)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of recorded exchange data: `$CRYPTO_ASSETS_REAL_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CRYPTO_ASSETS_REAL_DATA", beside))
    if not (folder / "archive").is_dir():
        pytest.skip(f"recorded exchange data is not at {folder}; set CRYPTO_ASSETS_REAL_DATA to run this test")
    return folder
