"""Tiles and tables of the page Health as HTML; every text is escaped, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple
from urllib.parse import urlsplit

from crypto_assets.dashboard.flags import GREY, ORANGE, RED, TEAL
from crypto_assets.dashboard.health.signals import Level, Signal


class Sign(NamedTuple):
    """How a level is shown."""

    colour: str
    mark: str
    word: str


SIGNS = {
    Level.WRONG: Sign(RED, "✕", "wrong"),
    Level.WATCH: Sign(ORANGE, "!", "to watch"),
    Level.UNKNOWN: Sign(GREY, "?", "unknown"),
    Level.AWAITED: Sign(GREY, "…", "being read"),
    Level.WELL: Sign(TEAL, "✓", "well"),
}

STYLE = """<style>
.ca-troubles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: .5rem;
  margin-bottom: .75rem; }
.ca-trouble { border: 1px solid rgba(128,128,128,.28); border-left: 5px solid var(--ca); border-radius: 8px;
  padding: .5rem .8rem .55rem; display: grid; grid-template-columns: 11.5rem 1fr; gap: .2rem 1.2rem; }
.ca-area { font-size: .8rem; opacity: .8; }
.ca-value { font-size: 1.3rem; line-height: 1.35; font-weight: 600; font-variant-numeric: tabular-nums; }
.ca-note { font-size: .78rem; opacity: .7; line-height: 1.3; }
ul.ca-said { margin: .1rem 0 0; padding: 0; list-style: none; font-size: .9rem; line-height: 1.45; }
ul.ca-said li { margin: 0 0 .3rem; padding: 0; overflow-wrap: anywhere; }
.ca-well { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .5rem; }
.ca-tile { border: 1px solid rgba(128,128,128,.22); border-radius: 8px; padding: .4rem .65rem .45rem; }
.ca-tile .ca-value { font-size: 1rem; }
.ca-mark { color: var(--ca); font-weight: 700; margin-right: .35rem; }
.ca-said code { font-size: .84em; padding: .08em .35em; border-radius: 4px; background: rgba(128,128,128,.16);
  color: inherit; }
