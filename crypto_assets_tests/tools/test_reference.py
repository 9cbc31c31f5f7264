"""Reference pages leave nothing out."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from tools.markdown import cell, table
from tools.reference import assets_page, avro_page, sql_page

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def assets() -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return assets_page()


def section(page: str, heading: str) -> str:
    """Lines of a heading of the third level, up to the next heading."""
    return re.split(r"^##+ ", page.partition(f"### {heading}\n")[2], flags=re.MULTILINE)[0]


def test_an_asset_says_partition_parents_place_and_checks(assets: str) -> None:
    gold = section(assets, "gold_features")
    assert "- Partition: day × symbol" in gold
    assert "`silver_klines_1m`, `silver_klines_5m`, `silver_orderbook`, `silver_perpetual`" in gold
    assert "- Path: `gold/features/symbol={symbol}/date={day}/features.parquet`" in gold
    assert re.search(r"^\| `\w*look_?ahead\w*` \| yes \|", gold, re.MULTILINE)
    assert "- Partition: day\n" in section(assets, "fact_trades")
    assert "- Partition: none\n" in section(assets, "gap_ledger")


def test_jobs_schedules_and_sensors_are_on_the_page(assets: str) -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", assets, re.MULTILINE))
    assert {"medallion", "market_stream", "gold_daily", "follow_changes", "bronze_retention_daily"} <= rows


def test_every_schema_of_a_topic_has_its_fields() -> None:
    page = avro_page()
    named = {path.stem for path in (ROOT / "crypto_assets" / "stream" / "schemas").glob("*.avsc")} - {"key"}
    assert set(re.findall(r"^## (\w+)$", page, re.MULTILINE)) == named
    assert "| `event_time` | timestamp-micros, or null |" in page


def test_every_table_and_procedure_of_the_migrations_is_shown() -> None:
    page = sql_page()
    names = {path.stem.removeprefix("create_") for path in (ROOT / "crypto_assets/sql/postgres").glob("create_*.sql")}
    created = re.findall(
        r"^CREATE (?:TABLE|FUNCTION|PROCEDURE|SCHEMA IF NOT EXISTS) (?:\w+\.)?(\w+)", page, re.MULTILINE
    )
    assert names - {"staging_schema"} <= set(created)
    assert "CREATE TABLE IF NOT EXISTS fact_trades (" in page
    assert "DISTKEY" in page
    assert "CREATE EXTERNAL TABLE IF NOT EXISTS crypto_assets.price_aggregates (" in page


def test_text_of_code_does_not_break_a_table() -> None:
    assert cell("a | b\n<c> `<d>`") == "a \\| b &lt;c> `<d>`"
    assert list(table(("x", "y"), [("1", "2")])) == ["| x | y |", "|---|---|", "| 1 | 2 |", ""]
