"""`crypto-assets backfill`: days of a symbol, made now and in order, as runs that Dagster's page shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_assets.cli.arguments import FirstDay, LastDay, Symbol
from crypto_assets.cli.telling import FAILED, Json, end, print_json, told

if TYPE_CHECKING:
    from crypto_assets.config import Settings
    from crypto_assets.runs.stages import Stage
    from crypto_assets.runs.workers import Outcome


class Job(StrEnum):
    """Jobs of a day of a symbol."""

    MEDALLION = "medallion"
    ARCHIVE = "archive"
    FORECAST = "forecast"


@told
def backfill(
    symbol: Symbol,
    first: FirstDay,
    last: LastDay,
    *,
    job: Annotated[
        Job,
        typer.Option(
            help="medallion: candles to features. archive: candles of a second by way of HDFS. forecast: a model of "
            "each day."
        ),
    ] = Job.MEDALLION,
    as_json: Json = False,
) -> None:
    """Make days of a symbol, both ends included.

    Each day becomes as complete as can be known now; days that are complete already are only looked at. For features
    the days before FROM that they look back on are made too. The runs are seen on Dagster's page; no daemon is needed.
    Ctrl-C ends it cleanly, and a repeat goes on from there. Exit status 1 where a run failed.
    """
    from crypto_assets.config import read_settings
    from crypto_assets.reading.asked import asked_days

    settings = read_settings()
    days = asked_days(first, last)
    check_partitions(settings, symbol, days.first, days.last, now=datetime.now(UTC))
    stages = plan(job, days.first, days.last, first_of_all=settings.partitions_start)
    outcome = _run(settings, symbol, stages)
    checks = outcome.checks_of_days
    failed = [check for check in checks if not check.passed]
    if as_json:
        print_json(
            {
                "symbol": symbol,
                "first": days.first,
                "last": days.last,
                "job": job,
                "succeeded": not outcome.failures,
                "checks": len(checks),
                "checks_failed": failed,
                "failures": outcome.failures,
            }
        )
    else:
        for check in failed:
            word = "failed" if check.is_error else "warns"
            typer.echo(f"{check.asset} {check.check} {word}: {check.sentence}")
        typer.echo(f"{symbol} {days}, job {job}: {len(checks) - len(failed)} of {len(checks)} checks pass.")
    if outcome.failures:
        end("\n".join(outcome.failures), status=FAILED)


def check_partitions(settings: Settings, symbol: str, first: date, last: date, *, now: datetime) -> None:
    """Raise BadQuestion unless the graph has partitions of these days of the symbol; says what to set."""
    from crypto_assets.errors import BadQuestion
    from crypto_assets.partitions import DaySymbol, Partition

    days = DaySymbol.of(settings)
    try:
        for day in (first, last):
            days.parse(Partition(symbol, day).key, now=now)
    except ValueError as error:
        raise BadQuestion(str(error)) from None


def plan(job: Job, first: date, last: date, *, first_of_all: date) -> Sequence[Stage]:
    """Runs, one after the other, that make these days; none begins before the first partition that there is."""
    from crypto_assets.runs.stages import ARCHIVE, FORECAST, Stage, plan_features
    from crypto_assets.schemas import BRONZE_KLINES

    match job:
        case Job.MEDALLION:
            return plan_features(first, last, first_of_all=first_of_all)
        case Job.ARCHIVE:
            assets = (*ARCHIVE, BRONZE_KLINES["1m"].name)
        case Job.FORECAST:
            assets = FORECAST
    return (Stage(assets, first, last, job=job.value),)


def _run(settings: Settings, symbol: str, stages: Sequence[Stage]) -> Outcome:
    import sys

    from crypto_assets.dagster_home import prepare_dagster_home
    from crypto_assets.processes import end_on_signals
    from crypto_assets.runs.workers import run_workers, worker_of

    end_on_signals()
    home = prepare_dagster_home(settings.data_dir, environment=os.environ)
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DATA_DIR": str(settings.data_dir)}
    worker, logs = worker_of(symbol, [symbol], stages), settings.data_dir / "backfill"
    return run_workers([worker], environment=environment, logs=logs, parallel=1, with_bars=sys.stderr.isatty())
