"""Checks of predictions: that they were possible, that they come out again, and that their model still fits."""

from collections.abc import Collection, Iterator
from functools import partial

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.checks.day_checks import DayCheck, check_specs, judge_days
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.forecast_drift import check_drift, check_skill
from crypto_assets.checks.predicted_day import PredictedDay, read_predicted
from crypto_assets.checks.stored import FRESHNESS, SCHEMA, where_declared
from crypto_assets.errors import CheckpointError, InputIncomplete
from crypto_assets.features.candles import NOT_READ
from crypto_assets.flags import is_flagged
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.drift import MOST_ROWS_OUTSIDE, WEEK_DAYS
from crypto_assets.forecast.options import Source
from crypto_assets.forecast.predicting import Predictor, rows_of_day
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, STEP_S
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.forecast.retraining import trained_days
from crypto_assets.forecast.table import BoolArray, FloatArray, IntArray
from crypto_assets.forecast.training_sets_days import READ
from crypto_assets.partitions import DaySymbol
from crypto_assets.spans import SECOND_US, day_span, from_us, times_us, to_us
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

SAMPLED_MOMENTS = 48
"""Forecasts of a day that are made once more: a batch of the network, beside which loading it is what costs."""
TOLERANCE = 1e-6
"""Of the standard deviation of the training targets: float32 in another order of summation stays below it."""
_AGAIN = "Materialise lstm_predictions of this day again."
SAME_PRICE = 1e-9
"""Relative; a stored price is the float nearest to silver's decimal."""


