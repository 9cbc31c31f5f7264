"""Checks of gold: every promise that a row makes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import dagster as dg
import numpy as np

from crypto_assets.assets.gold_days import InputWindow
from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.stored import FRESHNESS, SCHEMA, StoredDay, read_stored, where_declared
from crypto_assets.errors import InputIncomplete
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.flags import is_flagged
from crypto_assets.partitions import DaySymbol
from crypto_assets.run_tags import command_to_run
from crypto_assets.schemas import SILVER_KLINES

LOOK_AHEAD_DAYS = 1
"""Days of each symbol of a run, the last ones, in which look-ahead is searched: each is computed several times."""


def gold_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the feature table."""
    checks = [
        DayCheck(
            "no_look_ahead",
            "Recomputed at sampled minutes from what was known by then, with the rest cut off and with noise in its "
            "place, every stored row comes out the same.",
            _no_look_ahead,
            blocking=True,
            sampled=LOOK_AHEAD_DAYS,
        ),
        DayCheck(
            "completeness", "There is a row for each 1m candle of silver that opens on the minute.", _completeness
        ),
        DayCheck("warm", "Every day that a window reaches back to was materialised.", partial(_warm, days=days)),
        DayCheck("defined", "A warm row has every value of a source that was present: no null, NaN or inf.", _defined),
        DayCheck("ranges", "Values lie in the range that their feature declares.", _ranges),
    ]
    return [
        day_checks(
            GOLD_FEATURES,
            days,
            [*map(where_declared, checks), SCHEMA, FRESHNESS],
            read=partial(read_stored, GOLD_FEATURES),
        )
    ]


def _no_look_ahead(day: StoredDay) -> Finding:
    from crypto_assets.features.lookahead import check_stored, sample_minutes

    try:
        inputs = InputWindow(day.lake).inputs(day.partition)
    except InputIncomplete as error:
        return Finding(False, str(error), severity=WARN)
    seed = day.partition.day.toordinal()
    minutes = sample_minutes(inputs, day=day.partition.day, seed=seed)
    leaks = check_stored(day.table, inputs, day=day.partition.day, minutes=minutes, seed=seed)
    columns = list(dict.fromkeys(leak.column for leak in leaks))
    numbers = {"minutes_sampled": len(minutes), "columns_leaking": len(columns)}
    if not leaks:
        at = ", ".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes)
        return Finding(True, f"{len(FEATURES)} features hold at {len(minutes)} sampled minutes ({at}).", numbers)
    return Finding(
        False,
        f"{len(columns)} columns do not come out again from what was known ({', '.join(columns[:5])}"
        f"{' …' if len(columns) > 5 else ''}). {leaks[0]}. Either they read the future, or silver has changed since: "
        "materialise gold_features of this day again.",
        numbers,
    )


def _completeness(day: StoredDay) -> Finding:
    columns = ["open_time", "flags"]
    silver = day.lake.read(SILVER_KLINES["1m"], day.partition.symbol, day.partition.day, columns=columns)
    if silver is None:
        return Finding(False, "silver_klines_1m of this day is not there to compare with.", severity=WARN)
    wanted, found = (table["open_time"].to_numpy() for table in (silver, day.table))
    wanted = wanted[~is_flagged(silver, "off_grid")]  # such a candle stands for no minute: gold has no row of it
    odd = np.setxor1d(wanted, found)
    numbers = {"rows": found.size, "candles": wanted.size, "rows_without_their_like": odd.size}
    if not odd.size:
        return Finding(True, f"{found.size:,} rows, one for each candle.", numbers)
    return Finding(
        False,
        f"{found.size:,} rows for {wanted.size:,} candles; the first that only one has is {str(odd[0])[11:16]}. "
        "Materialise gold_features of this day again.",
        numbers,
    )


def _warm(day: StoredDay, *, days: DaySymbol) -> Finding:
    rows = day.table.num_rows
    cold = rows - int(day.table["warm"].to_numpy().sum())
    numbers = {"rows": rows, "rows_not_warm": cold}
    if not cold:
        return Finding(True, f"All {rows:,} rows are warm.", numbers)
    lead_in = [day.partition.moved(-back) for back in range(LEAD_IN_DAYS, 0, -1)]
    absent = [p for p in lead_in if p.day >= days.first_day and not day.lake.has(SILVER_KLINES["1m"], p.symbol, p.day)]
    if not absent:
        return Finding(
            True,
            f"{cold:,} of {rows:,} rows are not warm, though every day that they reach back to is there: history "
            "begins, the exchange halted, or a source was interrupted.",
            numbers,
        )
    return Finding(
        False,
        f"{cold:,} of {rows:,} rows are not warm: {absent[0].day} to {absent[-1].day} lack {len(absent)} of the "
        f"{LEAD_IN_DAYS} days before. Run: {command_to_run('medallion', absent[0].key, absent[-1].key)}",
        numbers | {"days_absent": len(absent)},
        WARN,
    )


def _defined(day: StoredDay) -> Finding:
    from crypto_assets.features.ranges import undefined_in_warm_rows

    found = undefined_in_warm_rows(day.table)
    warm = int(day.table["warm"].to_numpy().sum())
    numbers = {"warm_rows": warm, "columns_undefined": len(found)}
    if not found:
        return Finding(True, f"Every value in {warm:,} warm rows is a number.", numbers)
    return Finding(False, _listed("columns lack values that they promise", [str(f) for f in found]), numbers)


def _ranges(day: StoredDay) -> Finding:
    from crypto_assets.features.ranges import out_of_range

    found = out_of_range(day.table)
    bounded = sum(feature.low is not None or feature.high is not None for feature in FEATURES)
    numbers = {"features_with_a_range": bounded, "columns_outside": len(found)}
    if not found:
        return Finding(True, f"{bounded} features with a range keep to it.", numbers)
    return Finding(False, _listed("columns leave their range", [str(f) for f in found]), numbers)


def _listed(what: str, problems: Sequence[str]) -> str:
    shown = "; ".join(problems[:3])
    return f"{len(problems)} {what}. {shown}{' …' if len(problems) > 3 else ''}."
