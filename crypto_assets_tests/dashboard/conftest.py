"""The dashboard as a user starts it: one on the session's services, one where nothing runs, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import streamlit as st
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from streamlit.testing.v1 import AppTest

from crypto_assets.config import Settings
from crypto_assets.dashboard.context import PageContext
from crypto_assets_tests.dashboard.feeding import Feeding
from crypto_assets_tests.pages import end_page, start_page
from crypto_assets_tests.services import NAMED

SYMBOLS = ("BTCUSDT", "ETHUSDT")
EXCHANGE = "simulator-41"
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 120_000
"""How long a sight is waited for: tests run beside others."""
DESKTOP = {"width": 1440, "height": 1000}
NAMED_IN_CAPITALS = {name.upper() for name in NAMED}
PROBES = ("/_stcore/health", "/_stcore/host-config")
"""What Streamlit's page asks for below the address it was opened at, before it asks at the server's root."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running dashboard."""

    url: str
    data_dir: Path
    process: subprocess.Popen[str]

    @property
    def family(self) -> list[psutil.Process]:
        """Its processes."""
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]


@contextmanager
def running_dashboard(data_dir: Path, variables: Mapping[str, str]) -> Iterator[Dashboard]:
    """`make dashboard` on a free port with settings of the test alone; nothing of it is left at the end."""
    given = {"DATA_DIR": str(data_dir), "SYMBOLS": ",".join(SYMBOLS), **variables}
    url, process = start_page("crypto_assets.dashboard", given, without=NAMED_IN_CAPITALS)
    try:
        yield Dashboard(url, data_dir, process)
    finally:
        left = end_page(process)
    assert left == []


@pytest.fixture(scope="package")
def served_settings(redis_server: str, kafka: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the served dashboard: the session's services, a lake and an exchange of its own."""
    return Settings.model_validate(
        {
            "data_dir": tmp_path_factory.mktemp("dashboard"),
            "symbols": ",".join(SYMBOLS),
            "simulator_seed": EXCHANGE.rpartition("-")[2],
            "redis_url": redis_server,
            "kafka_bootstrap_servers": kafka,
            "postgres_url": postgres,
        }
    )


@pytest.fixture(scope="package")
def service_variables(redis_server: str, kafka: str, postgres: str) -> dict[str, str]:
    """Variables of the session's services and of the served dashboard's exchange."""
    return {
        "SIMULATOR_SEED": EXCHANGE.rpartition("-")[2],
        "REDIS_URL": redis_server,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "POSTGRES_URL": postgres,
    }


@pytest.fixture(scope="package")
def served(served_settings: Settings, service_variables: Mapping[str, str]) -> Iterator[Dashboard]:
    """A dashboard on real services; its lake, `served_settings.lake`, is empty until a test fills it."""
    with running_dashboard(served_settings.data_dir, service_variables) as dashboard:
        yield dashboard


@pytest.fixture(scope="package")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard of a folder where nothing was ever started."""
    with running_dashboard(tmp_path_factory.mktemp("alone"), {}) as dashboard:
        yield dashboard


@pytest.fixture(scope="package")
def feeding(kafka: str, redis_server: str) -> Feeding:
    """The market of the served dashboard, whose topics are there and empty."""
    feeding = Feeding(kafka, redis_server, EXCHANGE)
    feeding.make_topics()
    return feeding


@dataclass
class Visitor:
    """Opens pages in tabs of one context, and remembers what their consoles complained of."""

    context: BrowserContext
    complaints: list[str]

    def open(self, url: str) -> Page:
        """A tab at the address."""
        page = self.context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        if message.type == "error" and not where.endswith(PROBES):
            self.complaints.append(f"{message.text} ({where})")


@contextmanager
def visiting(browser: Browser, *, theme: str = "light", phone: bool = False) -> Iterator[Visitor]:
    """A visitor who prefers a theme, on a laptop or a phone, far away from UTC."""
    context = browser.new_context(
        viewport=PHONE if phone else DESKTOP, color_scheme=theme, timezone_id="America/New_York", has_touch=phone
    )
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield Visitor(context, [])
    context.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    """A visitor with a laptop and a light theme; its console must be free of errors at the end."""
    with visiting(browser) as visitor:
        yield visitor
        assert visitor.complaints == []


@pytest.fixture(autouse=True)
def _own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit makes its script the main module and leaves it: processes that a later test spawns would run it."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


def drawn(page: Callable[[PageContext], None], settings: Settings) -> AppTest:
    """A page drawn once in this process, without server and browser: what it says of these settings."""
    st.cache_resource.clear()
    st.cache_data.clear()
    test = AppTest.from_function(_draw, args=(page, PageContext(settings)), default_timeout=60).run()
    assert not test.exception, test.exception
    return test


def _draw(page, context):  # its text alone is what Streamlit runs: no name of this module is known there
    page(context)


def said(test: AppTest) -> str:
    """All texts of a page that was drawn, one after the other, without the escapes of Markdown."""
    texts = [*test.markdown, *test.caption, *test.warning, *test.code]
    return "\n".join([*(one.value.replace("\\", "") for one in texts), *(one.proto.body for one in test.get("html"))])


def is_too_wide(page: Page) -> bool:
    """Whether one has to scroll sideways."""
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
