"""Bronze klines of a day into silver: eight steps, each counted; rows are flagged, not deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning import rules
from crypto_assets.cleaning.aggregate import aggregate_klines
from crypto_assets.cleaning.candles import Candle, candles_by_time, interpolated_kline
from crypto_assets.cleaning.deduplicate import deduplicate_klines, is_incomplete
from crypto_assets.cleaning.disagreements import DISAGREEMENTS
from crypto_assets.cleaning.flags import has_flag, is_usable, raised
from crypto_assets.cleaning.gaps import Gap, find_gaps, merged_spans
from crypto_assets.cleaning.steps import CleaningSteps, Step
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.schemas import BRONZE_KLINES, FLAGS, SILVER_KLINES, TIMEFRAMES
from crypto_assets.spans import MICROSECOND, Span, to_us

DERIVED = "derived"
"""The `source` of rows that were calculated here."""


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
class _Day:
    """What the steps know of the span besides its rows."""

    span: Span
    step: timedelta
    before: Candle | None
    after: Candle | None
    halts: tuple[Span, ...]

    @property
    def step_us(self) -> int:
        return self.step // MICROSECOND


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
    step = TIMEFRAMES[timeframe]
    day = _Day(Span(start, end), step, before, after, merged_spans(halts))
    received = frame_of(bronze, BRONZE_KLINES[timeframe].schema, name=f"bronze_klines_{timeframe}")
    loaded = _rows_of_span(received, day)
    unique = deduplicate_klines(loaded)
    complete = unique.rows.filter(~is_incomplete())
    judged = _judge_each(complete, day)
    filled = _fill(judged, day, timeframe=timeframe, klines_1m=klines_1m)
    flagged = _judge_in_sequence(filled, day)
    steps = (
        Step("load", received.height, received.height - loaded.height, loaded.height),
        Step("deduplicate", loaded.height, unique.dropped, unique.rows.height),
        Step("schema", unique.rows.height, unique.rows.height - complete.height, complete.height),
        *(
            Step(name, complete.height, _count(judged, flag), complete.height)
            for name, flag in (("range", "out_of_range"), ("sequence", "off_grid"), ("ohlc", "ohlc_violation"))
        ),
        Step("fill", judged.height, filled.height - judged.height, filled.height),
        Step("flag", filled.height, _count(flagged, *_SEQUENCE_FLAGS), flagged.height),
    )
    return CleanedKlines(
        table_of(flagged, SILVER_KLINES[timeframe].payload),
        CleaningSteps(steps),
        _gaps(flagged, day),
        table_of(unique.disagreements, DISAGREEMENTS),
    )


_SEQUENCE_FLAGS = ("truncated", "no_trades", "outlier", "exchange_halt")


def _rows_of_span(rows: pl.DataFrame, day: _Day) -> pl.DataFrame:
    opens = pl.col("open_time")
    return rows.filter((opens.is_null()) | (opens >= day.span.start) & (opens < day.span.end))


def _judge_each(rows: pl.DataFrame, day: _Day) -> pl.DataFrame:
    """Flags of the steps range, sequence and ohlc: each row by itself."""
    return rows.with_columns(
        raised(
            {
                "out_of_range": rules.out_of_range(day.step_us),
                "off_grid": rules.off_grid(day.step_us),
                "ohlc_violation": rules.ohlc_violation(),
            }
        )
    )


def _fill(rows: pl.DataFrame, day: _Day, *, timeframe: str, klines_1m: pa.Table | None) -> pl.DataFrame:
    """The rows, and those that could be calculated, by open time."""
    if timeframe == "1m":
        added = _interpolated(rows, day)
    elif klines_1m is not None:
        added = _derived(rows, day, klines_1m, timeframe=timeframe)
    else:
        return rows
    return pl.concat([rows, added], how="diagonal").sort("open_time") if added.height else rows


def _interpolated(rows: pl.DataFrame, day: _Day) -> pl.DataFrame:
    holes = [gap.start for gap in _missing(rows, day, halts=()) if gap.end - gap.start == day.step]
    neighbours = candles_by_time(rows, {at + side * day.step for at in holes for side in (-1, 1)})
    neighbours |= {candle.open_time: candle for candle in (day.before, day.after) if candle is not None}
    made = [
        interpolated_kline(neighbours[at - day.step], neighbours[at + day.step], step=day.step)
        for at in holes
        if at - day.step in neighbours and at + day.step in neighbours
    ]
    constants = {"flags": FLAGS["filled"], "source": DERIVED}
    return pl.DataFrame([kline | constants for kline in made], schema=rows.select(_KEPT).schema)


def _derived(rows: pl.DataFrame, day: _Day, klines_1m: pa.Table, *, timeframe: str) -> pl.DataFrame:
    schema = SILVER_KLINES[timeframe].payload
    derived = frame_of(aggregate_klines(klines_1m, timeframe=timeframe), schema, name="aggregated klines")
    closed = (pl.col("open_time") >= day.span.start) & (pl.col("open_time") + day.step <= day.span.end)
    return derived.filter(closed).join(rows.select("open_time"), on="open_time", how="anti")


def _judge_in_sequence(rows: pl.DataFrame, day: _Day) -> pl.DataFrame:
    """Flags of the last step: those that need neighbours, or that say how a good candle is special."""
    usable = rows.filter(is_usable())
    before = (to_us(day.before.open_time), float(day.before.close)) if day.before is not None else None
    outliers = usable.filter(rules.outlier(usable, step_us=day.step_us, before=before))
    return rows.with_columns(
        raised(
            {
                "truncated": rules.truncated(day.step_us),
                "no_trades": rules.no_trades() & ~has_flag("filled"),
                "outlier": pl.col("open_time").is_in(outliers["open_time"].implode()),
                "exchange_halt": rules.exchange_halt(day.step_us, day.halts),
            }
        )
    )


def _gaps(rows: pl.DataFrame, day: _Day) -> tuple[Gap, ...]:
    return _missing(rows, day, halts=day.halts)


def _missing(rows: pl.DataFrame, day: _Day, *, halts: Sequence[Span]) -> tuple[Gap, ...]:
    open_times_us = rows.filter(~has_flag("off_grid"))["open_time"].to_physical().to_numpy().astype(np.int64)
    return find_gaps(
        open_times_us,
        span=day.span,
        step=day.step,
        halts=halts,
        last_before=day.before.open_time if day.before is not None else None,
        first_after=day.after.open_time if day.after is not None else None,
    )


def _count(rows: pl.DataFrame, *flags: str) -> int:
    return int(rows.select(has_flag(*flags).sum()).item())


_KEPT = SILVER_KLINES["1m"].payload.names
