"""What is said of a day's features: their definitions, figures and state, in words and rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import polars as pl

from crypto_assets.dashboard.features.gold_day import GoldDay
from crypto_assets.dashboard.features.lanes import MOST_LANES
from crypto_assets.dashboard.features.statistics import Spread, presence
from crypto_assets.dashboard.words import age, number, plain, share_of
from crypto_assets.features.declaration import FEATURES, Feature

MINUTES_A_DAY = 1_440


def label_of(feature: Feature) -> str:
    """How a feature is listed; its family is among the words that a search finds."""
    return f"{feature.name} · {feature.family.value}"


def definitions(names: Sequence[str]) -> str:
    """Markdown of what each feature means, from its declaration, in the order of declaration."""
    wanted = set(names)
    return "\n\n".join(_definition(feature) for feature in FEATURES if feature.name in wanted)


def spread_rows(spreads: Iterable[Spread]) -> pl.DataFrame:
    """A row of figures for each feature, in its unit."""
    return pl.DataFrame(
        [
            {
                "feature": spread.feature.name,
                "unit": spread.feature.unit,
                "median": spread.median,
                "5 %": spread.low,
                "95 %": spread.high,
                "least": spread.minimum,
                "most": spread.maximum,
                "mean": spread.mean,
                "deviation": spread.deviation,
                "without a value": spread.missing,
                "declared range": spread.feature.range_text,
                "outside it": spread.outside,
            }
            for spread in spreads
        ],
        infer_schema_length=None,
    )


def state_of_day(day: GoldDay, *, now: datetime) -> str:
    """How whole a day of features is, and how old: one line of Markdown."""
    gold = day.gold
    parts = [
        f"{share_of(gold.height, MINUTES_A_DAY)} minutes",
        f"{number(int(gold['warm'].sum()))} warm",
        *([f"{number(filled)} carried forward"] if (filled := int(gold["filled"].sum())) else []),
        f"written {age(day.written_at, now=now)}",
    ]
    return plain(" · ".join(parts))


def not_drawn(names: Sequence[str], drawn: Sequence[str]) -> list[str]:
    """Markdown that says why features that were chosen have no line; empty where all have."""
    missing = [name for name in names if name not in drawn]
    if not missing:
        return []
    if len(drawn) >= MOST_LANES:
        return [f"{MOST_LANES} are drawn; {len(missing)} more are in the views below and in the files."]
    return [f"Without a value in these hours: {', '.join(f'`{name}`' for name in missing)}."]


def warmth_of(day: GoldDay) -> str:
    """Why rows of a day are not warm, or that all are, as Markdown."""
    rows, cold = day.gold.height, day.gold.filter(~pl.col("warm"))
    if cold.is_empty():
        return f"All {rows:,} rows are warm: every window had the candles that it needs."
    first, last = (f"{cold['open_time'][place]:%H:%M}" for place in (0, -1))
    return (
        f"{cold.height:,} of {rows:,} rows are not warm, the first at {first}, the last at {last} UTC: some window had "
        "fewer candles than it needs, or a source that was there lacked a minute. They are grey in the chart above."
    )


def sources_of(gold: pl.DataFrame) -> str:
    """Of which minutes each source besides candles was known, as Markdown."""
    return "Sources known: " + " · ".join(
        f"{source} {share_of(minutes, gold.height)}" for source, minutes in presence(gold).items()
    )


def _definition(feature: Feature) -> str:
    reads = ", ".join(f"`{column}`" for column in feature.inputs)
    facts = f"{feature.unit}, {_range_words(feature)}, window {feature.window_text}, {feature.family.value}"
    return (
        f"**`{feature.name}`** — {plain(feature.description)}  \n"
        f"{plain(feature.formula)}  \n"
        f":small[{plain(facts)}; reads {reads}]"
    )


def _range_words(feature: Feature) -> str:
    found = feature.range_text
    return "any value" if found == "any" else found
