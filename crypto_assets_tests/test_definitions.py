from __future__ import annotations

import json
import subprocess
import sys
import warnings
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
import yaml

from crypto_assets.assets.streams import STREAMS
from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions, defs
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.features.inputs import LOOK_BACK_DAYS
from crypto_assets.partitions import DaySymbol, look_back
from crypto_assets.schemas import BRONZE, BRONZE_TRADES, SILVER, SILVER_KLINES
from crypto_assets.stream.avro import schema_of

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pandas", "matplotlib", "pandas_ta", "talib", "pyspark", "tensorflow", "scipy", "duckdb")


@pytest.fixture(scope="module")
def graph() -> dg.Definitions:
    return build_definitions(Settings(_env_file=None))  # pyright: ignore[reportCallIssue]


def test_definitions_can_be_loaded() -> None:
    dg.Definitions.validate_loadable(defs())


def test_building_the_graph_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        for category in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning):
            warnings.simplefilter("error", category)
        build_definitions(Settings(_env_file=None))  # pyright: ignore[reportCallIssue]


def test_another_beta_would_still_warn(graph: dg.Definitions) -> None:
    with pytest.warns(dg.BetaWarning):
        dg.MultiToSingleDimensionPartitionMapping("date")


def test_every_dataset_is_an_asset_of_its_layer(graph: dg.Definitions) -> None:
    groups = {spec.key.to_user_string(): spec.group_name for spec in graph.resolve_all_asset_specs()}

    assert {name for name, group in groups.items() if group == "bronze"} == {d.name for d in BRONZE}
    assert {name for name, group in groups.items() if group == "silver"} == {d.name for d in SILVER}
    assert {name for name, group in groups.items() if group == "gold"} == {GOLD_FEATURES.name}


def test_every_stream_is_an_external_asset_with_columns_retention_and_freshness(graph: dg.Definitions) -> None:
    assets = graph.resolve_asset_graph()
    specs = {spec.key.to_user_string(): spec for spec in graph.resolve_all_asset_specs() if spec.group_name == "stream"}

    assert set(specs) == {*STREAMS, "gap_ledger"}
    assert {key.to_user_string() for key in assets.materializable_asset_keys} & set(STREAMS) == set()
    for name, topic in STREAMS.items():
        metadata = specs[name].metadata
        columns = {column.name: column for column in metadata["dagster/column_schema"].columns}
        assert set(columns) == {field["name"] for field in schema_of(topic.name)["fields"]}
        assert all(column.description for column in columns.values()), name
        assert columns["event_time"].constraints.nullable
        assert not columns["received_at"].constraints.nullable
        assert metadata["retention"] == ("2 days" if name == "orderbook_stream" else "7 days")
        fails_after = specs[name].freshness_policy.fail_window.to_timedelta()
        assert fails_after == (timedelta(hours=48) if name == "liquidation_stream" else timedelta(minutes=5))


def test_bronze_says_which_stream_feeds_it(graph: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in graph.resolve_all_asset_specs()}
    fed_by = {d.name: {dep.asset_key.to_user_string() for dep in specs[d.name].deps} for d in BRONZE}
    assert fed_by == {
        **{f"bronze_klines_{timeframe}": {"kline_stream"} for timeframe in ("1m", "5m", "15m")},
        "bronze_orderbook": {"orderbook_stream"},
        "bronze_mark_price": {"mark_price_stream"},
        "bronze_liquidations": {"liquidation_stream"},
        "bronze_trades": {"trade_stream"},
        "bronze_funding_rate": set(),
        "bronze_open_interest": set(),
    }


def test_the_run_that_supervises_is_neither_timed_out_nor_repeated_nor_doubled(graph: dg.Definitions) -> None:
    tags = graph.resolve_job_def("market_stream").tags
    assert (float(tags["dagster/max_runtime"]), tags["dagster/max_retries"]) == (0, "0")
    queue = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]["runs"]
    assert {"key": "market_stream", "value": tags["market_stream"], "limit": 1} in queue["tag_concurrency_limits"]
    assert queue["max_concurrent_runs"] >= 4, "it holds one place for ever"


