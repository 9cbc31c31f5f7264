"""Figures beside each other, as many as fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from crypto_assets.dashboard.flags import ORANGE, TEAL


@dataclass(frozen=True, slots=True)
class Card:
    """One figure with its name and unit, what is said of it, and its age."""

    name: str
    value: str
    unit: str = ""
    change: float | None = None
    """Share of one."""
    change_of: str = ""
    """Over which time."""
    age: str = ""
    is_chosen: bool = False


def cards(found: Iterable[Card]) -> str:
    """HTML of them; all text is escaped."""
    return f'<div class="ca-cards">{"".join(map(_card, found))}</div>'


def _card(card: Card) -> str:
    chosen = " on" if card.is_chosen else ""
    return (
        f'<div class="ca-card{chosen}"><div class="name"><span>{escape(card.name)}</span></div>'
        f'<div class="value">{escape(card.value)} <small>{escape(card.unit)}</small></div>'
        f'<div class="foot">{_change(card)}<span class="ca-quiet">{escape(card.age)}</span></div></div>'
    )


def _change(card: Card) -> str:
    if card.change is None:
        return f"<span>{escape(card.change_of)}</span>"
    arrow, colour = ("▲", TEAL) if card.change >= 0 else ("▼", ORANGE)
    text = f"{arrow} {100 * abs(card.change):.2f} % {card.change_of}".rstrip()
    return f'<span style="color:{colour}">{escape(text)}</span>'
