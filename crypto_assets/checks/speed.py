"""Checks of what the stream processor keeps: against the candles that came another way, through Kafka or REST."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import dagster as dg
import pyarrow as pa

from crypto_assets.assets.speed import DAILY_SUMMARY
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.run_days import judge_each
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.postgres.summary import DailySummary, newest_summarised_day, read_daily_summary
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.spans import day_span
from resources.lake import LakeResource
from resources.postgres import PostgresResource

MINUTE = timedelta(minutes=1)
UNKNOWN_BEFORE = Decimal("0.001")
"""How far, as a fraction, the price before the first known candle may lie outside it.

A ticker shows the last trade, which may be of the minute before. Where that candle is not in the lake its close is not
known; between two trades of a liquid pair the price moves by ticks, far less than this.
"""


def speed_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The check of daily summaries."""

    @dg.asset_check(
        asset=DAILY_SUMMARY,
        description="Open, close, lowest and highest lie within the 1m candles of the lake that hold their moments.",
    )
    def agrees_with_candles(
        context: dg.AssetCheckExecutionContext, postgres: PostgresResource, lake: LakeResource
    ) -> dg.AssetCheckResult:
        judge = partial(_judge, postgres, lake.lake)
        return judge_each(context, days.whole_days, judge, newest=partial(_newest, postgres))

    return [agrees_with_candles]


def _newest(postgres: PostgresResource) -> tuple[WholeDay, ...]:
    """The newest summarised day, which is looked at where the check was started without a day."""
    with postgres.transaction() as connection:
        day = newest_summarised_day(connection, exchange=postgres.exchange)
    return () if day is None else (WholeDay(day),)


def _judge(postgres: PostgresResource, lake: Lake, partition: WholeDay) -> Finding:
    with postgres.transaction() as connection:
        summaries = read_daily_summary(connection, partition.day, exchange=postgres.exchange)
    return judge_summaries(summaries, {s.symbol: read_minutes(lake, s.symbol, partition) for s in summaries})


def read_minutes(lake: Lake, symbol: str, partition: WholeDay) -> pa.Table | None:
    """1m candles of the day, those of silver or else of bronze, after the last of the day before where that is there.

    Columns open_time, high, low, close, ascending; None where the lake has no candle of the day.
    """
    day = partition.day
    columns = ["open_time", "high", "low", "close"]
    for dataset in (SILVER_KLINES["1m"], BRONZE_KLINES["1m"]):
        minutes = lake.read(dataset, symbol, day, columns=columns)
        if minutes is not None and minutes.num_rows:
            before = lake.read(
                dataset, symbol, day - timedelta(days=1), columns=columns, start=day_span(day).start - MINUTE
            )
            tables = [minutes] if before is None else [before, minutes]
            return pa.concat_tables(tables).combine_chunks().sort_by("open_time")
    return None


def judge_summaries(summaries: list[DailySummary], minutes: dict[str, pa.Table | None]) -> Finding:
    """Whether each symbol's summary agrees with its candles.

    A ticker is a sample of the trades: what it shows at a moment is the last trade of that minute so far or, before the
    minute's first trade, the close of a minute before. So each price lies between low and high of its minute widened
    by that close; and lowest and highest within those of all minutes from the first sample to the last. They need not
    reach them: trades between two samples are not seen.
    """
    wrong: list[str] = []
    unknown: list[str] = []
    for summary in summaries:
        candles = minutes.get(summary.symbol)
        bounds = None if candles is None else _Bounds.of(candles, summary)
        if bounds is None:
            unknown.append(summary.symbol)
        else:
            wrong += [f"{summary.symbol} {problem}" for problem in bounds.problems(summary)]
    compared = len(summaries) - len(unknown)
    numbers = {"symbols": len(summaries), "compared": compared, "outside": len(wrong)}
    if wrong:
        return Finding(False, f"{'; '.join(wrong)}. Compare staging.raw_prices with the candles there.", numbers)
    if not summaries:
        return Finding(False, "There were no prices on this day, so there is nothing to compare.", numbers, WARN)
    if unknown:
        lacking = f"The lake has not all 1m candles from the first price to the last of {', '.join(unknown)}"
        return Finding(False, f"{lacking}; {compared} symbols agree. Materialise silver_klines_1m.", numbers, WARN)
    return Finding(True, f"{compared} symbols lie within their 1m candles.", numbers)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Lowest and highest price that candles allow: in the first minute, in the last, and at any time."""

    open: tuple[Decimal, Decimal]
    close: tuple[Decimal, Decimal]
    day: tuple[Decimal, Decimal]

    @classmethod
    def of(cls, candles: pa.Table, summary: DailySummary) -> "_Bounds | None":
        """Of the minutes between first and last sample; None where the candles do not hold each of them."""
        first, last = (_minute(t) for t in (summary.first_event_time, summary.last_event_time))
        opened: list[datetime] = candles["open_time"].to_pylist()
        if first not in opened or last not in opened:
            return None
        at, until = opened.index(first), opened.index(last)
        if until - at != (last - first) // MINUTE:
            return None
        return cls(open=_range(candles, at, at), close=_range(candles, until, until), day=_range(candles, at, until))

    def problems(self, summary: DailySummary) -> list[str]:
        """What lies outside, with what was allowed."""
        asked = {
            "open": (summary.open, self.open),
            "close": (summary.close, self.close),
            "min": (summary.min, self.day),
            "max": (summary.max, self.day),
        }
        return [
            f"{name} {price} is not between {low} and {high}"
            for name, (price, (low, high)) in asked.items()
            if not low <= price <= high
        ]


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


def _range(candles: pa.Table, first: int, last: int) -> tuple[Decimal, Decimal]:
    """Lowest and highest price of candles `first` to `last`, and of the close before them."""
    part = candles.slice(first, last - first + 1)
    low: Decimal = min(part["low"].to_pylist())
    high: Decimal = max(part["high"].to_pylist())
    if first == 0:
        return low * (1 - UNKNOWN_BEFORE), high * (1 + UNKNOWN_BEFORE)
    before: Decimal = candles["close"][first - 1].as_py()
    return min(low, before), max(high, before)
