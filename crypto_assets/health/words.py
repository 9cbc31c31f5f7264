"""Ages, durations, sizes and amounts as reports and alerts write them: read once, so in whole words and three digits.

Ages and numbers that change each second are written by `crypto_assets.dashboard.words`: their digits stay in place.
"""

from __future__ import annotations

from datetime import timedelta

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))
_SIZES = ("bytes", "kB", "MB", "GB", "TB", "PB")


def age(time: timedelta) -> str:
    """How long ago, in the largest unit that it fills.

    >>> age(timedelta(seconds=185)), age(timedelta(hours=1)), age(timedelta(seconds=2.6))
    ('3 minutes ago', '1 hour ago', '2 seconds ago')
    """
    seconds = int(max(0.0, time.total_seconds()))
    return f"{largest_unit(seconds) or _counted(seconds, 'second')} ago"


def largest_unit(seconds: float) -> str | None:
    """A length of time in the largest unit that it fills, rounded down; None below a minute.

    >>> largest_unit(7_300), largest_unit(60.0), largest_unit(59.9)
    ('2 hours', '1 minute', None)
    """
    return next((_counted(int(seconds // unit), name) for name, unit in _UNITS if seconds >= unit), None)


def duration(time: timedelta) -> str:
    """How long something lasted, rounded down.

    >>> duration(timedelta(seconds=45)), duration(timedelta(minutes=50)), duration(timedelta(hours=2, minutes=10))
    ('45 s', '50 min', '2 h 10 min')
    """
    minutes = int(time.total_seconds() // 60)
    if minutes < 1:
        return f"{time.total_seconds():.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} days"


def size(count: int) -> str:
    """Bytes with a unit of thousands, three digits.

    >>> size(999), size(1_234_567), size(13_400_000_000)
    ('999 bytes', '1.23 MB', '13.4 GB')
    """
    number, unit = float(count), 0
    while number >= 999.5 and unit < len(_SIZES) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.0f} bytes" if unit == 0 else f"{number:.3g} {_SIZES[unit]}"


def money(amount: float, currency: str) -> str:
    """An amount with its currency, to the hundredth.

    >>> money(1234.5, "USD"), money(0.0012, "USD"), money(0, "USD")
    ('1,234.50 USD', 'less than 0.01 USD', '0.00 USD')
    """
    return f"less than 0.01 {currency}" if 0 < amount < 0.005 else f"{amount:,.2f} {currency}"


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"
