"""Small tables that are drawn anew every second: HTML, whose browser side is only text that changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from crypto_assets.dashboard import words
from crypto_assets.dashboard.flags import ORANGE, TEAL
from crypto_assets.dashboard.market.messages import Book, Liquidation, Trade

SHOWN_TRADES, SHOWN_LIQUIDATIONS = 14, 12
"""Rows that a table of the newest is given."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table."""

    text: str
    colour: str = ""
    bar: float = 0.0
    """Share of the cell's row that is shaded from its right edge."""


def table(head: Sequence[str], rows: Iterable[Sequence[Cell]], *, label: str) -> str:
    """A table that scrolls in itself where it is wider than its part; all text is escaped."""
    heads = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr{_shade(row)}>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="ca-scroll"><table class="ca" aria-label="{escape(label, quote=True)}">'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def ladder(book: Book, *, base: str, quote: str) -> str:
    """Asks above bids, best in the middle: price, quantity, and their sum from the best price on as a bar."""
    deepest = max(sum(q for _, q in book.bids), sum(q for _, q in book.asks), 1e-12)
    asks = _side(book.asks, deepest=deepest, colour=ORANGE)
    bids = _side(book.bids, deepest=deepest, colour=TEAL)
    middle = [Cell(f"spread {words.number(book.spread_bps, 'bps', digits=3)}", colour="ca-quiet"), Cell(""), Cell("")]
    head = [f"price, {quote}", f"quantity, {base}", f"sum, {base}"]
    return table(head, [*reversed(asks), middle, *bids], label="order book")


def balance(book: Book) -> str:
    """Bar of the share of bids in all quantities, with the imbalance as a number."""
    imbalance = book.imbalance or 0.0
    bids = 50 * (1 + imbalance)
    return (
        f'<div class="ca-balance" role="img" aria-label="imbalance {imbalance:+.2f}">'
        f'<span style="width:{bids:.1f}%;background:{TEAL}"></span>'
        f'<span style="width:{100 - bids:.1f}%;background:{ORANGE}"></span></div>'
        f'<div class="ca-line"><span>bids {bids:.0f} %</span><span>imbalance <b>{imbalance:+.2f}</b></span>'
        f"<span>asks {100 - bids:.0f} %</span></div>"
    )


def tape(trades: Sequence[Trade], *, base: str, quote: str) -> str:
    """The newest trades first."""
    rows = [
        [
            Cell(f"{one.at:%H:%M:%S}.{one.at.microsecond // 1000:03d}"),
            Cell(words.price(one.price), colour=TEAL if one.taker == "buys" else ORANGE),
            Cell(_quantity(one.quantity)),
            Cell(one.taker, colour=TEAL if one.taker == "buys" else ORANGE),
        ]
        for one in trades
    ]
    return table(["time, UTC", f"price, {quote}", f"quantity, {base}", "taker"], rows, label="trades")


def liquidated(found: Sequence[Liquidation], *, quote: str, now: datetime) -> str:
    """The newest liquidations first."""
    rows = [
        [
            Cell(words.age(one.at, now=now)),
            Cell(one.closed, colour=ORANGE if one.closed == "long" else TEAL),
            Cell(words.price(one.price)),
            Cell(f"{one.price * one.quantity:,.0f}"),
        ]
        for one in found
    ]
    return table(["when", "position", f"price, {quote}", f"value, {quote}"], rows, label="liquidations")


def _side(levels: Sequence[tuple[float, float]], *, deepest: float, colour: str) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    total = 0.0
    for price, quantity in levels:
        total += quantity
        rows.append(
            [
                Cell(words.price(price), colour=colour, bar=total / deepest),
                Cell(_quantity(quantity)),
                Cell(_quantity(total)),
            ]
        )
    return rows


def _quantity(value: float) -> str:
    return f"{value:,.{max(0, 4 - len(str(int(value))))}f}" if value >= 1 else f"{value:.5f}"


def _shade(row: Sequence[Cell]) -> str:
    first = next((cell for cell in row if cell.bar), None)
    if first is None:
        return ""
    return (
        f' style="background:linear-gradient(to left,{first.colour}33 {100 * first.bar:.1f}%,transparent'
        f' {100 * first.bar:.1f}%)"'
    )


def _cell(cell: Cell) -> str:
    named = f' class="{cell.colour}"' if cell.colour.startswith("ca-") else ""
    style = f' style="color:{cell.colour}"' if cell.colour.startswith("#") else ""
    return f"<td{named}{style}>{escape(cell.text)}</td>"
