from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pyarrow.parquet as pq
import pytest
from PIL import Image

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.calendar import GapMinutes
from crypto_assets.health.document import as_markdown, headlines, verdict
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.lag import StreamLag
from crypto_assets.health.publishing import PublishedReport, path_of, picture_of, publish_report
from crypto_assets.health.report import HealthReport, Section, make_report
from crypto_assets.health.rows import EVERY, HEALTH_REPORT, STATUSES, ReportRow, report_table
from crypto_assets.health.storage import PRICES, READS_PER_FILE, WRITES_PER_FILE
from crypto_assets.lake.files import Files
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS
from crypto_assets.stream.health import Health
from crypto_assets_tests.health.small_lake import DAY, NEXT_MORNING, SYMBOL, at, gold, put_silver
from crypto_assets_tests.services import service_settings

KEY = f"{DAY}|{SYMBOL}"
FILES = ["health_report.md", "health_report.parquet", "health_report.png"]


def report_of(lake: Lake, folder: Path, *, now: datetime = NEXT_MORNING) -> HealthReport:
    settings = service_settings(folder / "data", symbols=(SYMBOL, "ETHUSDT"))
    checks = [
        CheckResult(
            "gold_features", "warm", KEY, False, "WARN", "a | bar and <b>a tag</b>\nin two lines.", at(26), "r"
        ),
        CheckResult("gold_features", "schema", KEY, True, "ERROR", "as declared", at(26), "r"),
    ]
    runs = [RunState("0123456789", "medallion", "FAILURE", at(25), at(26), KEY, "disk full")]
    programs = [Health("collector", "unknown", "collector: Redis cannot be asked")]
    return make_report(lake, settings, day=DAY, now=now, programs=programs, checks=checks, runs=runs)


def put_day(lake: Lake) -> None:
    put_silver(lake, minutes=[*range(600), *range(620, 640), *range(700, 1440)], halts=[(at(10, 40), at(11, 40))])
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1360))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("published")


@pytest.fixture(scope="module")
def published(folder: Path) -> PublishedReport:
    """A report in a lake that no test changes."""
    lake = Lake(str(folder / "lake"))
    put_day(lake)
    return publish_report(lake, report_of(lake, folder))


def test_table_page_and_picture_lie_side_by_side(folder: Path, published: PublishedReport) -> None:
    lake = Lake(str(folder / "lake"))
    assert lake.files.names("health/date=2024-08-05") == FILES
    table = lake.read(HEALTH_REPORT, EVERY, DAY)
    assert table is not None
    assert table == report_table(list(published.rows))
    assert set(table["status"].to_pylist()) <= set(STATUSES)
    raw = lake.files.read(path_of(DAY, "health_report.parquet"))
    notes = pq.read_schema(io.BytesIO(raw or b"")).metadata
    assert notes[b"made_at"] == b"2024-08-06T05:00:00+00:00"
    assert notes[b"verdict"].decode() == published.verdict
    assert lake.newest_day(HEALTH_REPORT, EVERY) == DAY


def test_the_page_begins_with_the_worst(published: PublishedReport) -> None:
    head, _, rest = published.page.partition("## What wants a look\n\n")
    assert head.startswith("# Health of 2024-08-05\n\n**2 failures, ")
    assert "seen at 2024-08-06 05:00 UTC" in head
    assert "![Health of 2024-08-05](health_report.png)" in head
    lines = rest.partition("\n\n")[0].splitlines()
    order = [STATUSES.index(next(s for s in STATUSES if line.startswith(f"- **{s}**"))) for line in lines]
    assert order == sorted(order)
    assert lines[0] == "- **failed**, runs: Run 01234567 of medallion (2024-08-05|BTCUSDT) failed: disk full"
    assert lines[1].startswith("- **failed**, completeness: silver_klines_1m 2024-08-05 BTCUSDT: 1,360/1,380 minutes")


def test_the_page_has_each_table_and_no_tag_or_bar_from_outside(published: PublishedReport) -> None:
    assert "| silver_klines_1m | 1,360/1,380 | – |" in published.page
    assert "| gold_features | 1 | 1 | 0 |" in published.page
    assert "- **warning**, checks: gold_features warm, a | bar and &lt;b>a tag&lt;/b> in two lines." in published.page
    assert "<b>" not in published.page


def test_figures_of_one_kind_are_told_once_with_the_names_of_the_others(published: PublishedReport) -> None:
    absent = [line for line in published.page.splitlines() if line.startswith("- **absent**, freshness")]
    assert len(absent) == 2
    assert "bronze_trades" not in absent[0]  # another command makes it
    assert "--select bronze_trades" in absent[1]
    assert "*Likewise: bronze_klines_1m ETHUSDT, bronze_klines_5m BTCUSDT ETHUSDT, " in absent[0]


def test_the_picture_is_a_small_png(published: PublishedReport) -> None:
    image = Image.open(io.BytesIO(published.picture))
    assert (image.format, image.size) == ("PNG", (900, 576))
    assert len(published.picture) < 50_000


