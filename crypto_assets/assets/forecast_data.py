"""Forecast: the rows that models are fitted on, as they were known at the end of a day."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.missing_inputs import never_materialised
from crypto_assets.config import read_settings
from crypto_assets.errors import InputIncomplete
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import Samples, Split
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import READ, MadeSet, days_of, make_set
from crypto_assets.forecast.training_sets_usage import DayRows, rows_by_day
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, look_back
from crypto_assets.pictures.training_rows import COLOURS, training_rows_picture
from crypto_assets.run_tags import command_to_materialise, command_to_run
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import day_span, from_us, to_us
from resources.exchange import exchange_now
from resources.lake import LakeResource

GROUP = "forecast"

DESCRIPTION = (
    "Rows that a model is fitted on: gold features of the days up to and including the partition's, beside silver's "
    "last real price, or candles of a second. Windows are named by row and gathered while a model is fitted. Nothing "
    "known after the end of the day enters. Every version stays, named for its content, so that the set can be read as "
    "it was known at any moment. Made when somebody or the weekly schedule asks, not at each change of an input."
)

JOBS = {"gold_features": "medallion", "klines_1s": "archive"}
"""Job that makes the days of a source."""


LISTED_INPUTS = 200
"""Input files in an event, those of the newest days; the list beside the set names all."""


def forecast_data_assets(days: DaySymbol, *, look_back_days: int) -> list[dg.AssetsDefinition]:
    """The training set; `look_back_days` are those that it reads by default, with its own (FORECAST_DAYS)."""
    window = look_back(look_back_days - 1)

    @day_asset(
        LSTM_TRAINING_SET.name,
        days,
        group=GROUP,
        kinds={"parquet"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_TRAINING_SET),
        deps=[
            dg.AssetDep(dataset.name, partition_mapping=window)
            for dataset in (GOLD_FEATURES, SILVER_KLINES["1m"], KLINES_1S)
        ],
    )
    def lstm_training_set(
        context: dg.AssetExecutionContext, config: ForecastConfig, lake: LakeResource
    ) -> dg.MaterializeResult:
        def begin(now: datetime) -> Callable[[Partition], Written]:
            market_time = partial(exchange_now, read_settings(), wall=now)
            return SetDays(lake.lake, config.options(), days.first_day, now, market_time).write

        return materialize_each(context, days, begin)

    return [lstm_training_set]


@dataclass(frozen=True, slots=True)
class SetDays:
    """Writes training sets."""

    lake: Lake
    options: ForecastOptions
    first_day: date
    now: datetime
    market_time: Callable[[], datetime]
    """What the exchange's clock shows; asked for the day that still runs."""

    def write(self, partition: Partition) -> Written:
        """Make the set of a day and publish it.

        Raises InputIncomplete, with the command that helps, where its own day is absent or its rows are too few to be
        split as the options say; the former set stays.
        """
        for dataset in READ[self.options.data.source]:
            if not self.lake.has(dataset, partition.symbol, partition.day):
                raise never_materialised(LSTM_TRAINING_SET.name, partition, missing=dataset.name)
        known_until = self._known_until(partition.day)
        try:
            made = make_set(
                self.lake,
                partition.symbol,
                partition.day,
                options=self.options.data,
                known_until=known_until,
                first_day=self.first_day,
            )
            samples, newest = self._split(made)
        except InputIncomplete as error:
            raise InputIncomplete(
                f"{error} {self._help(partition)} The former {LSTM_TRAINING_SET.name} stays."
            ) from None
        sets = TrainingSets(self.lake)
        stored = sets.publish(partition.symbol, partition.day, made, made_at=self.now)
        metadata = describe_set(
            stored,
            made,
            samples=samples,
            newest=newest,
            by_day=rows_by_day(made.table, made.days, known_until_us=to_us(known_until)),
            versions=len(sets.versions(partition.symbol, partition.day)),
        )
        return Written(len(stored.table), stored.sha256, metadata, warning_of(made))

    def _known_until(self, day: date) -> datetime:
        """The end of the day, or what the exchange's clock shows before it."""
        end = day_span(day).end
        return end if end <= self.now else min(end, self.market_time())

    def _split(self, made: MadeSet) -> tuple[Samples, Split]:
        """The samples, and the split that the checkpoint will be fitted on."""
        samples = samples_of(made.table, self.options.data)
        return samples, walk_forward(made.table, samples, data=self.options.data, judge=self.options.judge)[-1]

    def _help(self, partition: Partition) -> str:
        """What makes a set larger: the days that it lacks, or else more of them."""
        data = self.options.data
        days = days_of(partition.day, days=data.days, first_day=self.first_day)
        held = [day for day in days if self._is_there(partition.symbol, day)]
        missing = sorted(set(days) - set(held))
        if not missing:
            config = {"ops": {LSTM_TRAINING_SET.name: {"config": {"days": 2 * data.days}}}}
            return (
                f"All {len(days)} days are there. For more of them: "
                f"{command_to_materialise(LSTM_TRAINING_SET.name, partition.key)} --config-json '{json.dumps(config)}'."
            )
        first, last = (Partition(partition.symbol, day).key for day in (missing[0], missing[-1]))
        command = command_to_run(JOBS[data.source], first, last)
        return f"{len(held)} of the {len(days)} days from {days[0]} are there. Run: {command}."

    def _is_there(self, symbol: str, day: date) -> bool:
        return all(self.lake.has(dataset, symbol, day) for dataset in READ[self.options.data.source])


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
        **{f"samples_{name}": part.size for name, part in newest.parts.items()},
        "first": dg.MetadataValue.timestamp(from_us(int(table.as_of_us[0]))),
        "last": dg.MetadataValue.timestamp(from_us(int(table.as_of_us[-1]))),
        **{f"rows_{name}": sum(getattr(day, name) for day in by_day.values()) for name in COLOURS},
        "source": options.source,
        "window": options.window,
        "horizons": ", ".join(map(str, options.horizons)),
        "days_asked": options.days,
        "days_used": len(made.days) - len(made.missing),
        "days_missing": len(made.missing),
        **_missing(made.missing),
        "features": len(table.features),
        "features_used": ", ".join(table.features),
        "features_left_out": dg.MetadataValue.md(_list(made.left_out)),
        "values_not_a_number": sum(made.not_numbers.values()),
        "sha256": stored.sha256,
        "inputs": dg.MetadataValue.json(dict(list(made.inputs.items())[-LISTED_INPUTS:])),
        "input_files": len(made.inputs),
    }


def warning_of(made: MadeSet) -> str | None:
    """What should be looked at: days that are not there, values that are no numbers."""
    said: list[str] = []
    if made.missing:
        days = sorted(made.missing)
        said.append(
            f"{len(days)} of {len(made.days)} days are not in the set, the first {days[0]} "
            f"({made.missing[days[0]]} was never materialised), the last {days[-1]}"
        )
    if made.not_numbers:
        listed = ", ".join(f"{name} {count}" for name, count in list(made.not_numbers.items())[:5])
        said.append(
            f"{sum(made.not_numbers.values())} stored values are NaN or infinite ({listed}): no window touches "
            "their rows. Materialise gold_features of their days again"
        )
    return ". ".join(said) + "." if said else None


def _missing(missing: Mapping[date, str]) -> dict[str, Any]:
    if not missing:
        return {}
    return {"missing": dg.MetadataValue.md(_list({str(day): f"{name} is absent" for day, name in missing.items()}))}


def _list(reasons: Mapping[str, str]) -> str:
    return "\n".join(f"- `{name}`: {reason}" for name, reason in reasons.items()) or "none"
