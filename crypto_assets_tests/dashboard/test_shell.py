"""The frame: a launcher that ends what it starts, four pages that say what to run, and nothing that leaves the host."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from crypto_assets_tests.dashboard.conftest import SYMBOLS, Dashboard, Visitor, is_too_wide, visiting
from crypto_assets_tests.pages import ROOT

PAGES = ("Live", "Forecast", "Features", "Health")


def launch(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "crypto_assets.dashboard", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_port_in_use_is_named_with_a_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = launch("--port", str(port), DATA_DIR=str(tmp_path))
    assert ended.returncode == 1
    assert f"127.0.0.1:{port} cannot be listened on" in ended.stderr
    assert "--port 0" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_settings_that_cannot_be_used_are_said_before_anything_starts(tmp_path: Path) -> None:
    ended = launch("--port", "0", DATA_DIR=str(tmp_path), SYMBOLS="btc/../usdt")
    assert ended.returncode == 1
    assert "SYMBOLS" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_listens_on_this_machine_only_and_its_children_end_with_it(alone: Dashboard) -> None:
    places = {
        place.laddr.ip for process in alone.family for place in process.net_connections() if place.status == "LISTEN"
    }
    assert places == {"127.0.0.1"}


def test_a_launcher_that_is_killed_leaves_no_server(tmp_path: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "crypto_assets.dashboard", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert "The dashboard is at http://127.0.0.1:" in started.stdout.readline()
    family = psutil.Process(started.pid).children(recursive=True)
    assert family
    started.send_signal(signal.SIGKILL)
    started.wait()
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)], ids=["laptop", "phone"])
def test_where_nothing_ever_ran_each_page_says_what_to_run(
    alone: Dashboard, browser: Browser, theme: str, phone: bool
) -> None:
    with visiting(browser, theme=theme, phone=phone) as visitor:
        for name in PAGES:
            page = visitor.open(alone.url if name == "Live" else f"{alone.url}/{name.lower()}")
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            expect(page.locator("code", has_text="make ").first).to_be_visible()
            expect(page.get_by_text("encountered an error")).to_have_count(0)
            assert not is_too_wide(page), name
            assert is_dark(page) == (theme == "dark")
            page.close()
        assert visitor.complaints == []


def test_one_goes_from_page_to_page_without_a_complaint_of_the_console(alone: Dashboard, visitor: Visitor) -> None:
    page = visitor.open(alone.url)
    for name in (*PAGES[1:], PAGES[0]):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


def test_nothing_is_fetched_from_another_host(alone: Dashboard, visitor: Visitor) -> None:
    asked: list[str] = []
    page = visitor.open("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto(alone.url if name == "Live" else f"{alone.url}/{name.lower()}")
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}
    assert hosts == {urlsplit(alone.url).netloc}


def test_the_symbol_is_one_of_the_settings_whatever_the_address_says(alone: Dashboard, visitor: Visitor) -> None:
    page = visitor.open(f"{alone.url}/?symbol={SYMBOLS[1]}")
    expect(chosen(page)).to_have_text(SYMBOLS[1])
    page = visitor.open(f"{alone.url}/?symbol=../../etc/passwd")
    expect(chosen(page)).to_have_text(SYMBOLS[0])
    page.get_by_role("radio", name=SYMBOLS[1]).click()
    page.wait_for_url(f"**/?symbol={SYMBOLS[1]}")
    page.get_by_role("link", name="Forecast", exact=True).click()
    expect(page.get_by_role("heading", name="Forecast", exact=True)).to_be_visible()
    expect(chosen(page)).to_have_text(SYMBOLS[1])


def chosen(page: Page):
    """The symbol that is chosen."""
    return page.get_by_role("radio", checked=True).filter(has_text="USDT").first


def is_dark(page: Page) -> bool:
    """Whether the background is nearer to black than to white."""
    colour = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    return sum(int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) < 3 * 128