.ca-area a, .ca-table a { color: inherit; text-decoration: underline dotted; text-underline-offset: .2em; }
.ca-table { width: 100%; border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
.ca-table th { text-align: left; font-weight: 500; opacity: .65; padding: .2rem .7rem .3rem 0; white-space: nowrap; }
.ca-table td { padding: .28rem .7rem .28rem 0; border-top: 1px solid rgba(128,128,128,.18); vertical-align: top; }
.ca-table .ca-number { text-align: right; white-space: nowrap; }
.ca-table .ca-number + *:not(.ca-number) { padding-left: .9rem; }
.ca-table .ca-short { white-space: nowrap; }
.ca-chips { display: flex; flex-wrap: wrap; gap: .35rem; }
.ca-chip { border: 1px solid rgba(128,128,128,.28); border-radius: 99px; padding: .1rem .65rem; font-size: .82rem; }
.ca-bar { height: .5rem; border-radius: 4px; background: rgba(128,128,128,.2); overflow: hidden; }
.ca-bar div { height: 100%; background: var(--ca); }
@media (max-width: 640px) {
  .ca-trouble { grid-template-columns: 1fr; }
  .ca-stack th { display: none; }
  .ca-stack tr { display: block; padding: .4rem 0; border-top: 1px solid rgba(128,128,128,.18); }
  .ca-table.ca-stack td { display: block; border: 0; padding: .05rem 0; }
  .ca-well { grid-template-columns: 1fr 1fr; }
}
</style>"""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell of a table."""

    text: str
    level: Level | None = None
    """Shown as a mark before the text."""
    url: str | None = None
    kind: str = ""
    """`number` for figures, `short` for what must not wrap."""


def overview(signals: Sequence[Signal], *, urls: dict[str, str]) -> str:
    """What needs somebody as broad rows with sentences, then what is well as small tiles; `urls` are by area."""
    troubles = [signal for signal in signals if signal.level < Level.AWAITED]
    well = [signal for signal in signals if signal.level >= Level.AWAITED]
    rows = "".join(_trouble(signal, urls.get(signal.area)) for signal in troubles)
    tiles = "".join(_tile(signal, urls.get(signal.area)) for signal in well)
    return (f'<div class="ca-troubles">{rows}</div>' if rows else "") + (
        f'<div class="ca-well">{tiles}</div>' if tiles else ""
    )


def verdict(signals: Iterable[Signal]) -> str:
    """How much is not well, in one sentence."""
    levels = [signal.level for signal in signals]
    counts = [(levels.count(level), SIGNS[level].word) for level in Level if level is not Level.WELL]
    said = [f"{count} {word}" for count, word in counts if count]
    well = levels.count(Level.WELL)
    return f"{', '.join(said)}, {well} well." if said else f"All {well} figures are well."


def table(titles: Sequence[str], rows: Iterable[Sequence[Cell]], *, stacks: bool = False) -> str:
    """A table that scrolls sideways by itself where it is too wide; one that `stacks` has its cells below each other
    on a phone. A title that begins with > stands over figures."""
    kinds = [title.startswith(">") for title in titles]
    heads = "".join(
        f'<th class="{"ca-number" if right else ""}">{escape(title.lstrip(">"))}</th>'
        for title, right in zip(titles, kinds, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    kind = "ca-table ca-stack" if stacks else "ca-table"
    return f'<div class="ca-scroll"><table class="{kind}"><tr>{heads}</tr>{body}</table></div>'


def chips(marked: Iterable[tuple[str, Level]]) -> str:
    """Small labels with a mark each."""
    each = "".join(
        f'<span class="ca-chip" style="--ca:{SIGNS[level].colour}"><span class="ca-mark">{SIGNS[level].mark}</span>'
        f"{escape(text)}</span>"
        for text, level in marked
    )
    return f'<div class="ca-chips">{each}</div>'


def bar(share: float, level: Level) -> str:
    """A bar that is filled to a share of one."""
    filled = 100 * min(1.0, max(0.0, share))
    return f'<div class="ca-bar" style="--ca:{SIGNS[level].colour}"><div style="width:{filled:.1f}%"></div></div>'


def link(text: str, url: str) -> str:
    """A way elsewhere in a tab of its own; the text alone where the URL is none of the web."""
    if urlsplit(url).scheme not in ("http", "https"):
        return escape(text)
    return f'<a href="{escape(url, quote=True)}" target="_blank" rel="noopener">{escape(text)}</a>'


def _with_code(sentence: str) -> str:
    """A sentence whose commands, between backticks or after `Run:`, are set as such."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(sentence))
    return re.sub(r"\bRun: ([^<]+)$", r"Run: <code>\1</code>", text)


def _trouble(signal: Signal, url: str | None) -> str:
    said = "".join(f"<li>{_with_code(sentence)}</li>" for sentence in signal.sentences)
    return (
        f'<div class="ca-trouble" style="--ca:{SIGNS[signal.level].colour}"><div>{_head(signal, url)}</div>'
        f'<ul class="ca-said">{said}</ul></div>'
    )


def _tile(signal: Signal, url: str | None) -> str:
    return f'<div class="ca-tile" style="--ca:{SIGNS[signal.level].colour}">{_head(signal, url)}</div>'


def _head(signal: Signal, url: str | None) -> str:
    sign, area = SIGNS[signal.level], link(f"{signal.area} ↗", url) if url else escape(signal.area)
    return (
        f'<div class="ca-area"><span class="ca-mark" title="{sign.word}">{sign.mark}</span>{area}</div>'
        f'<div class="ca-value">{escape(signal.value)}</div><div class="ca-note">{escape(signal.note)}</div>'
    )


def _cell(cell: Cell) -> str:
    mark = ""
    if cell.level is not None:
        mark = f'<span class="ca-mark" style="--ca:{SIGNS[cell.level].colour}">{SIGNS[cell.level].mark}</span>'
    text = link(cell.text, cell.url) if cell.url else escape(cell.text)
    return f'<td class="{f"ca-{cell.kind}" if cell.kind else ""}">{mark}{text}</td>'
