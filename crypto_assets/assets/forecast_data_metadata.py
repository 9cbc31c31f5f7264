"""What a person wants to know of a training set, in a picture and figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from crypto_assets.forecast.table import Samples, Split
from crypto_assets.forecast.training_sets import StoredSet
from crypto_assets.forecast.training_sets_days import MadeSet
from crypto_assets.forecast.training_sets_usage import DayRows
from crypto_assets.pictures.training_rows import COLOURS, training_rows_picture
from crypto_assets.spans import from_us

LISTED_INPUTS = 200
"""Input files in an event, those of the newest days; the list beside the set names all."""


def describe_set(
    stored: StoredSet,
    made: MadeSet,
    *,
    samples: Samples,
    newest: Split,
    by_day: Mapping[date, DayRows],
    versions: int,
) -> dict[str, Any]:
    """Metadata of a set: the picture first, then rows, samples, days, features, and what it was made from."""
    table, options = stored.table, stored.options
    return {
        "rows_by_day": dg.MetadataValue.md(training_rows_picture(by_day)),
        "dagster/row_count": len(table),
        "dagster/uri": stored.uri,
        "bytes": stored.bytes,
        "changed": stored.changed,
        "versions": versions,
        "samples": len(samples),
        **{f"samples_{name}": getattr(newest, name).size for name in ("train", "validation", "test")},
        "first": dg.MetadataValue.timestamp(from_us(int(table.as_of_us[0]))),
        "last": dg.MetadataValue.timestamp(from_us(int(table.as_of_us[-1]))),
        **{f"rows_{name}": sum(getattr(day, name) for day in by_day.values()) for name in COLOURS},
        "source": options.source,
        "window": options.window,
        "horizons": ", ".join(map(str, options.horizons)),
        "days_asked": options.days,
        "days_used": len(made.days) - len(made.read.missing),
        "days_missing": len(made.read.missing),
        **_missing(made.read.missing),
        "features": len(table.features),
        "features_used": ", ".join(table.features),
        "features_left_out": dg.MetadataValue.md(_list(made.left_out)),
        "values_not_a_number": sum(made.read.not_numbers.values()),
        "sha256": stored.sha256,
        "inputs": dg.MetadataValue.json(dict(list(made.read.inputs.items())[-LISTED_INPUTS:])),
        "input_files": len(made.read.inputs),
    }


def warning_of(made: MadeSet) -> str | None:
    """What should be looked at: days that are not there, values that are no numbers."""
    said: list[str] = []
    if made.read.missing:
        days = sorted(made.read.missing)
        said.append(
            f"{len(days)} of {len(made.days)} days are not in the set, the first {days[0]} "
            f"({made.read.missing[days[0]]} was never materialised), the last {days[-1]}"
        )
    if made.read.not_numbers:
        listed = ", ".join(f"{name} {count}" for name, count in list(made.read.not_numbers.items())[:5])
        said.append(
            f"{sum(made.read.not_numbers.values())} stored values are NaN or infinite ({listed}): no window touches "
            "their rows. Materialise gold_features of their days again"
        )
    return ". ".join(said) + "." if said else None


def _missing(missing: Mapping[date, str]) -> dict[str, Any]:
    if not missing:
        return {}
    return {"missing": dg.MetadataValue.md(_list({str(day): f"{name} is absent" for day, name in missing.items()}))}


def _list(reasons: Mapping[str, str]) -> str:
    return "\n".join(f"- `{name}`: {reason}" for name, reason in reasons.items()) or "none"
