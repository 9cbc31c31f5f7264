"""Checks of silver: complete, in order, and consistent between timeframes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.stored import FRESHNESS, SCHEMA, StoredDay, read_stored, where_declared
from crypto_assets.cleaning.aggregate import compare_with_aggregates
from crypto_assets.cleaning.coverage import COMPLETE_PERCENT, count_slots, coverage_strip
from crypto_assets.cleaning.gaps import GapCause, gaps_from_json
from crypto_assets.flags import is_flagged
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import (
    BOOK_LEVELS,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    SILVER_PERPETUAL,
    Dataset,
)
from crypto_assets.spans import MICROSECOND, day_span


def silver_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of every silver dataset."""
    return [
        day_checks(dataset, days, [*checks, FRESHNESS], read=partial(read_stored, dataset))
        for dataset, checks in DAY_CHECKS.items()
    ]


def _klines_checks(timeframe: str) -> list[DayCheck[StoredDay]]:
    checks = [
        DayCheck(
            "completeness",
            f"Every candle is there but those of a known halt; an error below {COMPLETE_PERCENT} %.",
            partial(_completeness, timeframe=timeframe),
        ),
        DayCheck("ohlc", "High and low enclose open and close; a row that contradicts itself says so.", _ohlc),
    ]
    if timeframe != "1m":
        agrees = partial(_agrees_with_minutes, timeframe=timeframe)
        checks.append(DayCheck("agrees_with_1m", "Candles are what their minutes aggregate to.", agrees))
    return checks


def _completeness(day: StoredDay, *, timeframe: str) -> Finding:
    known = day.known
    gaps = gaps_from_json(day.notes.get("gaps", "[]"))
    strip = coverage_strip(
        day.table, timeframe=timeframe, day=day_span(day.partition.day), gaps=gaps, known_until=known.end
    )
    slots = count_slots(strip)
    halted = slots["slots_halt"]
    expected = strip.size - slots["slots_not_yet"] - halted
    present = slots["slots_present"]
    percent = 100.0 * present / expected if expected else 100.0
    numbers = {
        "present": present,
        "expected": expected,
        "halted": halted,
        "filled": slots["slots_filled"],
        "missing": slots["slots_missing"],
        "present_percent": round(percent, 3),
    }
    halts = [str(gap.span) for gap in gaps if gap.cause is GapCause.EXCHANGE_HALT]
    halt = f" {halted:,} more are a halt of the exchange ({', '.join(halts)})." if halted else ""
    counted = f"{present:,} of {expected:,} candles ({percent:.2f} %).{halt}"
    if percent >= COMPLETE_PERCENT:
        return Finding(True, counted, numbers)
    missing = [str(gap.span) for gap in gaps if gap.cause is GapCause.NOT_RECEIVED]
    where = f" Missing: {', '.join(missing[:5])}{' …' if len(missing) > 5 else ''}." if missing else ""
    return Finding(False, f"{counted}{where} Materialise bronze_klines_{timeframe} of this day again.", numbers)


def _ohlc(day: StoredDay) -> Finding:
    prices = {name: _floats(day.table, name) for name in ("open", "high", "low", "close")}
    top, bottom = np.maximum(prices["open"], prices["close"]), np.minimum(prices["open"], prices["close"])
    wrong = (prices["high"] < top) | (prices["low"] > bottom) | (prices["low"] <= 0)
    explained = is_flagged(day.table, "ohlc_violation", "out_of_range")
    silent = wrong & ~explained
    numbers = {"contradictory": int(wrong.sum()), "contradictory_without_flag": int(silent.sum())}
    if not wrong.any():
        return Finding(True, f"{day.table.num_rows:,} candles, none contradicts itself.", numbers)
    row = int(np.flatnonzero(silent if silent.any() else wrong)[0])
    shown = ", ".join(f"{name} {values[row]:.8g}" for name, values in prices.items())
    where = f"the first at {day.table['open_time'][row].as_py():%H:%M} ({shown})"
    if silent.any():
        return Finding(False, f"{silent.sum():,} candles contradict themselves and carry no flag, {where}.", numbers)
    return Finding(False, f"{wrong.sum():,} candles contradict themselves and are flagged, {where}.", numbers, WARN)


