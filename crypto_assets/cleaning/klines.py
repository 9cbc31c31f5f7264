"""Bronze klines of a day into silver: eight steps, each counted; rows are flagged, not deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning import rules
from crypto_assets.cleaning.aggregate import DERIVED, aggregate_klines
from crypto_assets.cleaning.candles import Candle, candles_by_time, interpolated_kline
from crypto_assets.cleaning.deduplicate import FIELDS, deduplicate_klines, is_incomplete
from crypto_assets.cleaning.disagreements import DISAGREEMENTS
from crypto_assets.cleaning.gaps import Gap, find_gaps, merged_spans
from crypto_assets.cleaning.steps import CleaningSteps, Step
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.flags import has_flag, is_flagged, is_usable, raised
from crypto_assets.schemas import BRONZE_KLINES, FLAGS, SILVER_KLINES
from crypto_assets.spans import MICROSECOND, TIMEFRAME_US, Span, to_us


@dataclass(frozen=True, slots=True)
class CleanedKlines:
    """Silver klines of a span, what was done to get them, and where there are none."""

    table: pa.Table
    """SILVER_KLINES payload, ascending and unique in `open_time`."""
    steps: CleaningSteps
    gaps: tuple[Gap, ...]
    disagreements: pa.Table
    """DISAGREEMENTS: the fields in which dropped copies differed from those that were kept."""


@dataclass(frozen=True, slots=True)
class Day:
    """What the steps know of a span besides its rows; see `clean_klines`."""

    timeframe: str
    span: Span
    before: Candle | None = None
    after: Candle | None = None
    halts: tuple[Span, ...] = ()

    @property
    def step_us(self) -> int:
        """Length of a candle."""
        return TIMEFRAME_US[self.timeframe]

    @property
    def step(self) -> timedelta:
        """The same."""
        return self.step_us * MICROSECOND


def clean_klines(
    bronze: pa.Table,
    *,
    timeframe: str,
    start: datetime,
    end: datetime,
    before: Candle | None = None,
    after: Candle | None = None,
    halts: Sequence[Span] = (),
    klines_1m: pa.Table | None = None,
) -> CleanedKlines:
    """Silver klines of [start, end) from stored klines in any order and from any sources.

    1. load: rows that open outside the span are left out.
    2. deduplicate: of the copies of an open time the complete one is kept, then the one of the better source (archive,
       rest, history, capture, live), then the first received; what the others said is in `disagreements`.
    3. schema: rows that lack a value are left out; bronze refuses them, so there should be none.
    4. range: `out_of_range`.
    5. sequence: `off_grid`. Such a row stays under its own open time, but it is not the candle of that minute.
    6. ohlc: `ohlc_violation`.
    7. fill: a single missing minute between two usable candles is interpolated, `filled`, also when a halt explains it;
       candles that 5m and 15m lack are aggregated from `klines_1m` (silver), `derived`. Longer gaps stay.
    8. flag: `truncated`, `no_trades`, `outlier`, `exchange_halt`.

    `before` and `after` are the nearest usable candles of the neighbouring days: a gap that touches an end of the span
    reaches on to them. `halts` are the spans that every source confirms to hold no candle. Raises BadPayload when a
    column is absent or of another type.
    """
    day = Day(timeframe, Span(start, end), before, after, merged_spans(halts))
    received = frame_of(bronze, BRONZE_KLINES[timeframe].schema, name=f"bronze_klines_{timeframe}")
    loaded = _rows_of_span(received, day)
    return clean_loaded(
        loaded, day, received=received.height, schema=SILVER_KLINES[timeframe].payload, klines_1m=klines_1m
    )


def clean_loaded(
    loaded: pl.DataFrame, day: Day, *, received: int, schema: pa.Schema, klines_1m: pa.Table | None = None
) -> CleanedKlines:
    """Steps 2 to 8 of `clean_klines`, for candles of a second too, which are not filled.

    `received` counts the rows from which step 1 took `loaded`; `schema` is that of the result.
    """
    unique = deduplicate_klines(loaded)
    complete = _complete(unique.rows)
    judged = complete.with_columns(_own_flags(day.step_us))
    filled = _fill(judged, day, klines_1m)
    flagged = _judge_in_sequence(filled, day)
    steps = (
        Step("load", received, received - loaded.height, loaded.height),
        Step("deduplicate", loaded.height, unique.dropped, unique.rows.height),
        Step("schema", unique.rows.height, unique.rows.height - complete.height, complete.height),
        *(
            Step(name, complete.height, np.count_nonzero(is_flagged(judged, flag)), complete.height)
            for name, flag in (("range", "out_of_range"), ("sequence", "off_grid"), ("ohlc", "ohlc_violation"))
        ),
        Step("fill", judged.height, filled.height - judged.height, filled.height),
        Step("flag", filled.height, np.count_nonzero(is_flagged(flagged, *_SEQUENCE_FLAGS)), flagged.height),
    )
    return CleanedKlines(
        table_of(flagged, schema),
        CleaningSteps(steps),
        _missing(flagged, day, halts=day.halts),
        table_of(unique.disagreements, DISAGREEMENTS),
    )


_SEQUENCE_FLAGS = ("truncated", "no_trades", "outlier", "exchange_halt")


def _rows_of_span(rows: pl.DataFrame, day: Day) -> pl.DataFrame:
    start_us, end_us = to_us(day.span.start), to_us(day.span.end)
    first, last = rows["open_time"].to_physical().min(), rows["open_time"].to_physical().max()
    if isinstance(first, int) and isinstance(last, int) and start_us <= first and last < end_us:
        return rows
    opens = pl.col("open_time").to_physical()
    return rows.filter(opens.is_null() | (opens >= start_us) & (opens < end_us))


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(~is_incomplete()) if any(rows[field].null_count() for field in FIELDS) else rows


@cache
def _own_flags(step_us: int) -> pl.Expr:
    """Flags of the steps range, sequence and ohlc: each row by itself."""
    return raised(
        {
            "out_of_range": rules.out_of_range(step_us),
            "off_grid": rules.off_grid(step_us),
            "ohlc_violation": rules.ohlc_violation(),
        }
    )


@cache
def _kind_flags(step_us: int) -> pl.Expr:
    """Those flags of the last step that say how a sound candle is special."""
    return raised({"truncated": rules.truncated(step_us), "no_trades": rules.no_trades() & ~has_flag("filled")})


def _fill(rows: pl.DataFrame, day: Day, klines_1m: pa.Table | None) -> pl.DataFrame:
    """The rows, and those that could be calculated, by open time."""
    if day.timeframe == "1m":
        added = _interpolated(rows, day)
    elif klines_1m is not None:
        added = _derived(rows, day, klines_1m)
    else:
        return rows
    return pl.concat([rows, added], how="diagonal").sort("open_time") if added.height else rows


def _interpolated(rows: pl.DataFrame, day: Day) -> pl.DataFrame:
    holes = [gap.start for gap in _missing(rows, day, halts=()) if gap.end - gap.start == day.step]
    if not holes:
        return rows.clear()
    neighbours = candles_by_time(rows, {at + side * day.step for at in holes for side in (-1, 1)})
    neighbours |= {candle.open_time: candle for candle in (day.before, day.after) if candle is not None}
    made = [
        interpolated_kline(neighbours[at - day.step], neighbours[at + day.step], step=day.step)
        for at in holes
        if at - day.step in neighbours and at + day.step in neighbours
    ]
    constants = {"flags": FLAGS["filled"], "source": DERIVED}
    columns = SILVER_KLINES["1m"].payload.names
    return pl.DataFrame([kline | constants for kline in made], schema=rows.select(columns).schema)


def _derived(rows: pl.DataFrame, day: Day, klines_1m: pa.Table) -> pl.DataFrame:
    schema = SILVER_KLINES[day.timeframe].payload
    derived = frame_of(aggregate_klines(klines_1m, timeframe=day.timeframe), schema, name="aggregated klines")
    closed = (pl.col("open_time") >= day.span.start) & (pl.col("open_time") + day.step <= day.span.end)
    return derived.filter(closed).join(rows, on="open_time", how="anti")


def _judge_in_sequence(rows: pl.DataFrame, day: Day) -> pl.DataFrame:
    """Flags of the last step."""
    usable = rows.filter(is_usable()) if rows["flags"].to_numpy().any() else rows
    before = (to_us(day.before.open_time), float(day.before.close)) if day.before is not None else None
    is_outlier = rules.outlier(usable, step_us=day.step_us, before=before)
    flagged = rows.with_columns(_kind_flags(day.step_us))
    if is_outlier.any():
        outliers = usable["open_time"].filter(is_outlier)
        flagged = flagged.with_columns(raised({"outlier": pl.col("open_time").is_in(outliers.implode())}))
    if day.halts:
        flagged = flagged.with_columns(raised({"exchange_halt": rules.exchange_halt(day.step_us, day.halts)}))
    return flagged


def _missing(rows: pl.DataFrame, day: Day, *, halts: Sequence[Span]) -> tuple[Gap, ...]:
    is_on_grid = ~is_flagged(rows, "off_grid")
    return find_gaps(
        rows["open_time"].to_physical().to_numpy()[is_on_grid],
        span=day.span,
        step=day.step,
        halts=halts,
        last_before=day.before.open_time if day.before is not None else None,
        first_after=day.after.open_time if day.after is not None else None,
    )