def forecast_predictions_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of the predictions."""
    own: list[DayCheck[PredictedDay]] = [
        DayCheck(
            "known_in_time",
            "Every forecast's model was promoted by known_at and trained on data that ended by as_of; a forecast that "
            "was known later than as_of says that it is a backcast.",
            _known_in_time,
        ),
        DayCheck(
            "same_again",
            f"Made once more from the promoted file, {SAMPLED_MOMENTS} sampled moments come out as they are stored, to "
            f"{TOLERANCE:g} of the scale of the targets.",
            _same_again,
            sampled=1,
        ),
        DayCheck("realised", "What came is what silver says, of every forecast that came due.", _realised),
        DayCheck(
            "drift",
            f"At most {MOST_ROWS_OUTSIDE:.0%} of the rows have a feature outside the range of the training rows. More "
            "on the newest day leaves a request to train again.",
            check_drift,
            sampled=1,
        ),
        DayCheck(
            "skill",
            f"Over the last {WEEK_DAYS} stored days the forecasts of the last model, its backcasts aside, are not "
            "worse than the last price by more than chance. Where they are, a request to train again is left.",
            check_skill,
            sampled=1,
        ),
    ]
    checks: list[DayCheck[PredictedDay]] = [*map(where_declared, own), SCHEMA, FRESHNESS]

    @dg.multi_asset_check(
        name=f"{LSTM_PREDICTIONS.name}_checks", specs=check_specs(LSTM_PREDICTIONS, checks), can_subset=True
    )
    def check_predictions(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, checkpoints: CheckpointsResource
    ) -> Iterator[dg.AssetCheckResult]:
        promotions = Promotions(checkpoints.uri)
        read = partial(
            read_predicted,
            promotions=promotions,
            predictor=Predictor(lake.lake, promotions, backcast=True),
            trained=trained_days(context.instance.get_materialized_partitions(dg.AssetKey(CHECKPOINT))),
        )
        yield from judge_days(context, lake.lake, LSTM_PREDICTIONS, days, checks=checks, read=read)

    return [check_predictions]


def _known_in_time(day: PredictedDay) -> Finding:
    wrong, worst = 0, ""
    for model_id in day.model_ids:
        rows = day.table.filter(pc.field("model_id") == model_id)
        try:
            promotion = day.promotion(model_id)
            ended_us = to_us(day.predictor.card(promotion).last_as_of)
        except CheckpointError as error:
            return Finding(False, str(error), {"forecasts": day.table.num_rows, "models": len(day.model_ids)})
        moments, known = times_us(rows["as_of"]), times_us(rows["known_at"])
        late = moments < to_us(promotion.promoted_at)
        bad = (known < moments) | (known < to_us(promotion.promoted_at)) | (moments < ended_us)
        bad |= rows["is_backcast"].to_numpy() != late
        if bad.any() and not worst:
            at = from_us(int(moments[np.flatnonzero(bad)[0]]))
            worst = (
                f"the first at {at:%Y-%m-%d %H:%M} by {model_id}, promoted {promotion.promoted_at:%Y-%m-%d %H:%M}, of "
                f"data until {from_us(ended_us):%Y-%m-%d %H:%M}"
            )
        wrong += int(bad.sum())
    numbers = {"forecasts": day.table.num_rows, "models": len(day.model_ids), "impossible": wrong}
    if not wrong:
        return Finding(True, f"{day.table.num_rows:,} forecasts by {len(day.model_ids)} models were possible.", numbers)
    return Finding(
        False,
        f"{wrong:,} of {day.table.num_rows:,} forecasts were not possible when they say: {worst}. Materialise "
        "lstm_predictions of this day again; where that changes nothing, the ledger of promotions was changed.",
        numbers,
    )


def _same_again(day: PredictedDay) -> Finding:
    compared, worst, where = 0, 0.0, ""
    for model_id in day.model_ids:
        stored = _sampled(day.table.filter(pc.field("model_id") == model_id))
        try:
            promotion = day.promotion(model_id)
            scale = np.asarray(day.predictor.card(promotion).target_scale)
            again = _foretold_again(day, promotion, stored)
        except (CheckpointError, InputIncomplete) as error:
            return Finding(False, str(error), {"forecasts_compared": compared})
        if again is None:
            return Finding(
                False,
                f"gold_features no longer has all rows that {model_id} foretold from. {_AGAIN}",
                {"forecasts_compared": compared},
            )
        apart = np.abs(_column(again, "predicted_return") - _column(stored, "predicted_return")).reshape(-1, scale.size)
        apart = np.where(_column(again, "price") == _column(stored, "price"), (apart / scale).reshape(-1), np.inf)
        compared += apart.size
        if apart.max() > worst:
            row = int(apart.argmax())
            at = from_us(int(times_us(stored["as_of"])[row]))
            worst, where = float(apart[row]), f"{at:%H:%M} by {model_id}"
    numbers = {"forecasts_compared": compared, "largest_difference": worst}
    if worst <= TOLERANCE:
        return Finding(True, f"{compared} forecasts come out again, to {worst:.1g} of the target scale.", numbers)
    return Finding(
        False,
        f"Forecasts do not come out again: at {where} they are {worst:.2g} of the target scale apart, more than "
        f"{TOLERANCE:g}. Features have changed since, or the file was: materialise lstm_predictions of this day again.",
        numbers,
    )


def _sampled(rows: pa.Table) -> pa.Table:
    """All horizons of some moments, evenly over the day, the first and the last among them."""
    moments = np.unique(times_us(rows["as_of"]))
    chosen = moments[np.unique(np.linspace(0, moments.size - 1, SAMPLED_MOMENTS).round().astype(int))]
    return rows.filter(pa.array(np.isin(times_us(rows["as_of"]), chosen)))


def _foretold_again(day: PredictedDay, promotion: Promotion, stored: pa.Table) -> pa.Table | None:
    """The same moments from what is there now; None where some are gone."""
    card = day.predictor.card(promotion)
    table = day.predictor.rows(day.partition.symbol, day.partition.day, card=card).table
    rows = rows_of_day(table, day.partition.day, window=card.data.window)
    moments = np.unique(times_us(stored["as_of"]))
    rows = rows[np.isin(table.as_of_us[rows], moments)]
    return day.predictor.foretell(promotion, table, rows) if rows.size == moments.size else None


def _realised(day: PredictedDay) -> Finding:
    """Silver is read anew, without what made the predictions."""
    try:
        sources: set[Source] = {day.predictor.card(day.promotion(model_id)).data.source for model_id in day.model_ids}
    except CheckpointError as error:
        return Finding(False, str(error), {"forecasts": day.table.num_rows})
    due = {moment: close for source in sources for moment, close in _closes(day, source)}
    target, stored = times_us(day.table["target_time"]), _column(day.table, "realised_price")
    price = np.array([due.get(moment, np.nan) for moment in target.tolist()])
    waiting = np.isfinite(price) & np.isnan(stored)
    wrong = np.isfinite(price) & ~waiting & ~(np.abs(stored - price) <= SAME_PRICE * price)
    wrong |= np.isnan(price) & np.isfinite(stored) & _is_told(day, sources, target)
    numbers = {
        "forecasts": target.size,
        "realised": int(np.isfinite(stored).sum()),
        "due_but_not_realised": int(waiting.sum()),
        "realised_otherwise": int(wrong.sum()),
    }
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        return Finding(
            False,
            f"{numbers['realised_otherwise']:,} forecasts say that something else came than candles do, the first of "
            f"{from_us(int(target[row])):%Y-%m-%d %H:%M}: {stored[row]:.8g} instead of "
            f"{f'{price[row]:.8g}' if np.isfinite(price[row]) else 'nothing real'}. {_AGAIN}",
            numbers,
        )
    if waiting.any():
        return Finding(
            False,
            f"{numbers['due_but_not_realised']:,} of {target.size:,} forecasts came due and do not say so. {_AGAIN}",
            numbers,
            WARN,
        )
    return Finding(True, f"{numbers['realised']:,} of {target.size:,} forecasts are realised, as candles say.", numbers)


def _closes(day: PredictedDay, source: Source) -> Iterator[tuple[int, float]]:
    """Moments (us UTC) at which real candles of the day and the next one closed, with the closes (quote asset)."""
    symbol, days = day.partition.symbol, (day.partition.day, day.partition.moved(1).day)
    klines = day.lake.read_days(READ[source][-1], symbol, days, columns=["open_time", "close", "flags"])
    step_us = STEP_S[source] * SECOND_US
    real = klines.filter(pa.array(~is_flagged(klines, *NOT_READ)))
    for opened, close in zip(real["open_time"].to_pylist(), real["close"].to_pylist(), strict=True):
        yield to_us(opened) + step_us, float(close)


def _is_told(day: PredictedDay, sources: Collection[Source], target_us: IntArray) -> BoolArray:
    """Whether candles of each source are stored of the day in which the one of a target opened."""
    told = np.zeros(target_us.size, dtype=bool)
    for partition in (day.partition, day.partition.moved(1)):
        if all(day.lake.has(READ[source][-1], partition.symbol, partition.day) for source in sources):
            span = day_span(partition.day)
            told |= (to_us(span.start) < target_us) & (target_us <= to_us(span.end))
    return told


def _column(table: pa.Table, name: str) -> FloatArray:
    """Numbers, with NaN for null."""
    return pc.cast(table[name], pa.float64()).to_numpy()
