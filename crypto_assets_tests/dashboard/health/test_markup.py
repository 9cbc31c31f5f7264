"""HTML of the page: whoever wrote a text, it is shown and never run."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from crypto_assets.dashboard.health.markup import Cell, bar, chips, link, overview, table, verdict
from crypto_assets.dashboard.health.signals import Level, Signal

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.mark.parametrize(
    "made",
    [
        overview([Signal(HOSTILE, Level.WRONG, HOSTILE, HOSTILE, (HOSTILE,))], urls={HOSTILE: f"https://x/{HOSTILE}"}),
        overview([Signal(HOSTILE, Level.WELL, HOSTILE, HOSTILE)], urls={}),
        table((HOSTILE,), [[Cell(HOSTILE, level=Level.WRONG, url=f"http://x/{HOSTILE}")]]),
        chips([(HOSTILE, Level.WELL)]),
    ],
)
def test_no_text_becomes_a_tag(made: str) -> None:
    tags = Tags(made)
    assert {"img", "script"} & set(tags.tags) == set()
    assert [name for name, _ in tags.attributes if name.startswith("on")] == []
    assert HOSTILE in tags.said


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil", ""])
def test_a_link_leads_to_the_web_or_nowhere(url: str) -> None:
    assert link("text", url) == "text"


def test_what_is_well_is_small_and_what_is_not_says_why() -> None:
    made = overview(
        [
            Signal("Disk", Level.WATCH, "9 GB free", "of 100 GB", ("Free space.",)),
            Signal("Gold", Level.WELL, "106/106", ""),
        ],
        urls={},
    )
    trouble, tile = made.index("ca-trouble"), made.index("ca-tile")
    assert trouble < made.index("Free space.") < tile < made.index("106/106")


def test_commands_in_sentences_are_set_as_code() -> None:
    made = overview([Signal("A", Level.WATCH, "", "", ("See `make status`. Run: crypto-assets backfill X",))], urls={})
    assert "<code>make status</code>" in made
    assert "Run: <code>crypto-assets backfill X</code>" in made


def test_the_verdict_counts_levels() -> None:
    def of(*levels: Level) -> str:
        return verdict([Signal("a", level, "", "") for level in levels])

    assert of(Level.WELL, Level.WELL) == "All 2 figures are well."
    assert of(Level.WELL, Level.WRONG, Level.WATCH, Level.WRONG) == "2 wrong, 1 to watch, 1 well."
    assert of(Level.AWAITED, Level.WELL) == "1 being read, 1 well."


@pytest.mark.parametrize(("share", "width"), [(0.5, "50.0%"), (-1, "0.0%"), (7, "100.0%")])
def test_a_bar_stays_within_its_frame(share: float, width: str) -> None:
    assert f"width:{width}" in bar(share, Level.WELL)
