"""The features as a document, written from their declarations."""

from __future__ import annotations

from crypto_assets.features.declaration import FEATURES, Family, Feature


def feature_table() -> str:
    """Markdown: for each family a heading and a table with a row for each feature."""
    return "\n".join(line for family in Family for line in _section(family))


def _section(family: Family) -> list[str]:
    features = [feature for feature in FEATURES if feature.family is family]
    return [
        f"### {family.value.capitalize()}: {len(features)}",
        "",
        "| column | meaning | formula | unit | range | window | reads |",
        "|---|---|---|---|---|---|---|",
        *map(_row, features),
        "",
    ]


def _row(feature: Feature) -> str:
    cells = (
        f"`{feature.name}`",
        feature.description,
        feature.formula,
        feature.unit,
        valid_range(feature),
        window_of(feature),
        ", ".join(f"`{column}`" for column in feature.inputs),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def valid_range(feature: Feature) -> str:
    """Which values are right, in its unit: `0 to 100`, `≥ 0`, `any`."""
    low, high = (None if bound is None else f"{round(bound, 4):,.9g}" for bound in (feature.low, feature.high))
    if low is None and high is None:
        return "any"
    if high is None:
        return f"≥ {low}"
    return f"≤ {high}" if low is None else f"{low} to {high}"


def window_of(feature: Feature) -> str:
    """How many candles, or minutes, its value depends on: `14 × 5m`."""
    return f"{feature.window} × {feature.timeframe}"
