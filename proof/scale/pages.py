"""Dagster's pages over an instance, looked at with a browser: seconds to what a person waits for."""

from __future__ import annotations

import os
import re
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import msgspec

from crypto_assets.dagster_home import PROJECT
from crypto_assets.processes import end_children, start_child
from proof.scale.watching import Cost, Watch
from tools.browser import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Response

START_S, PAGE_S, POLL_S = 600.0, 120.0, 0.5
SLOWEST = 3


class Visited(msgspec.Struct, frozen=True):
    """One look at a page, by a browser that never was there."""

    what: str
    seconds: float
    """From asking for the address to the text."""
    queries: dict[str, float]
    """The slowest questions that the page asked the server meanwhile, in seconds by name."""


def visit_pages(home: Path, *, asset: str, materialized: int) -> tuple[tuple[Visited, ...], Cost]:
    """Each page twice, and what the server took; no page where no browser is installed.

    `materialized` is how many partitions of the asset its page must show.
    """
    from playwright.sync_api import sync_playwright

    pages = {
        "partitions of an asset": (f"/assets/{asset}?view=partitions", f"Materialized ({materialized})"),
        "the graph of all assets": ("/asset-groups", "warehouse"),
        "runs": ("/runs", "Success"),
    }
    executable = find_browser()
    if executable is None:
        return (), Cost()
    with _webserver(home) as (url, pid), Watch(lambda: {"webserver": pid}) as watch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        visited = tuple(
            _visit(browser, f"{what}, {turn}", f"{url}{path}", text=text)
            for what, (path, text) in pages.items()
            for turn in ("first", "again")
        )
        browser.close()
    return visited, watch.costs()["webserver"]


def _visit(browser: Browser, what: str, url: str, *, text: str) -> Visited:
    from playwright.sync_api import TimeoutError as NotShown

    queries: dict[str, float] = {}

    def note(response: Response) -> None:
        if "/graphql" in response.url:
            asked = re.search(r'"operationName":"(\w+)"', response.request.post_data or "")
            name, seconds = asked[1] if asked else "a question", response.request.timing["responseStart"] / 1e3
            queries[name] = max(seconds, queries.get(name, 0.0))

    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    page.on("response", note)
    began = time.perf_counter()
    page.goto(url, wait_until="commit", timeout=PAGE_S * 1e3)
    try:
        page.get_by_text(text, exact=True).first.wait_for(timeout=PAGE_S * 1e3)
        seconds = time.perf_counter() - began
    except NotShown:
        seconds = float("inf")
    context.close()
    slowest = sorted(queries.items(), key=lambda one: -one[1])[:SLOWEST]
    return Visited(what, seconds, dict(slowest))


@contextmanager
def _webserver(home: Path) -> Generator[tuple[str, int]]:
    """Address and process id of a web server without a daemon: nothing but its pages happens meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("dagster-webserver"))
    command = [program, "-h", "127.0.0.1", "-p", str(port), "-w", str(PROJECT / "workspace.yaml")]
    log = home / "webserver.log"
    process = start_child(command, environment=os.environ, folder=PROJECT, log=log)
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_S
    try:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the web server does not start; see {log}")
            time.sleep(POLL_S)
        yield url, process.pid
    finally:
        end_children([process])


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=5).is_success
    except httpx.HTTPError:
        return False
