"""The page as a user starts it, on a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from crypto_assets_tests.ui.graphql import LOCATIONS, GraphQL
from crypto_assets_tests.waiting import wait_for
from tools.browser import find_browser

ROOT = Path(__file__).resolve().parents[2]
END_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running page and its process."""

    url: str
    data_dir: Path
    process: subprocess.Popen[str]

    @property
    def graphql(self) -> GraphQL:
        """Its GraphQL interface."""
        return GraphQL(self.url)


def start_page(data_dir: Path) -> Served:
    """`make ui` on a free port, once it has printed its address."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "LAKE_URI")}
    settings = {
        "DATA_DIR": str(data_dir),
        "SYMBOLS": "BTCUSDT",
        "EXCHANGE": "simulator",
        "PARTITIONS_START": "2024-08-01",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "crypto_assets.ui", "--port", "0"],
        cwd=ROOT,
        env={**inherited, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = re.search(r"http://[\w.:]+", process.stdout.readline())
    assert address is not None, f"the page did not start: exit code {process.wait()}"
    return Served(address[0], data_dir, process)


def end_page(served: Served) -> list[psutil.Process]:
    """Interrupt it as Ctrl-C does, and return what outlives it."""
    family = psutil.Process(served.process.pid).children(recursive=True)
    served.process.send_signal(signal.SIGINT)
    served.process.wait(END_TIMEOUT_S)
    _, left = psutil.wait_procs(family, timeout=1)
    return left


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with its code location loaded; nothing of it is left when the tests have ended."""
    served = start_page(tmp_path_factory.mktemp("page"))
    try:
        wait_for(
            lambda: served.graphql.ask(LOCATIONS)["workspaceOrError"]["locationEntries"],
            until=lambda entries: all(entry["locationOrLoadError"] for entry in entries),
            deadline_s=120,
        )
        yield served
    finally:
        left = end_page(served)
    assert left == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, ended with its tests: while it runs, others cannot run an event loop."""
    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium: `python -m tools.browser` installs one, or says why it cannot")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """An empty tab of a desktop's size; what it showed last is kept as `page.png` in the test's folder."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    yield page
    page.screenshot(path=tmp_path / "page.png")
    page.close()
