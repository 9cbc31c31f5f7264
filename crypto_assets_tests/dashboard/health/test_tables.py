"""Tables of the page: the worst row first, each figure with its age."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from crypto_assets.config import Settings
from crypto_assets.dashboard.health.figures import Events, LakeFigures
from crypto_assets.dashboard.health.tables import checks_table, runs_table, symbols_table, writes_table
from crypto_assets.features.declaration import FEATURES
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.writes import LastWrite

NOW = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
DAY = date(2026, 1, 19)
SETTINGS = Settings.model_validate({"dagster_url": "http://127.0.0.1:3000"})
CHECK = CheckResult("gold_features", "range", "2026-01-19|BTCUSDT", False, "ERROR", "3 rows leave it.", NOW, "run-1")


def rows_of(html: str) -> list[list[str]]:
    """Texts of the cells of each row but the first."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)[1:]
    return [[re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row)] for row in rows]


def test_a_symbol_that_is_not_whole_comes_first() -> None:
    whole = Completeness("silver_klines_1m", "BTCUSDT", DAY, 1_440, 1_440, 0, 0)
    lacking = replace(whole, symbol="ETHUSDT", rows=1_000)
    good = GoldQuality("BTCUSDT", DAY, 1_440, len(FEATURES), 1_440, (), 0, (), ("open_interest",))
    lake = LakeFigures((), (whole, lacking), (good,))
    first, second = rows_of(symbols_table(lake, ("BTCUSDT", "ETHUSDT"), SETTINGS))
    assert first[:4] == ["ETHUSDT", "✕2026-01-19", "1,000/1,440", "0 of 1 complete"]
    assert first[4] == "!never made"
    assert second == [
        "BTCUSDT", "✓2026-01-19", "1,440/1,440", "1 of 1 complete",
        "✓2026-01-19", f"{len(FEATURES)}/{len(FEATURES)}", "1,440/1,440", "all in range; no open interest",
    ]  # fmt: skip


def test_each_bronze_dataset_tells_its_newest_and_its_oldest_write() -> None:
    fresh = LastWrite("bronze_trades", "BTCUSDT", DAY, NOW - timedelta(minutes=3), 12_345)
    old = replace(fresh, symbol="ETHUSDT", written_at=NOW - timedelta(hours=2))
    never = LastWrite("bronze_orderbook", "BTCUSDT", None, None, None)
    rows = rows_of(writes_table(LakeFigures((fresh, old, never), (), ()), SETTINGS, now=NOW))
    assert rows == [
        ["bronze_trades", "3 minutes ago, BTCUSDT", "2 hours ago, ETHUSDT", "2026-01-19, 12,345 rows", "2/2"],
        ["bronze_orderbook", "never", "–", "–", "0/1"],
    ]


def test_one_check_of_many_partitions_is_one_row_and_errors_come_first() -> None:
    checks = (
        replace(CHECK, check="soft", severity="WARN"),
        CHECK,
        replace(CHECK, partition="2026-01-18|BTCUSDT", at=NOW - timedelta(hours=1)),
        replace(CHECK, check="fine", passed=True),
    )
    html = checks_table(Events(checks, ()), SETTINGS, now=NOW + timedelta(minutes=5))
    assert rows_of(html) == [
        ["✕range", "gold_features", "2026-01-19|BTCUSDT and 1 more", "3 rows leave it.", "5 minutes ago"],
        ["!soft", "gold_features", "2026-01-19|BTCUSDT", "3 rows leave it.", "5 minutes ago"],
    ]
    assert 'href="http://127.0.0.1:3000/runs/run-1"' in html


def test_runs_that_failed_say_why() -> None:
    run = RunState("id", "medallion", "FAILURE", NOW, NOW - timedelta(minutes=1), None, "No space is left.")
    several = replace(run, assets=("a", "b", "c"), partition="2026-01-19|BTCUSDT")
    html = runs_table(Events((), (run, several, replace(run, status="SUCCESS"))), SETTINGS, now=NOW)
    assert rows_of(html) == [
        ["✕medallion", "", "No space is left.", "1 minute ago"],
        ["✕a, b and 1 more", "2026-01-19|BTCUSDT", "No space is left.", "1 minute ago"],
    ]
