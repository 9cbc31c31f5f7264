"""How a day of prices is summarised, described and, much later, dropped. No Dagster run is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, fields
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.assets.each_partition import Written
from crypto_assets.partitions import WholeDay
from crypto_assets.pictures.day_ranges import DayRange, day_ranges_picture
from crypto_assets.postgres.days import days_of
from crypto_assets.postgres.summary import (
    DailySummary,
    StagedDay,
    Unsummarised,
    drop_if_summarised,
    get_daily_summary,
    read_daily_summary,
    read_staged_days,
)
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.spans import day_span

KEPT_DAYS = 7
"""How long staging keeps a day after it has ended; as long as Kafka keeps its messages."""

Transaction = Callable[[], AbstractContextManager[Connection]]


def why_not_yet(partition: WholeDay, *, now: datetime) -> str | None:
    """Why the day cannot be summarised at this moment of the exchange's clock; None where it can."""
    end = day_span(partition.day).end
    if now >= end:
        return None
    return (
        f"daily_summary {partition}: the day has not ended, the exchange's clock shows {now:%Y-%m-%d %H:%M} UTC. What "
        f"there is of it stays. Materialise it after {end:%Y-%m-%d %H:%M} UTC."
    )


class SummaryDays:
    """Writes days of `daily_summary`; which of them have ended is the caller's to know."""

    def __init__(self, transaction: Transaction, *, exchange: str) -> None:
        self._transaction = transaction
        self._exchange = exchange

    def write(self, partition: WholeDay) -> Written:
        """Summarise the day and describe it. One without prices has no summary, which its warning says."""
        with self._transaction() as connection:
            get_daily_summary(connection, partition.day)
            summaries = read_daily_summary(connection, partition.day, exchange=self._exchange)
            staged = read_staged_days(connection, exchange=self._exchange, day=partition.day)
        return Written(
            rows=len(summaries),
            data_version=_version(summaries),
            metadata={**describe_summaries(summaries), **_staged_figures(staged)},
            warning=None
            if summaries
            else f"no price of {self._exchange} in staging.raw_prices, so there is no summary; did the streams run?",
        )


def drop_old_days(transaction: Transaction, *, now: datetime) -> tuple[list[date], dict[date, list[Unsummarised]]]:
    """Days that were dropped from staging, and those that are as old but stay, with what of each was not summarised.

    Old are days that ended more than KEPT_DAYS before `now`; each is dropped in a transaction of its own.
    """
    with transaction() as connection:
        held = days_of(connection, RAW_PRICES)
    dropped: list[date] = []
    kept: dict[date, list[Unsummarised]] = {}
    for day in held:
        if day_span(day).end + timedelta(days=KEPT_DAYS) >= now:
            continue
        with transaction() as connection:
            left = drop_if_summarised(connection, day)
        if left:
            kept[day] = left
        else:
            dropped.append(day)
    return dropped, kept


def describe_summaries(summaries: Sequence[DailySummary]) -> dict[str, Any]:
    """Metadata of a day: the picture, the table, the figures."""
    if not summaries:
        return {"dagster/row_count": 0, "symbols": 0, "prices": 0}
    ranges = {
        s.symbol: DayRange(open=float(s.open), close=float(s.close), low=float(s.min), high=float(s.max))
        for s in summaries
    }
    names = [field.name for field in fields(DailySummary)]
    order = dg.TableSchema([dg.TableColumn(name) for name in names])  # else the columns are sorted by name
    records = [dg.TableRecord(dict(zip(names, map(_shown, astuple(s)), strict=True))) for s in summaries]
    return {
        "ranges": dg.MetadataValue.md(day_ranges_picture(ranges)),
        "summary": dg.MetadataValue.table(records, schema=order),
        "dagster/row_count": len(summaries),
        "symbols": len(summaries),
        "prices": sum(s.count for s in summaries),
    }


def _staged_figures(staged: Sequence[StagedDay]) -> dict[str, Any]:
    return {"staging_rows": sum(day.rows for day in staged)}


def _shown(value: object) -> int | str:
    match value:
        case int():
            return value
        case datetime():
            return f"{value:%H:%M:%S.%f}"
        case _:
            return f"{value}"


def _version(summaries: Sequence[DailySummary]) -> str:
    return hashlib.sha256(repr([astuple(s) for s in summaries]).encode()).hexdigest()
