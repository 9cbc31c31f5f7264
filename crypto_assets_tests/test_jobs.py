"""The command lines of the README, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.simulator.process import start_simulator

ROOT = Path(__file__).resolve().parents[1]
DAGSTER = str(Path(sys.executable).with_name("dagster"))
MEDALLION = ("job", "execute", "-m", "crypto_assets.definitions", "-j", "medallion")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A graph of one symbol on a simulated exchange without captures; its instance is the project's `dagster.yaml`."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with start_simulator(symbols=("BTCUSDT",)) as exchange:
        yield {
            "DAGSTER_HOME": str(home),
            "DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "SYMBOLS": "BTCUSDT",
            "PARTITIONS_START": "2024-08-01",
            "EXCHANGE": "simulator",
            "BINANCE_ARCHIVE_URL": exchange.url,
            "BINANCE_SPOT_REST_URL": exchange.url,
            "BINANCE_FUTURES_REST_URL": exchange.url,
        }


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("LAKE_URI", "CAPTURE_URI")}
    return subprocess.run(
        [DAGSTER, *arguments], cwd=ROOT, env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


def lake(environment: Mapping[str, str]) -> Lake:
    return Lake(f"{environment['DATA_DIR']}/lake")


def test_a_job_without_a_partition_says_which_tag_to_give_and_shows_no_stack_trace(
    environment: dict[str, str],
) -> None:
    done = run(environment, *MEDALLION)

    assert done.returncode != 0
    assert """--tags '{"dagster/partition": "2024-08-05|BTCUSDT"}'""" in done.stdout + done.stderr
    for trace in ("Stack Trace", "Traceback", 'File "'):
        assert trace not in done.stdout + done.stderr
    assert lake(environment).days(BRONZE_KLINES["1m"], "BTCUSDT") == []


def test_a_day_by_tag_goes_from_the_exchange_to_features(environment: dict[str, str]) -> None:
    done = run(environment, *MEDALLION, "--tags", json.dumps({"dagster/partition": "2024-08-01|BTCUSDT"}))

    assert done.returncode == 0, done.stdout + done.stderr
    gold = lake(environment).read(GOLD_FEATURES, "BTCUSDT", date(2024, 8, 1))
    assert gold is not None
    assert gold.num_rows == 1440
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey(GOLD_FEATURES.name)) == {"2024-08-01|BTCUSDT"}


def test_ranges_of_selected_assets_in_one_run(environment: dict[str, str]) -> None:
    ends = "2024-08-02|BTCUSDT...2024-08-03|BTCUSDT"
    selected = "bronze_klines_1m,silver_klines_1m"

    done = run(
        environment,
        *("asset", "materialize", "-m", "crypto_assets.definitions", "--select", selected, "--partition-range", ends),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {date(2024, 8, 2), date(2024, 8, 3)} <= set(lake(environment).days(SILVER_KLINES["1m"], "BTCUSDT"))


def test_a_selected_asset_of_one_partition(environment: dict[str, str]) -> None:
    done = run(
        environment,
        *("asset", "materialize", "-m", "crypto_assets.definitions"),
        *("--select", "bronze_klines_1m", "--partition", "2024-08-04|BTCUSDT"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert date(2024, 8, 4) in lake(environment).days(BRONZE_KLINES["1m"], "BTCUSDT")


def test_the_workspace_loads(environment: dict[str, str]) -> None:
    done = run(environment, "definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
