"""Pictures of every page of a running dashboard: `python -m tools.screenshots http://127.0.0.1:8501 docs/pictures`.

Each page is taken in the light and the dark theme at a laptop's width, and in the dark one at a phone's. What the page
shows is what runs: start the streams, or the demo, before.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Error, Page, sync_playwright

from tools.browser import find_browser

type Theme = Literal["light", "dark"]

PAGES = {"live": "/", "forecast": "/forecast", "features": "/features", "health": "/health"}
LAPTOP, PHONE = (1_440, 900), (390, 844)
TALLEST = 3_600
"""Pixels of a picture; a page that is longer is cut."""
PATIENCE_MS = 60_000
AWAITED = "being read"
"""What a part of the page Health says until it has its figures."""
SETTLE_MS = 1_500
"""Between two looks at a page that still changes its height."""
LOOKS = 20


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture to take."""

    page: str
    theme: Theme
    phone: bool

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.page}-{'phone' if self.phone else self.theme}.png"


def shots(pages: Sequence[str]) -> Iterator[Shot]:
    """All pictures of the pages."""
    for page in pages:
        yield Shot(page, "light", phone=False)
        yield Shot(page, "dark", phone=False)
        yield Shot(page, "dark", phone=True)


def take(url: str, folder: Path, pages: Sequence[str], *, query: str = "") -> list[Path]:
    """Take the pictures into a folder, which is made; raises playwright.sync_api.Error where a page does not come."""
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for shot in shots(pages):
            width, height = PHONE if shot.phone else LAPTOP
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=shot.theme, device_scale_factor=1
            )
            page = context.new_page()
            page.goto(f"{url.rstrip('/')}{PAGES[shot.page]}{query}", timeout=PATIENCE_MS)
            page.get_by_role("heading", level=3).first.wait_for(timeout=PATIENCE_MS)
            page.wait_for_timeout(SETTLE_MS)
            page.wait_for_function(f"!document.body.innerText.includes('{AWAITED}')", timeout=PATIENCE_MS)
            _unfold(page, width=width, height=height)
            taken.append(folder / shot.name)
            page.screenshot(path=taken[-1])
            context.close()
        browser.close()
    return taken


def _unfold(page: Page, *, width: int, height: int) -> None:
    """Make the window as high as the page, once that stays the same: Streamlit scrolls inside of it."""
    seen = -1
    for _ in range(LOOKS):
        page.wait_for_timeout(SETTLE_MS)
        needed: int = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        if needed == seen:
            return
        page.set_viewport_size({"width": width, "height": min(TALLEST, max(height, needed))})
        seen = needed


def main() -> None:
    """Take the pictures and name them."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("url", help="where the dashboard is, as it printed it")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--pages", nargs="+", choices=list(PAGES), default=list(PAGES), help="all unless named")
    parser.add_argument("--query", default="", help="what the address ends in, such as '?symbol=ETHUSDT'")
    options = parser.parse_args()
    if find_browser() is None:
        sys.exit("No Chromium: `python -m tools.browser` installs one, or says why it cannot.")
    try:
        taken = take(options.url, options.folder, options.pages, query=options.query)
    except Error as error:
        sys.exit(
            f"{options.url} cannot be pictured: {error.message.partition('\n')[0]}. Is that a dashboard that runs?"
        )
    print(*taken, sep="\n")


if __name__ == "__main__":
    main()
