"""Figures of the pages in words: every number with its unit, every moment with its age.

They change while somebody looks, so the digits after the point stay where they are, and a unit is short.
"""

from __future__ import annotations

from datetime import UTC, datetime

from crypto_assets.health.words import largest_unit


def number(value: float | None, unit: str = "", *, digits: int = 0) -> str:
    """`1,234.50 USDT`; `–` for None.

    >>> number(1234.5, "USDT", digits=2)
    '1,234.50 USDT'
    """
    return "–" if value is None else f"{value:,.{digits}f} {unit}".rstrip()


def price(value: float | None, unit: str = "") -> str:
    """A price with as many decimals as its size needs.

    >>> price(64213.1, "USDT"), price(0.08123456)
    ('64,213.10 USDT', '0.081235')
    """
    return number(value, unit, digits=price_digits(value or 0.0))


def price_digits(value: float) -> int:
    """Decimals of a price."""
    return next((digits for least, digits in ((100, 2), (1, 4), (0.01, 6)) if abs(value) >= least), 8)


def percent(share: float | None, *, digits: int = 2) -> str:
    """`12.34 %` of a share of one.

    >>> percent(0.1234), percent(0.01, digits=0), percent(None)
    ('12.34 %', '1 %', '–')
    """
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def share_of(count: int | None, whole: int) -> str:
    """`1,440/1,440`.

    >>> share_of(1440, 1440)
    '1,440/1,440'
    """
    return f"{'–' if count is None else f'{count:,}'}/{whole:,}"


def age(moment: datetime | None, *, now: datetime) -> str:
    """`3 minutes ago`, below a minute in seconds; `never` for None, and `in 3 minutes` for what is to come.

    >>> age(datetime(2026, 1, 1, tzinfo=UTC), now=datetime(2026, 1, 1, 0, 3, 5, tzinfo=UTC))
    '3 minutes ago'
    """
    if moment is None:
        return "never"
    seconds = (now - moment).total_seconds()
    text = span(abs(seconds))
    return f"in {text}" if seconds < -1 else f"{text} ago"


def span(seconds: float) -> str:
    """`2 hours`, `45 s`, `0.3 s`: a length of time, rounded down.

    >>> span(7300), span(45.9), span(0.34)
    ('2 hours', '45 s', '0.3 s')
    """
    return largest_unit(seconds) or (f"{int(seconds)} s" if seconds >= 10 else f"{seconds:.1f} s")


def utc(moment: datetime, *, seconds: bool = True) -> str:
    """`2026-11-21 23:40:12 UTC`.

    >>> utc(datetime(2026, 11, 21, 23, 40, 12, tzinfo=UTC))
    '2026-11-21 23:40:12 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M{':%S' if seconds else ''}} UTC"


def plain(text: str) -> str:
    r"""Text from outside as Markdown shows it literally: no link, no formula, no tag.

    >>> plain("a_b $x$ [c](d)")
    'a\\_b \\$x\\$ \\[c\\](d)'
    """
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#$~|:!" else letter for letter in text)
