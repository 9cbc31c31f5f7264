"""The page as a user starts it, on a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from crypto_assets_tests.pages import end_page, start_page
from crypto_assets_tests.ui.graphql import LOCATIONS, GraphQL
from crypto_assets_tests.waiting import wait_for


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


def start_ui(data_dir: Path) -> Served:
    """`make ui` on a free port, once it has printed its address."""
    settings = {
        "DATA_DIR": str(data_dir),
        "SYMBOLS": "BTCUSDT",
        "EXCHANGE": "simulator",
        "PARTITIONS_START": "2024-08-01",
    }
    url, process = start_page("crypto_assets.ui", settings, without=("DAGSTER_HOME", "LAKE_URI"))
    return Served(url, data_dir, process)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The page with its code location loaded; interrupted after its tests, it ends well and leaves no process."""
    served = start_ui(tmp_path_factory.mktemp("page"))
    try:
        wait_for(
            lambda: served.graphql.ask(LOCATIONS)["workspaceOrError"]["locationEntries"],
            until=lambda entries: all(entry["locationOrLoadError"] for entry in entries),
            deadline_s=120,
        )
        yield served
    finally:
        left = end_page(served.process)
    assert (left, served.process.returncode) == ([], 0)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """An empty tab of a desktop's size; what it showed last is kept as `page.png` in the test's folder."""
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    yield page
    page.screenshot(path=tmp_path / "page.png")
    page.close()
