"""What a person sees: a backfill launched from the page runs to its end, and the pages show what it made."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from crypto_assets_tests.pages import end_page
from crypto_assets_tests.ui.conftest import Served, start_ui
from crypto_assets_tests.ui.graphql import DAEMONS, PARTITION_COUNTS, RELOAD
from crypto_assets_tests.waiting import wait_for
from resources.services.manager import Services
from resources.services.process import is_alive

PARTITION = "2024-08-05|BTCUSDT"
ASSETS = ("bronze_klines_1m", "bronze_klines_5m", "bronze_klines_15m", "silver_klines_1m")
BACKFILL_DEADLINE_S = 240
PAGE_TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def backfilled(served: Served) -> Served:
    """The page after a backfill of one day has ended well."""
    backfill_id = served.graphql.launch_backfill(ASSETS, partitions=[PARTITION])
    ended = wait_for(
        lambda: served.graphql.backfill(backfill_id),
        until=lambda backfill: backfill["status"] not in ("REQUESTED", "CANCELING"),
        deadline_s=BACKFILL_DEADLINE_S,
    )
    assert (ended["status"], ended["error"]) == ("COMPLETED_SUCCESS", None)
    return served


def test_the_daemons_that_launch_and_watch_runs_are_healthy(backfilled: Served) -> None:
    statuses = backfilled.graphql.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    assert [status for status in statuses if status["required"] and not status["healthy"]] == []


def test_a_backfill_launched_from_the_page_materialises_just_the_day_asked_for(backfilled: Served) -> None:
    nodes = backfilled.graphql.ask(PARTITION_COUNTS, assetKeys=[{"path": [name]} for name in ASSETS])["assetNodes"]
    stats = {node["assetKey"]["path"][-1]: node["partitionStats"] for node in nodes}
    assert stats == {name: {"numMaterialized": 1, "numFailed": 0} for name in ASSETS}
    assert len(list((backfilled.data_dir / "lake").glob("silver/**/klines_1m.parquet"))) == 1


def test_the_graph_shows_every_layer(backfilled: Served, page: Page) -> None:
    page.goto(f"{backfilled.url}/asset-groups")
    for name in ("bronze", "silver", "gold"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=PAGE_TIMEOUT_MS)


def test_the_partitions_page_shows_the_day_its_coverage_and_what_each_step_did(backfilled: Served, page: Page) -> None:
    page.goto(f"{backfilled.url}/assets/silver_klines_1m?view=partitions&partition={PARTITION}")
    for text in (PARTITION, "Materialized (1)", "coverage", "step_8_flag_rows_out", "present_percent"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PAGE_TIMEOUT_MS)
    row = page.locator("tr", has=page.get_by_text("step_8_flag_rows_out", exact=True)).last
    assert row.inner_text().split() == ["step_8_flag_rows_out", "1440"]


def test_the_checks_page_shows_that_the_day_is_complete_and_plots_it(backfilled: Served, page: Page) -> None:
    page.goto(f"{backfilled.url}/assets/silver_klines_1m?view=checks")
    for text in ("completeness", "2024-08-05 BTCUSDT: 1,440 of 1,440 candles (100.00 %).", "Passed", "Plots"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PAGE_TIMEOUT_MS)


def test_the_overview_of_features_describes_each_column(backfilled: Served, page: Page) -> None:
    page.goto(f"{backfilled.url}/assets/gold_features")
    for text in ("rsi_14_1m", "family: price", "unit: index"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible(timeout=PAGE_TIMEOUT_MS)


def test_web_server_and_daemon_ask_one_code_server_which_the_page_can_renew(served: Served) -> None:
    def code_servers() -> set[int]:
        below = psutil.Process(served.process.pid).children(recursive=True)
        return {process.pid for process in below if is_alive(process) and {"api", "grpc"} <= set(process.cmdline())}

    programs = {Path(process.cmdline()[1]).name for process in psutil.Process(served.process.pid).children()}
    assert programs == {"dagster", "dagster-webserver", "dagster-daemon"}
    [first] = code_servers()
    served.graphql.ask(RELOAD)
    wait_for(code_servers, until=lambda found: found - {first} and first not in found, deadline_s=120)


def test_beside_the_daemon_of_make_up_the_page_starts_no_second_one(
    make_services: Callable[..., Services], tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    services.start(["daemon"])
    served = start_ui(tmp_path)
    assert served.process.stdout is not None
    assert served.process.stdout.readline().startswith("The daemon of `make up`")
    scripts = [" ".join(process.cmdline()) for process in psutil.Process(served.process.pid).children(recursive=True)]
    assert any("dagster-webserver" in script for script in scripts)
    assert not any("dagster-daemon" in script for script in scripts)
    assert end_page(served.process) == []
    [before] = services.status(["daemon"])
    assert before.state == "running"
    # Its daemon and code server outlive it by moments, and are not taken for those of a page.
    services.kill("daemon")
    services.revive(["daemon"])
    [after] = services.status(["daemon"])
    assert after.state == "running"
    assert after.pid != before.pid


def test_a_port_in_use_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = subprocess.run(
            [sys.executable, "-m", "crypto_assets.ui", "--port", str(port)],
            env={**os.environ, "DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on" in ended.stderr
    assert "--port 0" in ended.stderr
