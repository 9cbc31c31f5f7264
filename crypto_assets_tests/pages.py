"""Programs that serve pages, as a user starts them, and a browser to look at them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tools.browser import find_browser

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
END_TIMEOUT_S = 60
GONE_S = 20
"""What it started may end a while after it, where many tests share the machine."""


def start_page(
    module: str, variables: Mapping[str, str], *, without: Container[str]
) -> tuple[str, subprocess.Popen[str]]:
    """A program on a free port, once it has printed its address; this process' variables `without` some are its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0"],
        cwd=ROOT,
        env={**inherited, **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    address = re.search(r"http://[\w.:]+", said)
    assert address is not None, f"{module} did not start: {said} exit code {process.wait()}"
    return address[0], process


def end_page(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Interrupt it as Ctrl-C does, and return what outlives it."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    process.wait(END_TIMEOUT_S)
    _, left = psutil.wait_procs(family, timeout=GONE_S)
    return left


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, ended with its tests: while it runs, others cannot run an event loop."""
    from playwright.sync_api import sync_playwright

    executable = find_browser()
    if executable is None:
        pytest.skip("no Chromium: `python -m tools.browser` installs one, or says why it cannot")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
