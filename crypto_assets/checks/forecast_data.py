"""Checks of training sets: what is stored is read by another road than the one that models take."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import JudgeOptions
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import day_span

RESOLVED_PERCENT = 2.0
"""Half-width of the 95 % interval of a directional accuracy that a newest block should allow: with a wider one, no
model of this market could be told from a coin."""
Z_95 = 1.96
_FIXED = tuple(LSTM_TRAINING_SET.payload.names)


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """The version in force of a set, as its files say."""

    partition: Partition
    version: dict[str, Any]
    """The last entry of the list."""
    content: bytes | None
    """The file that it names."""
    lake: Lake

    @property
    def rows(self) -> pl.DataFrame:
        """All of its columns."""
        return pl.read_parquet(io.BytesIO(self.content or b""))

    @property
    def options(self) -> dict[str, Any]:
        """What was asked for."""
        return self.version["options"]


def forecast_data_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the training set."""
    checks = [
        DayCheck(
            "known_by_the_day",
            "No row was known later than the end of the day, none is older than the days that were asked for, and they "
            "ascend.",
            _known_by_the_day,
            blocking=True,
        ),
        DayCheck(
            "as_in_its_inputs",
            "On a sampled day every feature is that of gold bit for bit, and every real close is the candle's; of "
            "candles of a second, volume and count are compared to 12 digits.",
            _as_in_its_inputs,
            blocking=True,
        ),
        DayCheck(
            "enough_samples",
            f"The newest test block holds outcomes enough, those that overlap counted as one, to tell a directional "
            f"accuracy to ±{RESOLVED_PERCENT:g} percentage points.",
            _enough_samples,
        ),
    ]
    whole = DayCheck(
        "content_hash", "The stored file is the one that the list of versions names.", _content_hash, blocking=True
    )
    return [day_checks(LSTM_TRAINING_SET, days, [whole, *map(_where_whole, checks)], read=_read)]


def _read(lake: Lake, partition: Partition, _: datetime) -> StoredVersion | None:
    folder = LSTM_TRAINING_SET.partition_path(partition.symbol, partition.day)
    listed = lake.files.read(f"{folder}/{MANIFEST_FILE}")
    if listed is None:
        return None
    version = json.loads(listed)["versions"][-1]
    return StoredVersion(partition, version, lake.files.read(f"{folder}/{version['sha256']}.parquet"), lake)


def _where_whole(check: DayCheck[StoredVersion]) -> DayCheck[StoredVersion]:
    """The check, for sets whose file is the one that was published; of others it says that it could not look."""

    def judge(stored: StoredVersion) -> Finding:
        if _content_hash(stored).passed:
            return check.judge(stored)
        return Finding(False, "Not looked at: the stored file is not the one that was made, see content_hash.")

    return replace(check, judge=judge)


def _content_hash(stored: StoredVersion) -> Finding:
    wanted = stored.version["sha256"]
    if stored.content is None:
        return Finding(False, f"The file {wanted[:12]}… is gone. Materialise lstm_training_set of this day again.")
    found = hashlib.sha256(stored.content).hexdigest()
    numbers = {"bytes": len(stored.content)}
    if found == wanted:
        return Finding(True, f"{len(stored.content):,} bytes with the sum {found[:12]}….", numbers)
    return Finding(
        False,
        f"The file's sum is {found[:12]}…, but the list names {wanted[:12]}…. Materialise lstm_training_set of this "
        "day again.",
        numbers,
    )


def _known_by_the_day(stored: StoredVersion) -> Finding:
    rows, day = stored.rows, stored.partition.day
    start, end = day_span(day - timedelta(days=stored.options["days"] - 1)).start, day_span(day).end
    late = rows.filter((pl.col("as_of") > end) | (pl.col("as_of") <= pl.col("open_time")))
    early = rows.filter(pl.col("open_time") < start)
    behind = int((rows["as_of"].diff().drop_nulls() <= timedelta(0)).sum())
    numbers = {"rows": rows.height, "rows_late": late.height, "rows_early": early.height, "rows_out_of_order": behind}
    if not (late.height or early.height or behind):
        return Finding(True, f"{rows.height:,} rows, the newest known at {rows['as_of'].max()}.", numbers)
    example = f"; the latest is of {late['as_of'].max()}" if late.height else ""
    return Finding(
        False,
        f"{late.height} rows were not known by {end:%Y-%m-%d %H:%M}{example}; {early.height} are older than "
        f"{start:%Y-%m-%d}; {behind} are out of order. Materialise lstm_training_set of this day again.",
        numbers,
    )


def _as_in_its_inputs(stored: StoredVersion) -> Finding:
    inputs = stored.version["inputs"]
    days = sorted({key.partition("/")[2] for key in inputs})
    day = date.fromisoformat(days[stored.partition.day.toordinal() % len(days)])
    sources = [KLINES_1S] if stored.options["source"] == KLINES_1S.name else [GOLD_FEATURES, SILVER_KLINES["1m"]]
    frames: list[pl.DataFrame] = []
    for dataset in sources:
        content = stored.lake.files.read(dataset.partition_path(stored.partition.symbol, day))
        if content is None or hashlib.sha256(content).hexdigest() != inputs[f"{dataset.name}/{day}"]:
            return Finding(
                False,
                f"{dataset.name} of {day} is not the file any more that the set was made from, so they cannot be "
                "compared. Materialise lstm_training_set of this day again to take it in.",
                severity=WARN,
            )
        frames.append(pl.read_parquet(io.BytesIO(content)))
    span = day_span(day)
    rows = stored.rows.filter(pl.col("open_time").is_between(span.start, span.end, closed="left"))
    if stored.options["source"] == KLINES_1S.name:
        expected = _of_seconds(frames[0])
    else:
        expected = frames[0].join(frames[1].select("open_time", pl.col("close").cast(pl.Float64)), on="open_time")
    return _compared(rows, expected, day=day)


