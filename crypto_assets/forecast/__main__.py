"""Forecasts without Dagster, for development: the functions that the assets call, on the same files.

    python -m crypto_assets.forecast train    --symbol BTCUSDT --day 2024-08-31 --options '{"epochs": 3}'
    python -m crypto_assets.forecast evaluate --symbol BTCUSDT --day 2024-08-31 --options '{"epochs": 3}'
    python -m crypto_assets.forecast predict  --symbol BTCUSDT --day 2024-09-01

Nothing is promoted here: that is the check `promotion` of the job `forecast`. `predict` writes only where --out says.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import CheckpointError, CryptoAssetsError
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.notice import notice
from crypto_assets.forecast.options import ForecastOptions, options_of
from crypto_assets.lake.lake import Lake
from crypto_assets.spans import day_span


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of the three; 1 where it could not be done, with a sentence."""
    given = _parser().parse_args(arguments)
    try:
        settings = read_settings()
        options = options_of({"days": settings.forecast_days, **given.options})
        given.do(settings, given, options)
    except CryptoAssetsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _train(settings: Settings, given: argparse.Namespace, options: ForecastOptions) -> None:
    from crypto_assets.forecast.card import as_markdown
    from crypto_assets.forecast.training import train_partition
    from crypto_assets.forecast.training_sets import TrainingSets
    from crypto_assets.forecast.training_sets_days import make_set

    task, lake = _task(settings, given, options), Lake(settings.lake)
    made = make_set(
        lake,
        given.symbol,
        given.day,
        options=options.data,
        known_until=min(task.now, day_span(given.day).end),
        first_day=settings.partitions_start,
    )
    TrainingSets(lake).publish(given.symbol, given.day, made, made_at=task.now)
    answer = train_partition(task, _say)
    print(f"\n{as_markdown(answer.card)}\n{answer.uri}")


def _evaluate(settings: Settings, given: argparse.Namespace, options: ForecastOptions) -> None:
    from crypto_assets.forecast.evaluating import evaluate_partition
    from crypto_assets.forecast.evaluations import Evaluations
    from crypto_assets.forecast.judge.report import as_markdown

    task = _task(settings, given, options)
    answer = evaluate_partition(task, _say)
    stored = Evaluations(Lake(settings.lake)).read(given.symbol, given.day)
    assert stored is not None  # it was published a moment ago
    print(f"\n{as_markdown(stored.evaluated.evaluation)}\n\n{stored.evaluated.verdict.sentence}")
    print(f"{notice(task.exchange)}\n{answer.uri}")


def _predict(settings: Settings, given: argparse.Namespace, _: ForecastOptions) -> None:
    import pyarrow.parquet as pq

    from crypto_assets.forecast.predicting import Predictor
    from crypto_assets.forecast.predictions import horizon_name, scores
    from crypto_assets.forecast.promotions import Promotions

    made = Predictor(Lake(settings.lake), Promotions(settings.checkpoints), backcast=True).make(given.symbol, given.day)
    if not made.cards:
        raise CheckpointError(
            f"{given.symbol} has no promoted model whose data ended before {given.day}: nothing is foretold. Run the "
            "job forecast; its check promotion says whether a model may be used."
        )
    print(f"{made.predictions.num_rows:,} predictions by {', '.join(card.model_id for card in made.cards)}")
    for score in scores(made.predictions):
        skill = "no skill yet" if score.skill is None else f"skill {score.skill:.2%}"
        inside = "" if score.coverage is None else f", {score.coverage:.1%} inside the interval"
        print(f"{horizon_name(score.horizon_s)}: {score.realised:,} of {score.rows:,} realised, {skill}{inside}")
    print(notice(exchange_name(settings)))
    if given.out is not None:
        pq.write_table(made.predictions, given.out)
        print(given.out)


def _task(settings: Settings, given: argparse.Namespace, options: ForecastOptions) -> DayTask:
    return DayTask(
        lake_uri=settings.lake,
        checkpoints_uri=settings.checkpoints,
        symbol=given.symbol,
        day=given.day,
        exchange=exchange_name(settings),
        options=options,
        now=datetime.now(UTC),
    )


def _say(line: str) -> None:
    print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crypto_assets.forecast",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="train | evaluate | predict")
    for name, do, what in (
        ("train", _train, "make the training set of a day and fit its model"),
        ("evaluate", _evaluate, "judge the model of a day"),
        ("predict", _predict, "foretell a day by the model in force"),
    ):
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("--symbol", required=True, help="such as BTCUSDT")
        command.add_argument("--day", required=True, type=date.fromisoformat, help="UTC day, such as 2024-08-31")
        command.add_argument("--options", type=json.loads, default={}, help="JSON with the fields of the run config")
        command.set_defaults(do=do)
        if name == "predict":
            command.add_argument("--out", type=Path, help="Parquet file to write the predictions to")
    return parser


if __name__ == "__main__":
    sys.exit(main())
