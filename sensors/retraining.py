"""After a drift was found: one run of the job `forecast` for each request to train a model again."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from crypto_assets.errors import CryptoAssetsError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.retraining import RetrainRequest, RetrainRequests, trained_days
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from resources.lake import LakeResource

INTERVAL_S = 300
JOB = "forecast"


def retraining_sensor(days: DaySymbol) -> dg.SensorDefinition:
    """Runs by default; without a request it says that there is none."""

    @dg.sensor(
        name="retraining",
        job_name=JOB,
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Reads the requests that the check drift of lstm_predictions leaves. Each asks once for a run of the job "
            "forecast as of yesterday; a model trained as of that day or a later one answers it."
        ),
    )
    def retraining(context: dg.SensorEvaluationContext, lake: LakeResource) -> Iterator[dg.RunRequest | dg.SkipReason]:
        trained = context.instance.get_materialized_partitions(dg.AssetKey(CHECKPOINT))
        try:
            yield from _ask(lake.lake, days, trained=trained_days(trained), now=datetime.now(UTC))
        except CryptoAssetsError as error:
            yield dg.SkipReason(str(error))

    return retraining


def _ask(
    lake: Lake, days: DaySymbol, *, trained: dict[str, list[date]], now: datetime
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    requests = RetrainRequests(lake.files)
    held = [request for symbol in days.symbols if (request := requests.of(symbol)) is not None]
    answered = [request for request in held if request.is_answered(trained.get(request.symbol, ()))]
    for request in answered:
        requests.clear(request.symbol)
    waiting = [request for request in held if request not in answered]
    due = [run for request in waiting if (run := _run(request, lake, now=now)) is not None]
    yield from due
    if not due:
        yield dg.SkipReason(_reason(len(days.symbols), answered, waiting))


def _run(request: RetrainRequest, lake: Lake, *, now: datetime) -> dg.RunRequest | None:
    """A run as of yesterday; None while that is before what was seen, or has no features yet."""
    yesterday = Partition(request.symbol, now.date() - timedelta(days=1))
    if yesterday.day < request.day or not lake.has(GOLD_FEATURES, yesterday.symbol, yesterday.day):
        return None
    return dg.RunRequest(
        run_key=f"retrain {request.symbol} {request.day} {request.model_id}", partition_key=yesterday.key
    )


def _reason(symbols: int, answered: Sequence[RetrainRequest], waiting: Sequence[RetrainRequest]) -> str:
    names = ", ".join(f"{request.symbol} of {request.day}" for request in waiting)
    rest = f" ({names}), until {GOLD_FEATURES.name} of a day has what they are about" if waiting else ""
    return f"{symbols} symbols: {len(answered)} requests to train again were answered, {len(waiting)} wait{rest}."