@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/dagster.yaml"])
def test_the_daemon_gives_back_what_a_run_holds_that_died(path: str) -> None:
    monitoring = yaml.safe_load((ROOT / path).read_text())["run_monitoring"]
    assert monitoring["enabled"]
    assert monitoring["free_slots_after_run_end_seconds"] > 0


def test_medallion_is_everything_but_trades(graph: dg.Definitions) -> None:
    job = graph.resolve_job_def("medallion")
    selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert selected == {d.name for d in (*BRONZE, *SILVER, GOLD_FEATURES)} - {BRONZE_TRADES.name}
    assert job.partitions_def == DaySymbol(date(2023, 1, 1), ("BTCUSDT", "ETHUSDT", "BNBUSDT")).definition


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_gold_depends_on_its_day_and_the_days_before(graph: dg.Definitions) -> None:
    (spec,) = [s for s in graph.resolve_all_asset_specs() if s.key.to_user_string() == GOLD_FEATURES.name]

    mappings = {dep.asset_key.to_user_string(): dep.partition_mapping for dep in spec.deps}

    assert mappings == {dataset.name: look_back(days) for dataset, days in LOOK_BACK_DAYS.items()}
    assert [LOOK_BACK_DAYS[dataset] for dataset in SILVER_KLINES.values()] == [4, 4, 4]


def test_every_partitioned_asset_takes_a_range_in_one_run(graph: dg.Definitions) -> None:
    assets = graph.resolve_asset_graph()
    partitioned = [key for key in assets.materializable_asset_keys if assets.get(key).partitions_def is not None]

    assert {key.to_user_string() for key in partitioned} == {
        *(dataset.name for dataset in (*BRONZE, *SILVER)),
        *("gold_features", "daily_summary"),
        *("raw_klines_1s", "hdfs_klines_1s", "klines_1s"),
        *("dim_time", "dim_symbol", "fact_trades", "redshift_dim_time", "redshift_dim_symbol", "redshift_fact_trades"),
        *("price_aggregates", "hive_price_aggregates", "sheet_price_aggregates"),
        *("lstm_training_set", "lstm_checkpoint", "lstm_evaluation", "lstm_predictions"),
        "health_report",
    }
    assert {assets.get(key).backfill_policy for key in partitioned} == {dg.BackfillPolicy.single_run()}


def test_assets_that_ask_the_exchange_share_a_pool(graph: dg.Definitions) -> None:
    assets = graph.resolve_asset_graph()
    asking = {key.to_user_string() for key in assets.materializable_asset_keys if "exchange" in assets.get(key).pools}
    assert asking == {*(dataset.name for dataset in BRONZE), "raw_klines_1s", "dim_symbol"}


def test_columns_are_described_as_the_schema_declares_them(graph: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in graph.resolve_all_asset_specs()}

    for dataset in (*BRONZE, *SILVER, GOLD_FEATURES):
        schema = specs[dataset.name].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == dataset.schema.names
        assert all(column.description for column in schema.columns), dataset.name
    rsi = next(c for c in specs[GOLD_FEATURES.name].metadata["dagster/column_schema"].columns if c.name == "rsi_14_1m")
    assert (rsi.type, rsi.tags["family"]) == ("double", "price")


def test_every_feature_says_which_silver_columns_it_is_made_from(graph: dg.Definitions) -> None:
    (spec,) = [s for s in graph.resolve_all_asset_specs() if s.key.to_user_string() == GOLD_FEATURES.name]
    columns = {dataset.name: set(dataset.schema.names) for dataset in SILVER}

    lineage = spec.metadata["dagster/column_lineage"].deps_by_column

    for feature in FEATURES:
        for dep in lineage[feature.name]:
            assert dep.column_name in columns[dep.asset_key.to_user_string()], (feature.name, dep)


def test_importing_the_definitions_loads_nothing_heavy_and_opens_no_connection() -> None:
    program = (
        "import json, socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('a connection while importing')\n"
        "socket.socket.connect = refuse\n"
        "from crypto_assets.definitions import defs\n"
        "defs()\n"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
