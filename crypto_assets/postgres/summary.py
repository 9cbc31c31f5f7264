"""Days of prices and what they came to: `get_daily_summary(day)` writes it, and only then may their rows go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.days import drop_day, wait_for_writers
from crypto_assets.postgres.statements import statement
from crypto_assets.postgres.tables import RAW_PRICES


@dataclass(frozen=True, slots=True)
class DailySummary:
    """A symbol's prices of one UTC day, quote asset."""

    symbol: str
    open: Decimal
    """The earliest; of several at its moment the one that arrived first."""
    close: Decimal
    """The latest; of several at its moment the one that arrived last."""
    min: Decimal
    max: Decimal
    avg: Decimal
    """Sum over count, to 12 decimals."""
    count: int
    first_event_time: datetime
    last_event_time: datetime


@dataclass(frozen=True, slots=True)
class StagedDay:
    """A UTC day of one exchange in `staging.raw_prices`."""

    day: date
    rows: int
    symbols: tuple[str, ...]
    first_event_time: datetime
    last_event_time: datetime


@dataclass(frozen=True, slots=True)
class Unsummarised:
    """A symbol whose summary was made from fewer prices than staging holds, or that has none (`summarised` = 0)."""

    exchange: str
    symbol: str
    staged: int
    summarised: int

    def __str__(self) -> str:
        return f"{self.exchange} {self.symbol} {self.staged:,} prices, {self.summarised:,} of them summarised"


def get_daily_summary(connection: Connection, day: date) -> None:
    """Summarise a UTC day, all exchanges and symbols, in the caller's transaction; harmless to repeat."""
    with connection.cursor() as cursor:
        cursor.execute("CALL get_daily_summary(%s)", (day,))


def read_daily_summary(connection: Connection, day: date, *, exchange: str) -> list[DailySummary]:
    """The summaries of a day by symbol; none where the day had no prices or was not summarised."""
    with connection.cursor() as cursor:
        cursor.execute(statement("select_daily_summary"), {"day": day, "exchange": exchange})
        return [DailySummary(*row) for row in cursor.fetchall()]


def newest_summarised_day(connection: Connection, *, exchange: str) -> date | None:
    """The newest day with a summary; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT MAX(day) FROM public.daily_summary WHERE exchange = %s", (exchange,))
        found = cursor.fetchone()
    return found[0] if found else None


def read_staged_days(connection: Connection, *, exchange: str, day: date | None = None) -> list[StagedDay]:
    """The days of an exchange that have prices in staging, ascending, or the one asked for."""
    with connection.cursor() as cursor:
        cursor.execute(statement("select_staged_days"), {"exchange": exchange, "day": day})
        return [StagedDay(when, rows, tuple(symbols), *times) for when, rows, symbols, *times in cursor.fetchall()]


def unsummarised(connection: Connection, day: date) -> list[Unsummarised]:
    """What of a day in staging no summary was made from yet, of any exchange; none where all was summarised."""
    with connection.cursor() as cursor:
        cursor.execute(statement("select_unsummarised"), {"day": day})
        return [Unsummarised(*row) for row in cursor.fetchall()]


def drop_if_summarised(connection: Connection, day: date) -> list[Unsummarised]:
    """Drop a day of staging in the caller's transaction, unless prices of it were not summarised: those, and it stays.

    Writers wait until the caller commits. Raises psycopg2.errors.LockNotAvailable where they do not finish in seconds.
    """
    wait_for_writers(connection, RAW_PRICES)
    left = unsummarised(connection, day)
    if not left:
        drop_day(connection, RAW_PRICES, day)
    return left
