"""Checks of the archive: the seconds are whole, unique, and add up to the minutes that bronze has."""

from __future__ import annotations

from functools import partial

import dagster as dg
import numpy as np

from crypto_assets.archive.seconds import ARCHIVE, SECOND, SECONDS_OF_DAY, compare_with_minutes, gaps_of
from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.stored import SCHEMA, StoredDay, read_stored, where_declared
from crypto_assets.flags import is_flagged
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import BRONZE_KLINES, KLINES_1S

BRONZE = BRONZE_KLINES["1m"]


def archive_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of klines_1s; those that block keep whoever reads it from running."""
    return [day_checks(KLINES_1S, days, CHECKS, read=partial(read_stored, KLINES_1S), compared_with=[BRONZE])]


def _minutes(day: StoredDay) -> Finding:
    bronze = day.lake.read(BRONZE, day.partition.symbol, day.partition.day)
    if bronze is None or not bronze.num_rows:
        return Finding(
            False,
            f"Not compared: {BRONZE.name} has no candle of this day yet. Materialise it, then run this check again; "
            "the job archive does both.",
            {"minutes": 0},
            WARN,
        )
    differences = compare_with_minutes(day.table, bronze)
    wrong = len(differences["open_time"].unique())
    compared = bronze["open_time"].combine_chunks().unique()
    numbers = {"minutes": len(compared), "minutes_differing": wrong, "fields_differing": differences.num_rows}
    if not wrong:
        return Finding(True, f"{len(compared):,} minutes are what their seconds add up to, to the last digit.", numbers)
    first = differences.slice(0, 1).to_pylist()[0]
    at = f"{first['open_time']:%H:%M}"
    if first["other_value"] is None and first["field"] == "open_time":
        what = f"at {at} only {first['kept_source']} has any"
    else:
        ours, theirs = f"{first['kept_value']} in {ARCHIVE}", f"{first['other_value']} in {BRONZE.name}"
        what = f"at {at} {first['field']} is {ours} and {theirs}"
    return Finding(
        False,
        f"{wrong:,} of {len(compared):,} minutes are not what their seconds add up to; the first: {what}. Materialise "
        f"raw_klines_1s and {BRONZE.name} again: the exchange may have published either anew.",
        numbers,
    )


def _slots(day: StoredDay) -> Finding:
    gaps = gaps_of(day.notes)
    missing = sum((gap.end - gap.start) // SECOND for gap in gaps)
    off_grid = np.count_nonzero(is_flagged(day.table, "off_grid"))
    rows = day.table.num_rows - off_grid
    numbers = {"rows": rows, "gap_seconds": missing, "gaps": len(gaps), "off_grid": off_grid}
    if rows + missing == SECONDS_OF_DAY:
        return Finding(True, f"{rows:,} rows and {missing:,} seconds of gaps are {SECONDS_OF_DAY:,}.", numbers)
    return Finding(
        False,
        f"{rows:,} rows and {missing:,} seconds of gaps are not {SECONDS_OF_DAY:,}. Materialise {KLINES_1S.name} "
        "again.",
        numbers,
    )


def _unique(day: StoredDay) -> Finding:
    times = day.table["open_time"]
    distinct = len(times.unique())
    numbers = {"rows": len(times), "distinct": distinct}
    if distinct == len(times) and not times.null_count:
        return Finding(True, f"{distinct:,} rows, each of another second.", numbers)
    return Finding(
        False, f"{len(times) - distinct:,} rows repeat an open time. Materialise {KLINES_1S.name} again.", numbers
    )


CHECKS: tuple[DayCheck[StoredDay], ...] = (
    where_declared(
        DayCheck("minutes", "Seconds add up to the minutes of bronze, to the last digit.", _minutes, blocking=True)
    ),
    where_declared(DayCheck("slots", "Rows and seconds of gaps are a whole day.", _slots, blocking=True)),
    where_declared(DayCheck("unique", "No second has two rows.", _unique, blocking=True)),
    SCHEMA,
)