def _of_seconds(candles: pl.DataFrame) -> pl.DataFrame:
    """Amounts that a second's row says by itself; its return needs the one before, perhaps of another day."""
    return candles.select(
        "open_time",
        pl.col("close").cast(pl.Float64),
        log_volume_1s=pl.col("volume").cast(pl.Float64).log1p(),
        log_count_1s=pl.col("count").cast(pl.Float64).log1p(),
    )


def _compared(rows: pl.DataFrame, expected: pl.DataFrame, *, day: date) -> Finding:
    """Whether a day's rows hold what the input does: features as they are, closes where they are real."""
    features = [name for name in rows.columns if name not in _FIXED and name in expected.columns]
    computed = "log_volume_1s" in expected.columns
    joined = (rows.filter("is_real") if computed else rows).join(expected, on="open_time", how="left", suffix="_input")
    same = _same_digits if computed else _same_bits
    wrong = [name for name in features if not same(joined[name], joined[f"{name}_input"])]
    closes = joined.filter("is_real")
    wrong += [] if _same_bits(closes["close"], closes["close_input"]) else ["close"]
    numbers = {"rows_compared": joined.height, "columns_compared": len(features) + 1, "columns_differing": len(wrong)}
    if not wrong:
        return Finding(
            True, f"{len(features)} features and the close of {joined.height:,} rows of {day} are the input's.", numbers
        )
    shown = ", ".join(wrong[:5]) + (" …" if len(wrong) > 5 else "")
    return Finding(
        False,
        f"{len(wrong)} columns of {day} are not those of the input that the set names: {shown}. Materialise "
        "lstm_training_set of this day again.",
        numbers,
    )


def _same_bits(found: pl.Series, wanted: pl.Series) -> bool:
    """Whether two columns are equal to the last bit; null and NaN are one."""
    a, b = (np.nan_to_num(column.cast(pl.Float64).to_numpy(), nan=math.inf) for column in (found, wanted))
    return np.array_equal(a.view(np.int64), b.view(np.int64))


def _same_digits(found: pl.Series, wanted: pl.Series) -> bool:
    return np.allclose(found.to_numpy(), wanted.to_numpy(), rtol=1e-12, atol=0, equal_nan=True)


def _enough_samples(stored: StoredVersion) -> Finding:
    options, judge = stored.options, JudgeOptions()
    samples = _count_samples(stored.rows, window=options["window"], horizons=options["horizons"])
    newest = int(samples * judge.test_share / judge.folds)
    horizon = options["horizons"][judge.primary]
    apart = math.ceil(newest / horizon)  # as the evaluation counts trials: the outcomes of rows in between overlap
    half_width = 100 * Z_95 * 0.5 / math.sqrt(apart) if apart else math.inf
    numbers = {
        "samples": samples,
        "samples_of_newest_block": newest,
        "outcomes_apart": apart,
        "half_width_percent": round(half_width, 3),
    }
    ahead = f"{horizon} row{'s' * (horizon > 1)} ahead"
    told = (
        f"{samples:,} samples. The newest of {judge.folds} folds, which together test {100 * judge.test_share:g} % of "
        f"them, has {newest:,}: {apart:,} outcomes, {ahead}, that do not overlap. They tell a directional accuracy of "
        f"50 % to ±{half_width:.1f} percentage points."
    )
    if half_width <= RESOLVED_PERCENT:
        return Finding(True, told, numbers)
    wanted = math.ceil((100 * Z_95 * 0.5 / RESOLVED_PERCENT) ** 2 * horizon * judge.folds / judge.test_share)
    return Finding(False, f"{told} Take more days: {wanted:,} samples tell it to ±{RESOLVED_PERCENT:g}.", numbers, WARN)


def _count_samples(rows: pl.DataFrame, *, window: int, horizons: Sequence[int]) -> int:
    """Rows that end a window without a gap of warm rows with every value, and whose horizons have a real close."""
    features = [name for name in rows.columns if name not in _FIXED]
    step = rows.select((pl.col("as_of") - pl.col("open_time")).max()).item()
    good = pl.col("warm") & pl.all_horizontal(pl.col(features).is_finite().fill_null(value=False))
    marked = rows.select(
        "as_of",
        "is_real",
        whole=(good.cast(pl.Int32).rolling_sum(window) == window)
        & (pl.col("as_of") - pl.col("as_of").shift(window - 1) == step * (window - 1)),
    )
    ends = marked.filter(pl.col("whole") & pl.col("is_real"))
    real = marked.filter("is_real").select("as_of")
    for horizon in horizons:
        due = ends.with_columns(due=pl.col("as_of") + step * horizon)
        ends = due.join(real, left_on="due", right_on="as_of", how="semi").drop("due")
    return ends.height
