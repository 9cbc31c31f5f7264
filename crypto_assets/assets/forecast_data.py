"""Forecast: the rows that models are fitted on, as they were known at the end of a day."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.forecast_config import ForecastConfig
from crypto_assets.assets.forecast_data_metadata import describe_set, warning_of
from crypto_assets.assets.missing_inputs import never_materialised
from crypto_assets.config import read_settings
from crypto_assets.errors import InputIncomplete, command_to_materialise
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import Samples, Split
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, TrainingSets
from crypto_assets.forecast.training_sets_days import READ, MadeSet, days_of, make_set
from crypto_assets.forecast.training_sets_usage import rows_by_day
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, look_back, range_tags
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES
from crypto_assets.spans import day_span, to_us
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


def forecast_data_assets(days: DaySymbol, *, look_back_days: int) -> list[dg.AssetsDefinition]:
    """The training set; `look_back_days` are those that it reads by default, with its own (FORECAST_DAYS)."""
    window = look_back(look_back_days - 1)

    @dg.asset(
        name=LSTM_TRAINING_SET.name,
        group_name=GROUP,
        kinds={"parquet"},
        description=DESCRIPTION,
        metadata=table_metadata(LSTM_TRAINING_SET),
        deps=[
            dg.AssetDep(dataset.name, partition_mapping=window)
            for dataset in (GOLD_FEATURES, SILVER_KLINES["1m"], KLINES_1S)
        ],
        partitions_def=days.definition,
        backfill_policy=dg.BackfillPolicy.single_run(),
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
        stored = sets.publish(
            partition.symbol,
            partition.day,
            made.table,
            inputs=made.read.inputs,
            options=self.options.data,
            left_out=made.left_out,
            made_at=self.now,
        )
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
        data = self.options.data
        known_until_us = int(made.table.as_of_us[-1])
        samples = samples_of(made.table, window=data.window, horizons=data.horizons, known_until_us=known_until_us)
        splits = walk_forward(made.table, samples, window=data.window, longest=data.longest, judge=self.options.judge)
        return samples, splits[-1]

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
        tags = range_tags(Partition(partition.symbol, missing[0]), Partition(partition.symbol, missing[-1]))
        return (
            f"{len(held)} of the {len(days)} days from {days[0]} are there. Run: dagster job execute -m "
            f"crypto_assets.definitions -j {JOBS[data.source]} --tags '{json.dumps(tags)}'."
        )

    def _is_there(self, symbol: str, day: date) -> bool:
        return all(self.lake.has(dataset, symbol, day) for dataset in READ[self.options.data.source])