def test_the_same_report_again_changes_nothing_and_a_later_one_replaces_it(lake: Lake, tmp_path: Path) -> None:
    put_day(lake)
    report = report_of(lake, tmp_path)
    first, again = publish_report(lake, report), publish_report(lake, report)
    assert (first.table.changed, again.table.changed) == (True, False)
    assert first.picture == again.picture
    put_silver(lake)
    publish = Files.publish
    later = report_of(lake, tmp_path, now=datetime(2024, 8, 7, tzinfo=UTC))

    def end_after_the_picture(self: Files, path: str, content: bytes) -> bool:
        if not path.endswith(".png"):
            raise KeyboardInterrupt
        return publish(self, path, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Files, "publish", end_after_the_picture)
        with pytest.raises(KeyboardInterrupt):
            publish_report(lake, later)
    assert lake.read(HEALTH_REPORT, EVERY, DAY) == report_table(list(first.rows))

    publish_report(lake, later)
    assert "| silver_klines_1m | 1,440/1,440 | – |" in (lake.files.read(path_of(DAY, FILES[0])) or b"").decode()
    assert lake.files.names("health/date=2024-08-05") == FILES


def test_a_bucket_keeps_a_report_too(bucket: str, tmp_path: Path) -> None:
    lake = Lake(f"{bucket}/lake")
    put_day(lake)
    report = report_of(lake, tmp_path)
    done = publish_report(lake, report)
    assert lake.files.names("health/date=2024-08-05") == FILES
    assert report.problems == ()
    assert len(report.disks) == 1
    assert not report.is_own_disk
    assert headlines(report)["cost"].startswith("less than 0.01 USD a month")
    assert any(row.sentence.startswith("silver klines_1m: ") for row in done.rows)


def test_sections_have_a_sentence_each(lake: Lake, tmp_path: Path) -> None:
    put_day(lake)
    said = headlines(report_of(lake, tmp_path))
    assert said["silver"] == "0 of 2 symbols are complete: BTCUSDT 1,360/1,380, ETHUSDT 0/1,440"
    assert said["features"] == "1 of 2 symbols have every feature in its range, none undefined"
    assert said["checks"] == "1 of 2 results passed"
    assert said["streams"] == "0 of 1 programs live, 0 of 0 streams late or silent"
    assert said["cost"].startswith(
        "the lake lies on your own disk; elsewhere it would be less than 0.01 USD a month to keep "
    )


def test_what_nobody_looked_at_has_no_sentence_and_what_was_lost_has_one(lake: Lake, tmp_path: Path) -> None:
    gaps = tuple(GapMinutes("trades", symbol, DAY, 1.5, 0.5, 0.0, 0.0, 1) for symbol in (SYMBOL, "ETHUSDT"))
    report = dataclasses.replace(report_of(lake, tmp_path), checks=None, cost=None, gaps=gaps)
    said = headlines(report)
    assert said["gaps"] == "2 streams had a gap, 3.0 minutes are lost or open"
    assert {"checks", "cost"}.isdisjoint(said)


def test_minutes_that_contradict_themselves_are_not_counted_as_there(lake: Lake, tmp_path: Path) -> None:
    put_silver(lake, flags=dict.fromkeys(range(40), FLAGS["ohlc_violation"]))
    report = report_of(lake, tmp_path)
    assert "BTCUSDT 1,400/1,440" in headlines(report)["silver"]
    assert "| silver_klines_1m | 1,400/1,440 | – |" in as_markdown(report, [])
    assert picture_of(report, []).strips[0].note == "1,400/1,440"


def test_a_report_of_nothing_wrong_says_so(lake: Lake, tmp_path: Path) -> None:
    report = report_of(lake, tmp_path)
    fine = [ReportRow("disk", "data", "", "free", 1.0, "bytes", "ok", "")]
    assert verdict(fine) == "all is well"
    assert "Nothing wants a look." in as_markdown(report, fine)


def test_streams_are_a_table_of_their_lag(lake: Lake, tmp_path: Path) -> None:
    lags = (StreamLag("processor", "trades", SYMBOL, 0.25, 3.0, None, True),)
    report = dataclasses.replace(report_of(lake, tmp_path), lags=lags)
    assert "| processor, trades | BTCUSDT | 0.2 s | 3.0/s | silent |" in as_markdown(report, [])


def test_the_documentation_tells_the_prices_and_requests_that_are_used() -> None:
    page = (Path(__file__).parents[2] / "docs" / "health.md").read_text(encoding="utf-8")
    for prices in PRICES.values():
        row = next(line for line in page.splitlines() if line.startswith(f"| {prices.name} |"))
        figures = (prices.gigabyte_month, prices.thousand_writes, prices.thousand_reads)
        told = [float(cell.removesuffix(" USD")) for cell in row.split(" | ")[1:4]]
        assert told == list(figures)
        assert row.endswith(f"| `{prices.source}` | {prices.read_on} |")
    assert f"stands for {WRITES_PER_FILE} writes" in page
    assert f"and {READS_PER_FILE} reads" in page
    assert all(f"`{section}`" in page for section in get_args(Section.__value__))
    assert all(f"`{status}`" in page for status in STATUSES)
