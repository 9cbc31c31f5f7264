"""Pictures of the pages for the documents, from a real run: `python -m tools.pictures`.

`make demo` (or a backfill) and `make ui` come first: what is shown is what that folder holds. Nothing is drawn or
retouched, so a picture that is out of date is taken again by the same command. Pictures of the dashboard are taken by
`python -m tools.screenshots`.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.browser import find_browser
from tools.environment import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = ROOT / "docs" / "pictures"
MOST_BYTES = 200_000
"""A picture of a page in 256 colours is far smaller; one that is not shows something that it should not."""
SHOWN_WITHIN_MS = 60_000
DRAWN_MS = 1_500
"""What moves has come to rest by then: the graph glides to its place, menus fade."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page of Dagster, and what must be seen on it before it is taken."""

    name: str
    path: str
    """After the address, with `{partition}`."""
    shows: tuple[str, ...]
    size: tuple[int, int] = (1440, 900)


SHOTS = (
    Shot("dagster-graph", "asset-groups", ("warehouse", "forecast"), size=(1440, 760)),
    Shot("dagster-lineage", "assets/gold_features?view=lineage", ("silver_orderbook", "lstm_training_set")),
    Shot("dagster-partitions", "assets/silver_klines_1m?view=partitions&partition={partition}", ("{partition}",)),
    Shot("dagster-checks", "assets/gold_features?view=checks", ("no_look_ahead",)),
    Shot("dagster-columns", "assets/gold_features", ("rsi_14_1m",)),
    Shot("dagster-runs", "runs", ("Success",), size=(1440, 600)),
)


class NotShown(Exception):
    """Raised with a sentence where a page does not show what a picture is to show."""


def main() -> None:
    """Take every picture and name it; exit 1 with a sentence where that is not possible."""
    options = _parse_arguments()
    try:
        for path in take(options.url, partition=options.partition, folder=options.folder, shots=SHOTS):
            print(f"{path.name}: {path.stat().st_size / 1000:,.0f} kB")
    except NotShown as error:
        sys.exit(str(error))


def take(url: str, *, partition: str, folder: Path, shots: Sequence[Shot]) -> Iterator[Path]:
    """Take pictures of the Dagster at `url` into `folder`, each once its page shows what it is to show.

    `partition` is a day of a symbol that was materialised, `2024-08-05|BTCUSDT`. Raises NotShown.
    """
    from playwright.sync_api import Error, sync_playwright

    executable = find_browser()
    if executable is None:
        raise NotShown("There is no Chromium. `python -m tools.browser` installs one, or says why it cannot.")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        try:
            for shot in shots:
                width, height = shot.size
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
                yield _save(_picture(page, shot, url=url, partition=partition), folder / f"{shot.name}.png")
                page.close()
        except Error as error:
            raise NotShown(
                f"{url} cannot be looked at: {error.message.partition('\n')[0]}. Is `make ui` running?"
            ) from error
        finally:
            browser.close()


def _picture(page: Page, shot: Shot, *, url: str, partition: str) -> bytes:
    """The page as PNG, once all that it is to show is seen; raises NotShown."""
    from playwright.sync_api import TimeoutError as NotSeen

    page.goto(f"{url.rstrip('/')}/{shot.path.format(partition=partition)}")
    for wanted in shot.shows:
        text = wanted.format(partition=partition)
        try:
            page.get_by_text(text, exact=True).first.wait_for(timeout=SHOWN_WITHIN_MS)
        except NotSeen as error:
            raise NotShown(f"{page.url} does not show {text!r}. Materialise {partition} first.") from error
    page.wait_for_timeout(DRAWN_MS)
    return page.screenshot()


def _save(png: bytes, path: Path) -> Path:
    """Write a picture in at most 256 colours; raises NotShown where it is too large for a repository."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    if small.tell() > MOST_BYTES:
        raise NotShown(f"{path.name} would be {small.tell():,} bytes, more than {MOST_BYTES:,}: show less of the page.")
    path.write_bytes(small.getvalue())
    return path


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.pictures", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:3000", help="address that `make ui` printed")
    parser.add_argument("--partition", required=True, help="a materialised day of a symbol, such as 2024-08-05|BTCUSDT")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
