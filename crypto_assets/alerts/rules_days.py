"""Rules of finished days: silver that lacks minutes, features that are no numbers, forecasts that do not come true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from crypto_assets.alerts.alert import Cause, Rule
from crypto_assets.alerts.facts import Damaged, ModelSkill
from crypto_assets.forecast.drift import ALPHA
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, horizon_name
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.gold import GoldQuality
from crypto_assets.run_tags import command_to_materialise, command_to_run
from crypto_assets.spans import day_span

DAYS_LOOKED_AT = 7
REPAIRED_WITHIN = timedelta(minutes=30)
"""A day that lacks minutes is converged and made again by itself in less."""


def silver(days: Iterable[Completeness | Damaged]) -> Iterator[Cause]:
    """Days that lack more than a minute in a thousand, the halts of the exchange not counted."""
    for day in days:
        if isinstance(day, Damaged):
            yield _damaged("silver", "silver_klines_1m", day)
        elif not day.is_complete:
            share = "never made" if day.share is None else f"{100 * day.share:.2f} % complete"
            yield Cause(
                key=f"silver/{day.symbol}/{day.day}",
                subject=f"silver of {day.symbol} on {day.day} is {share}",
                sentence=day.sentence,
                advice="run the command above: it asks the exchange for what is missing and makes silver and gold "
                "again. What stays missing the exchange does not have either.",
                link=f"/assets/{day.dataset}?partition={day.day}|{day.symbol}",
                tell_after=REPAIRED_WITHIN,
                watched_until=_left(day.day),
            )


def gold(days: Iterable[GoldQuality | Damaged]) -> Iterator[Cause]:
    """Days with a value that is none, or that leaves the range which its feature declares."""
    for day in days:
        if isinstance(day, Damaged):
            yield _damaged("gold", "gold_features", day)
        elif not day.is_good:
            worst = f" Columns: {', '.join(day.null_columns[:5])}." if day.null_columns else ""
            yield Cause(
                key=f"gold/{day.symbol}/{day.day}",
                subject=f"features of {day.symbol} on {day.day} have values that must not be",
                sentence=f"{day.sentence}{worst}",
                advice="do not train or trade on this day. Make it again: "
                + command_to_run("medallion", f"{day.day}|{day.symbol}"),
                severity="critical",
                link=f"/assets/gold_features?partition={day.day}|{day.symbol}",
                watched_until=_left(day.day),
            )


def skill(skills: Iterable[ModelSkill]) -> Iterator[Cause]:
    """Promoted models that foretell worse than that the price stays, by more than chance."""
    for model in skills:
        week = model.week
        if week.interval is None or week.skill is None or not week.is_below_naive:
            continue
        low, high = 100 * week.interval.low, 100 * week.interval.high
        yield Cause(
            key=f"skill/week/{model.symbol}",
            subject=f"the model of {model.symbol} has lost its skill",
            sentence=f"{model.model_id}: skill over the last price at {horizon_name(week.horizon_s)} from "
            f"{model.first_day} to {model.last_day} is {100 * week.skill:.2f} % ({1 - ALPHA:.0%} interval {low:.2f} to "
            f"{high:.2f} %, {week.realised:,} forecasts): worse than saying that the price stays.",
            advice="do not use the forecasts of this symbol. Train again with the job forecast: "
            + command_to_run("forecast", f"{model.last_day}|{model.symbol}"),
            link=f"/assets/{LSTM_PREDICTIONS.name}",
            watched_until=_left(model.last_day),
        )


def _damaged(rule: Rule, asset: str, day: Damaged) -> Cause:
    return Cause(
        key=f"{rule}/{day.symbol}/{day.day}",
        subject=f"{asset} of {day.symbol} on {day.day} cannot be read",
        sentence=day.reason,
        advice="make it again: " + command_to_materialise(asset, f"{day.day}|{day.symbol}"),
        severity="critical",
        link=f"/assets/{asset}?partition={day.day}|{day.symbol}",
        watched_until=_left(day.day),
    )


def _left(day: date) -> datetime:
    return day_span(day).end + timedelta(days=DAYS_LOOKED_AT)
