"""The page Health: the worst first, each part by itself, and nothing that waits for a service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from crypto_assets.config import Settings
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.dashboard.pages import health
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.stream.gap_table import GAP_LEDGER, gap_table
from crypto_assets.stream.gaps import Gap
from crypto_assets_tests.dashboard.conftest import (
    EXCHANGE,
    Dashboard,
    Visitor,
    drawn,
    is_too_wide,
    running_dashboard,
    said,
    visiting,
)
from crypto_assets_tests.dashboard.features.days import CANDLES, candle_table, gold_table
from crypto_assets_tests.dashboard.feeding import Feeding
from crypto_assets_tests.dashboard.health.test_figures import run_a_failing_check
from crypto_assets_tests.waiting import wait_for

SYMBOL = "ETHUSDT"
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture(scope="module")
def served_settings(served_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A folder that no other file's page looks at: a page reads Dagster's history once a minute for all who look."""
    return served_settings.model_copy(update={"data_dir": tmp_path_factory.mktemp("health")})


@pytest.fixture(scope="module")
def served(served_settings: Settings, stored: Lake, service_variables: Mapping[str, str]) -> Iterator[Dashboard]:
    """A dashboard on that folder."""
    with running_dashboard(served_settings.data_dir, service_variables) as dashboard:
        yield dashboard


@pytest.fixture(scope="module")
def stored(served_settings: Settings, feeding: Feeding) -> Lake:
    """Yesterday, of one symbol candles that lack an hour; a gap of the streams; and a check that did not pass."""
    lake = Lake(served_settings.lake)
    lake.publish(CANDLES, SYMBOL, YESTERDAY, candle_table(YESTERDAY, minutes=range(1_380)))
    for symbol in served_settings.symbols:
        lake.publish(GOLD_FEATURES, symbol, YESTERDAY, gold_table(YESTERDAY))
    now = datetime.now(UTC)
    gap = Gap(
        gap_id="one", dataset="orderbook", symbol=SYMBOL, start=now - timedelta(minutes=9), end=now, cause="disconnect",
        state="unrecoverable", detail="", noticed_at=now, changed_at=now,
    )  # fmt: skip
    lake.publish(GAP_LEDGER, EXCHANGE, YESTERDAY, gap_table([gap]))
    run_a_failing_check(prepare_dagster_home(served_settings.data_dir, environment={}))
    feeding.beat("collector", [SYMBOL], at=now)
    return lake


def test_an_empty_folder_says_what_to_run_and_what_is_down(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "symbols": "BTCUSDT,ETHUSDT"})
    test = drawn(health.render, settings)
    text = wait_for(
        lambda: said(test.run()),
        until=lambda text: "postgres down" in text and "No live stream runs." in text and "free (" in text,
        deadline_s=60,
    )
    assert "Nothing has been written yet." in text
    assert "make demo\nmake up\nmake live" in text
    assert "Bronze holds nothing yet. Run: <code>make demo</code>" in text
    assert "There is no gap ledger" in text


def test_a_lake_and_a_redis_that_cannot_be_read_dim_their_parts_only(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "symbols": SYMBOL, "redis_url": "redis://:very-secret@127.0.0.1:1/0"}
    )
    lake = Lake(settings.lake)
    lake.publish(GOLD_FEATURES, SYMBOL, YESTERDAY, gold_table(YESTERDAY, minutes=range(3)))
    path = lake.files.local_path(GOLD_FEATURES.partition_path(SYMBOL, YESTERDAY))
    assert path is not None
    path.write_bytes(b"PAR1 this is no Parquet file PAR1")
    test = drawn(health.render, settings)
    text = wait_for(
        lambda: said(test.run()),
        until=lambda text: all(part in text for part in ("is no Parquet file", "Redis cannot be asked", "free (")),
        deadline_s=60,
    )
    assert "very-secret" not in text


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)], ids=["laptop", "phone"])
def test_the_worst_comes_first_and_every_part_is_there(
    served: Dashboard, stored: Lake, browser: Browser, theme: str, phone: bool
) -> None:
    with visiting(browser, theme=theme, phone=phone) as visitor:
        page = visitor.open(f"{served.url}/health")
        trouble = page.locator(".ca-trouble")
        # By what they say, not by their names: while the page draws itself anew, former ones are still there.
        expect(trouble.filter(has_text="1,380/1,440")).to_contain_text("Silver")
        expect(trouble.filter(has_text="range of gold_features: 3 rows <b>leave</b> their range.")).to_be_visible()
        expect(trouble.filter(has_text="lost")).to_contain_text("Gaps")
        expect(page.locator(".ca-tile", has_text="Gold")).to_contain_text("106/106 features")
        expect(part(page, "failed-checks-and-runs")).to_contain_text("None of 1 runs failed.")
        expect(part(page, "bronze-to-gold")).to_contain_text("0 of 1 complete")
        for key in ("calendar", "gaps-of-the-streams"):
            expect(part(page, key).locator("[data-testid=stVegaLiteChart] :is(canvas, svg.marks)")).to_be_visible()
        expect(part(page, "streams-and-lag")).to_contain_text("collector")
        expect(part(page, "services")).to_contain_text("postgres")
        expect(part(page, "storage-and-cost")).to_contain_text("Amazon S3 Standard")
        gold = page.locator(".ca-area a", has_text="Gold")
        expect(gold).to_have_attribute("href", "http://127.0.0.1:3000/assets/gold_features")
        assert not is_too_wide(page)
        assert visitor.complaints == []


def part(page: Page, key: str) -> Locator:
    return page.locator(f"[class*='st-key-part-{key}']")


def test_figures_change_by_themselves(served: Dashboard, stored: Lake, visitor: Visitor) -> None:
    page = visitor.open(f"{served.url}/health")
    silver = page.locator(".ca-trouble, .ca-tile").filter(has_text="Silver")
    expect(silver).to_contain_text("1,380/1,440")
    stored.publish(CANDLES, SYMBOL, YESTERDAY, candle_table(YESTERDAY))
    expect(silver).to_contain_text("1,440/1,440", timeout=40_000)


def test_a_platform_where_nothing_runs_is_told_without_an_error(alone: Dashboard, visitor: Visitor) -> None:
    page = visitor.open(f"{alone.url}/health")
    expect(page.locator(".ca-trouble").filter(has_text="Services")).to_contain_text("make up", timeout=40_000)
    expect(page.get_by_text("Dagster has not run here yet, so that no check has.")).to_be_visible(timeout=40_000)
