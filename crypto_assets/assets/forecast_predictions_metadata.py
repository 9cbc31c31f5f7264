"""What a person wants to know of a day of predictions: by whom, how good, in a picture and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.notice import NOT_ADVICE, notice
from crypto_assets.forecast.predicting import MadeDay
from crypto_assets.forecast.predictions import Score, horizon_name, outcomes, scores
from crypto_assets.forecast.promotions import Promotion
from crypto_assets.lake.lake import Published
from crypto_assets.partitions import Partition
from crypto_assets.pictures.predictions import prediction_picture
from crypto_assets.spans import day_span

NO_MODEL = "no promoted model"
"""What the state of a day without one begins with."""


def describe_predictions(made: MadeDay, published: Published, *, partition: Partition, state: str) -> dict[str, Any]:
    """Metadata of a day: the picture and the notice first, then who foretold it, how much is known, and how good."""
    shortest = next(iter(outcomes(made.predictions)), None)
    picture = prediction_picture(shortest, day=day_span(partition.day)) if shortest else None
    found = scores(made.predictions)
    rows, due = published.rows, sum(score.realised for score in found)
    return {
        **({"forecasts": dg.MetadataValue.md(picture)} if picture else {}),
        "notice": dg.MetadataValue.md(f"**{notice_of(made.cards)}**"),
        "state": state,
        **published_metadata(published),
        "models": ", ".join(card.model_id for card in made.cards) or "none",
        "candles": made.candles,
        "moments_foretold": rows // len(found) if found else 0,
        "rows_backcast": int(made.predictions["is_backcast"].to_numpy().sum()),
        "rows_realised": due,
        "realised_percent": round(100 * due / rows, 2) if rows else 0.0,
        **{name: value for score in found for name, value in _figures(score).items()},
        **({"interval_percent": round(100 * made.cards[-1].interval_share, 1)} if made.cards else {}),
    }


def state_of(made: MadeDay, promoted: Sequence[Promotion], partition: Partition) -> str:
    """By whom the day was foretold, in a sentence; where by nobody, why and what to do."""
    if made.cards:
        used = [card.model_id for card in made.cards]
        forced = {entry.model_id: entry for entry in promoted if entry.reason}
        against = " ".join(f"{forced[name].model_id}: {forced[name].why}" for name in used if name in forced)
        return f"foretold by {' then '.join(used)}" + (f". {against}" if against else "")
    if not promoted:
        return (
            f"{NO_MODEL}: no model of {partition.symbol} was ever promoted, and nothing else stands in. Run the job "
            f"forecast for a day before {partition.day}; where its verdict is that the model does not beat every "
            "baseline, there is rightly none."
        )
    oldest = min(entry.as_of_day for entry in promoted)
    return (
        f"{NO_MODEL} of data that ended before {partition.day}: {len(promoted)} of {partition.symbol} were promoted, "
        f"the one of the oldest data as of {oldest}. Run the job forecast for an earlier day, or allow models that "
        "were promoted later with `backcast: true`."
    )


def notice_of(cards: Sequence[ModelCard]) -> str:
    """What is said beside forecasts of these models; without one, what holds of every forecast."""
    return " ".join(dict.fromkeys(notice(card.exchange) for card in cards)) or NOT_ADVICE


def warning_of(made: MadeDay) -> str | None:
    """What should be looked at: a model in force that could foretell nothing."""
    if not made.cards or made.predictions.num_rows:
        return None
    features = len(made.cards[-1].features)
    return (
        f"{made.cards[-1].model_id} foretold none of {made.candles:,} candles: no window of "
        f"{made.cards[-1].data.window} rows is warm with all {features} features there. See gold_features' `warm`."
    )


def _figures(score: Score) -> dict[str, float]:
    name = horizon_name(score.horizon_s)
    figures = {
        f"skill_percent_{name}": score.skill,
        f"coverage_percent_{name}": score.coverage,
    }
    return {key: round(100 * value, 3) for key, value in figures.items() if value is not None}