def _agrees_with_minutes(day: StoredDay, *, timeframe: str) -> Finding:
    minutes = day.lake.read(SILVER_KLINES["1m"], day.partition.symbol, day.partition.day)
    if minutes is None:
        return Finding(False, "silver_klines_1m of this day is not there to compare with.", severity=WARN)
    derived = np.count_nonzero(is_flagged(day.table, "derived"))
    compared = day.table.num_rows - derived
    differences = compare_with_aggregates(day.table, minutes, timeframe=timeframe)
    candles = len(differences["open_time"].unique())
    numbers = {"compared": compared, "derived": derived, "disagreeing": candles}
    if not candles:
        sentence = f"{compared:,} candles are what their minutes aggregate to; {derived:,} more were aggregated here."
        return Finding(True, sentence, numbers)
    first = differences.slice(0, 1).to_pylist()[0]
    return Finding(
        False,
        f"{candles:,} of {compared:,} candles are not what their minutes aggregate to; the first at "
        f"{first['open_time']:%H:%M}: {first['field']} is {first['kept_value']} ({first['kept_source']}) and "
        f"{first['other_value']} ({first['other_source']}).",
        numbers,
    )


def _levels(day: StoredDay) -> Finding:
    table = day.table
    numbers = {"rows": table.num_rows}
    if not table.num_rows:
        return Finding(True, "No order book was captured on this day.", numbers)
    crossed = _floats(table, "bid_price_1") >= _floats(table, "ask_price_1")
    unsorted = np.zeros(table.num_rows, bool)
    for level in range(1, BOOK_LEVELS):
        # NaN beside a level that is not there compares as false: a short book is sorted
        unsorted |= _floats(table, f"bid_price_{level}") <= _floats(table, f"bid_price_{level + 1}")
        unsorted |= _floats(table, f"ask_price_{level}") >= _floats(table, f"ask_price_{level + 1}")
    backwards = np.diff(table["time"].to_numpy()) < np.timedelta64(0)
    numbers |= {
        "crossed": int(crossed.sum()),
        "unsorted": int(unsorted.sum()),
        "back_in_time": int(backwards.sum()),
    }
    bad = crossed | unsorted | np.append(False, backwards)
    if not bad.any():
        return Finding(True, f"{table.num_rows:,} states, each sorted and uncrossed.", numbers)
    first = table["time"][int(np.flatnonzero(bad)[0])].as_py()
    return Finding(
        False,
        f"{crossed.sum():,} states are crossed, {unsorted.sum():,} not sorted, {backwards.sum():,} go back in time; "
        f"the first at {first:%H:%M:%S}. Materialise silver_orderbook again.",
        numbers,
    )


def _perpetual_completeness(day: StoredDay) -> Finding:
    expected, rows = day.known.minutes, day.table.num_rows
    known = {
        "with_funding": "funding_rate",
        "with_open_interest": "open_interest",
        "with_mark_price": "mark_price",
        "with_liquidations": "liquidated_long_count",
    }
    numbers = {
        "rows": rows,
        "expected": expected,
        **{f"minutes_{what}": rows - day.table[column].null_count for what, column in known.items()},
    }
    opened = day.table["open_time"].to_numpy()
    contiguous = bool(np.all(np.diff(opened) == np.timedelta64(60_000_000 * MICROSECOND)))
    if rows == expected and contiguous:
        return Finding(True, f"{rows:,} of {expected:,} minutes.", numbers)
    return Finding(False, f"{rows:,} of {expected:,} minutes, or not one after the other.", numbers)


def _floats(table: pa.Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return pc.cast(table[name], pa.float64()).to_numpy()


DAY_CHECKS: Mapping[Dataset, Sequence[DayCheck[StoredDay]]] = {
    dataset: [*map(where_declared, checks), SCHEMA]
    for dataset, checks in (
        *((dataset, _klines_checks(timeframe)) for timeframe, dataset in SILVER_KLINES.items()),
        (
            SILVER_ORDERBOOK,
            [DayCheck("levels", "Bids fall, asks rise, the best bid is below the best ask, time goes on.", _levels)],
        ),
        (SILVER_PERPETUAL, [DayCheck("completeness", "There is a row for each minute.", _perpetual_completeness)]),
    )
}
"""What each silver dataset is asked of a day by itself; whether it is the newest day is asked besides."""
