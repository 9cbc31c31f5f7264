"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from alembic.config import Config
    from xdist.remote import Producer

pytest_plugins = [
    "crypto_assets_tests.s3_server",
    "crypto_assets_tests.services",
    "crypto_assets_tests.databases",
    "crypto_assets_tests.stand_in",
    "crypto_assets_tests.sheets_server",
    "crypto_assets_tests.pages",
]

# Modules and tests, millions of objects, live to the end: to look for garbage among them takes a fifth of the start.
gc.disable()

# A job in the background of a shell ignores SIGINT; Dagster gives SIGTERM the same meaning, and children inherit both.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Hundreds of processes would compile the project's modules anew at their start: half a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Most Java processes of the tests live for seconds: what the second compiler would gain, they never see.
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("mutants", settings.get_profile("default"), max_examples=25, derandomize=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


ON_HDFS = frozenset(
    {
        "archive/test_landing.py",
        "archive/test_landing_faults.py",
        "assets/test_archive.py",
        "resources/services/test_hdfs.py",
        "resources/test_landing.py",
        "warehouse/test_store.py",
    }
)
"""Files that share an HDFS: two Java processes, which live until their worker ends."""
TOGETHER = frozenset({"checks", "dashboard", "deploy", "share"})
"""Folders whose files share what takes long to start: Chromium and pages, a Spark with Hive, days that were made."""
LONGEST = (
    "live/test_chaos.py",
    "share",
    "dashboard",
    "demo/test_demo.py",
    "hdfs",
    "test_market_stream.py",
    "stream/processor/test_program.py",
    "docs/test_tutorial.py",
    "test_killed_runs.py",
    "ui/test_page.py",
    "stream/collector/test_process.py",
    "security/test_leaks.py",
    "stream/forecaster/test_program.py",
    "assets/test_warehouse.py",
    "spark/test_spread.py",
    "stream/collector/test_program.py",
    "assets/test_share.py",
    "assets/test_forecast_checkpoint.py",
    "resources/services/test_manager.py",
    "spark/test_engine.py",
    "checks",
    "deploy",
    "forecast/test_evaluating.py",
    "security/test_kafka_access.py",
    "assets/test_forecast_evaluation.py",
    "warehouse/test_extract_faults.py",
    "resources/test_spark.py",
    "cli/test_backfill.py",
    "test_s3_lake.py",
    "forecast/test_main.py",
    "test_jobs.py",
    "forecast/judge/test_planted.py",
    "forecast/test_training.py",
    "live/test_replay.py",
    "test_automation.py",
    "forecast/test_fitting.py",
    "spark/test_executors.py",
    "resources/services/test_java.py",
    "warehouse/test_extract.py",
)
"""What takes more than half a minute, the longest first."""


def together(nodeid: str) -> str:
    """Name of what one worker runs as a whole: a file, or files that share something."""
    file = nodeid.partition("::")[0].removeprefix("crypto_assets_tests/")
    folder = file.partition("/")[0]
    return "hdfs" if file in ON_HDFS else folder if folder in TOGETHER else file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left alone with it at the end."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(together(item.nodeid), len(LONGEST)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Of files that share something all go to one worker."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


class Together(LoadFileScheduling):
    """Hands out what is to be run together, else whole files."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Let the collector of garbage pass over all that is there when tests begin."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many workers again as there are cores: many tests wait for programs. Each starts services of its own."""
    return min(6, (os.cpu_count() or 2) * 3 // 2)


@pytest.fixture(scope="session", autouse=True)
def _migrations_read_once() -> Iterator[None]:
    """Dagster's instances, hundreds in a run, and databases: each is marked with its newest migration, and for that
    alembic reads all there are."""
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def from_config(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        return known[folder] if folder in known else known.setdefault(folder, read(config))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of recorded exchange data: `$CRYPTO_ASSETS_REAL_DATA`, or `shared/data` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CRYPTO_ASSETS_REAL_DATA", beside))
    if not (folder / "archive").is_dir():
        pytest.skip(f"recorded exchange data is not at {folder}; set CRYPTO_ASSETS_REAL_DATA to run this test")
    return folder
