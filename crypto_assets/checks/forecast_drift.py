"""Whether the model in force still fits its market; where it does not, a request to train again is left."""

from __future__ import annotations

import pyarrow as pa

from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.predicted_day import PredictedDay
from crypto_assets.errors import CheckpointError, InputIncomplete
from crypto_assets.forecast.drift import LEAST_REALISED, MOST_ROWS_OUTSIDE, WEEK_DAYS, input_drift, week_skill
from crypto_assets.forecast.predicting import rows_of_day
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, STEP_S, horizon_name, outcomes, record_of_model
from crypto_assets.forecast.retraining import LEAST_DAYS_APART, RetrainRequest, RetrainRequests, too_near

NO_MODEL = "No model foretold this day: 0 forecasts to look at."


def check_drift(day: PredictedDay) -> Finding:
    """Whether the day's rows lie where those were that the day's last model was trained on."""
    if not day.model_ids:
        return Finding(True, NO_MODEL)
    model_id = day.model_ids[-1]
    try:
        card = day.predictor.card(day.promotion(model_id))
        table = day.predictor.rows(day.partition.symbol, day.partition.day, card=card).table
    except (CheckpointError, InputIncomplete) as error:
        return Finding(False, str(error))
    rows = rows_of_day(table, day.partition.day, window=card.data.window)
    found = input_drift(table.values[rows], features=card.features, low=card.feature_low, high=card.feature_high)
    numbers = {
        "rows": found.rows,
        "rows_outside": found.outside,
        "percent_outside": round(100 * found.share, 2),
        "columns_outside": len(found.columns),
    }
    said = f"{found.share:.1%} of {found.rows:,} rows have a feature outside the range that {model_id} was trained in"
    if not found.is_drift:
        return Finding(True, f"{said}; {MOST_ROWS_OUTSIDE:.0%} may.", numbers)
    sentence = f"{said}, more than {MOST_ROWS_OUTSIDE:.0%}: {found.worst}."
    return Finding(False, f"{sentence} {_ask(day, model_id, sentence)}", numbers, WARN)


def check_skill(day: PredictedDay) -> Finding:
    """Whether the last model's forecasts of a week over its shortest horizon were worse than the last price."""
    if not day.model_ids:
        return Finding(True, NO_MODEL)
    model_id, symbol = day.model_ids[-1], day.partition.symbol
    try:
        source = day.predictor.card(day.promotion(model_id)).data.source
    except CheckpointError as error:
        return Finding(False, str(error))
    stored = [held for held in day.lake.days(LSTM_PREDICTIONS, symbol) if held <= day.partition.day][-WEEK_DAYS:]
    rows = [record_of_model(day.lake.read_days(LSTM_PREDICTIONS, symbol, [held]), model_id) for held in stored]
    days = sum(table.num_rows > 0 for table in rows)
    outcome = next(outcomes(pa.concat_tables(rows)), None)
    if outcome is None:
        return Finding(
            True,
            f"All forecasts by {model_id} are backcasts, which are no record of it: too few to say anything.",
            {"days": 0, "realised": 0},
        )
    found = week_skill(outcome, step_s=STEP_S[source])
    name = horizon_name(found.horizon_s)
    numbers: dict[str, int | float] = {"days": days, "realised": found.realised}
    if found.interval is None or found.skill is None:
        return Finding(
            True,
            f"{found.realised:,} forecasts by {model_id} over {name} are realised in {days} days, too few to say "
            f"anything: {LEAST_REALISED:,} are needed; backcasts do not count.",
            numbers,
        )
    low, high = 100 * found.interval.low, 100 * found.interval.high
    numbers |= {
        "skill_percent": round(100 * found.skill, 3),
        "low_percent": round(low, 3),
        "high_percent": round(high, 3),
    }
    said = (
        f"Skill of {model_id} over the last price at {name} in {days} days: {100 * found.skill:.2f} % "
        f"({low:.2f} to {high:.2f} %, {found.realised:,} forecasts)"
    )
    if not found.is_below_naive:
        return Finding(True, f"{said}: not worse by more than chance.", numbers)
    sentence = f"{said}: worse than saying that the price stays."
    return Finding(False, f"{sentence} {_ask(day, model_id, sentence)}", numbers, WARN)


def _ask(day: PredictedDay, model_id: str, sentence: str) -> str:
    """Leave a request where this is the newest day, and say what was done."""
    symbol, on = day.partition.symbol, day.partition.day
    newest = max(day.lake.days(LSTM_PREDICTIONS, symbol))
    if on < newest:
        return f"Predictions of {newest} are there: what is asked for is decided on those."
    trained = too_near(on, day.trained)
    if trained is not None:
        return (
            f"A model was trained as of {trained}, less than {LEAST_DAYS_APART} days before: no other one is asked for."
        )
    request = RetrainRequest(symbol=symbol, day=on, model_id=model_id, reasons=(sentence,))
    held = RetrainRequests(day.lake.files).ask(request)
    return f"A request to train again is open since {held.day}; the sensor retraining runs the job forecast for it."
