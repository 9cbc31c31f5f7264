"""The page Features: a day of gold in a browser, and as a file."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from crypto_assets.config import Settings
from crypto_assets.dashboard.pages import features
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.dashboard.conftest import Dashboard, Visitor, drawn, is_too_wide, said, visiting
from crypto_assets_tests.dashboard.features.days import DAY, gold_table, publish_day

SYMBOL = "BTCUSDT"
CHART = "[data-testid=stVegaLiteChart] :is(canvas, svg.marks)"
EARLIER = DAY - timedelta(days=1)


def settings_of(folder: Path) -> Settings:
    return Settings.model_validate({"data_dir": folder, "symbols": "BTCUSDT,ETHUSDT"})


@pytest.fixture(scope="module")
def stored(served_settings: Settings) -> Lake:
    """Two days of one symbol, the earlier one cold for its first hour."""
    lake = Lake(served_settings.lake)
    publish_day(lake, SYMBOL)
    publish_day(lake, SYMBOL, EARLIER, cold=60)
    return lake


def test_a_lake_without_features_says_what_to_run(tmp_path: Path) -> None:
    text = said(drawn(features.render, settings_of(tmp_path)))
    assert "No day of gold_features of BTCUSDT is in the lake." in text
    assert "make demo\ncrypto-assets backfill BTCUSDT" in text


def test_a_symbol_without_features_names_those_that_have_some(tmp_path: Path) -> None:
    publish_day(Lake(settings_of(tmp_path).lake), "ETHUSDT")
    assert "ETHUSDT has; choose it above." in said(drawn(features.render, settings_of(tmp_path)))


def test_a_day_without_candles_is_drawn_and_says_so(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    Lake(settings.lake).publish(GOLD_FEATURES, SYMBOL, DAY, gold_table(minutes=range(100), cold=7))
    test = drawn(features.render, settings)
    text = said(test)
    assert "Candles of 2024-08-05 are not in silver" in text
    assert "100/1,440 minutes · 93 warm" in text
    assert not test.warning


def test_a_damaged_day_is_a_sentence_with_the_command_that_makes_it_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    lake = Lake(settings.lake)
    publish_day(lake, SYMBOL)
    path = lake.files.local_path(GOLD_FEATURES.partition_path(SYMBOL, DAY))
    assert path is not None
    path.write_bytes(b"PAR1 this is no Parquet file PAR1")
    text = said(drawn(features.render, settings))
    assert "gold_features 2024-08-05 BTCUSDT is no file of this version" in text
    assert "--select gold_features --partition '2024-08-05|BTCUSDT'" in text
    assert "In figures" not in text


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)], ids=["laptop", "phone"])
def test_a_day_is_shown_over_its_candles_and_in_figures(
    served: Dashboard, stored: Lake, browser: Browser, theme: str, phone: bool
) -> None:
    with visiting(browser, theme=theme, phone=phone) as visitor:
        page = visitor.open(f"{served.url}/features?symbol={SYMBOL}")
        expect(page.get_by_text("1,440/1,440 minutes · 1,440 warm · written")).to_be_visible()
        expect(page.locator(CHART).first).to_be_visible()
        expect(page.get_by_text("Minutes of the day by value")).to_be_visible()
        assert not is_too_wide(page)
        see(page, "Correlation", "Spearman's is of the ranks")
        see(page, "Nulls and warm-up", "All 1,440 rows are warm")
        see(page, "Definitions", "relative strength of the rises among the moves")
        assert not is_too_wide(page)
        assert visitor.complaints == []


def see(page: Page, view: str, text: str) -> None:
    page.get_by_role("tab", name=view).click()
    expect(page.get_by_text(text).first).to_be_visible()


def test_the_address_chooses_and_what_it_asks_in_vain_is_refused(
    served: Dashboard, stored: Lake, visitor: Visitor
) -> None:
    hostile = "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E"
    page = visitor.open(
        f"{served.url}/features?symbol={SYMBOL}&day={EARLIER}&hours=0-3&feature=macd_1m&feature=rsi_99&feature={hostile}"
    )
    expect(page.get_by_text("1,440/1,440 minutes · 1,380 warm")).to_be_visible()
    expect(page.get_by_text("rsi_99 is not declared, nor 1 more.")).to_be_visible()
    see(page, "Nulls and warm-up", "60 of 1,440 rows are not warm, the first at 00:00, the last at 00:59 UTC")
    assert page.locator("img[src=x]").count() == 0
    expect(page).to_have_url(f"{served.url}/features?symbol={SYMBOL}&day={EARLIER}&hours=0-3&feature=macd_1m")


def test_a_chosen_feature_is_kept_in_the_address(served: Dashboard, stored: Lake, visitor: Visitor) -> None:
    page = visitor.open(f"{served.url}/features?symbol={SYMBOL}&feature=macd_1m")
    chooser = page.get_by_role("combobox", name="Features, of")
    chooser.fill("premium")
    page.get_by_role("option", name="premium_bps · perpetual").click()
    expect(page.get_by_text("Parquet of 2 features")).to_be_visible()
    assert "feature=macd_1m&feature=premium_bps" in page.url


def test_the_day_can_be_taken_along(served: Dashboard, stored: Lake, visitor: Visitor) -> None:
    page = visitor.open(f"{served.url}/features?symbol={SYMBOL}&feature=macd_1m&feature=premium_bps")
    gold = stored.read(GOLD_FEATURES, SYMBOL, DAY)
    assert gold is not None
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV of 2 features").click()
    assert download.value.suggested_filename == "gold_features-BTCUSDT-2024-08-05.csv"
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    assert [float(row["premium_bps"]) for row in rows] == gold["premium_bps"].to_pylist()
    page.get_by_text(f"All {len(FEATURES)} features").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Parquet of {len(FEATURES)} features").click()
    taken = pq.read_table(Path(download.value.path()))
    assert taken.equals(gold.select(taken.schema.names))
    assert {feature.name for feature in FEATURES} <= set(taken.schema.names)


def test_a_day_that_is_published_anew_is_shown_anew(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    lake = Lake(settings.lake)
    publish_day(lake, SYMBOL)
    test = drawn(features.render, settings)
    assert "1,440 warm" in said(test)
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold_table(cold=10))
    assert "1,430 warm" in said(test.run())
