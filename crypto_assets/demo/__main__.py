"""Three simulated symbols from raw files to features, a day through every batch system, and a model: `make demo`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from rich.console import Console

from crypto_assets.config import Exchange, Settings, read_settings
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.demo.batch import NEEDED, worker_of_day
from crypto_assets.demo.forecast import print_verdict, worker_of_forecast
from crypto_assets.demo.picture import save_day_picture
from crypto_assets.demo.report import holdings, print_checks, print_held, print_holdings, print_next_steps, unequal
from crypto_assets.errors import ConfigurationError, ServiceFailed
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.processes import end_on_signals
from crypto_assets.runs.stages import plan_features, plan_trades
from crypto_assets.runs.workers import Outcome, Worker, run_workers, worker_of
from crypto_assets.schemas import BRONZE, SILVER
from crypto_assets.share.tables import WINDOWS
from resources.services.board import Board
from resources.services.manager import Services

PUBLISHED_AFTER = timedelta(hours=6)
"""How long after its end the archive has a day for sure: Binance's files appear 4 to 6 hours after it, simulated ones
after 5."""
WIDTH_OF_FILES = 120  # where output goes to no terminal that has a width


def main() -> None:
    """Materialise the last complete days and say what lies where; exit 1 where a run failed."""
    options = _parse_arguments()
    end_on_signals()
    settings = _read_settings()
    symbols = symbols_of_demo(settings.symbols)
    last = last_day(datetime.now(UTC))
    stages = plan_features(last - timedelta(days=options.days - 1), last)
    home = prepare_dagster_home(settings.data_dir, environment=os.environ)
    first = min(stage.first for stage in stages)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    console.print(f"{', '.join(symbols)}: simulated, {first} to {last}, features of the last {options.days} days")
    environment = {**os.environ, "DAGSTER_HOME": str(home), "DATA_DIR": str(settings.data_dir)}
    environment.setdefault("SHEET_TIMEFRAMES", ",".join(WINDOWS))  # all of them, to be compared
    logs = settings.data_dir / "demo"
    if not options.only_lake:
        stages = (*stages, plan_trades(last))
    workers = [worker_of(symbol, [symbol], stages) for symbol in symbols]
    try:
        outcome = run_workers(
            workers, environment=environment, logs=logs, parallel=min(len(symbols), 1 + (os.cpu_count() or 1))
        )
        if not options.only_lake and not outcome.failures:
            followers = (worker_of_day(symbols, last), worker_of_forecast(symbols[0], last, days=options.days))
            batch = _run_batch(settings, console, followers, environment=environment, logs=logs)
            outcome.checks += batch.checks
            outcome.failures += batch.failures
            outcome.held += batch.held
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What was written stays; a repeat goes on from there.")
    except ServiceFailed as error:
        sys.exit(str(error))
    days = sorted({day for stage in stages for day in stage.days})
    lake = Lake(settings.lake)
    print_holdings(
        console, holdings(lake, (*BRONZE, *SILVER, GOLD_FEATURES), symbols=symbols, days=days), lake=lake.uri
    )
    if outcome.held:
        print_held(console, outcome.held, symbols=symbols, day=last)
        outcome.failures += unequal(outcome.held, symbols=symbols)
    print_checks(console, outcome.checks_of_days)
    print_verdict(console, outcome.checks)
    picture = save_day_picture(
        lake,
        symbol=symbols[0],
        day=last,
        path=settings.data_dir / "demo" / f"{symbols[0]}-{last}.png",
    )
    print_next_steps(console, picture=picture)
    if outcome.failures:
        sys.exit("\n".join(outcome.failures))


def symbols_of_demo(symbols: Sequence[str]) -> tuple[str, ...]:
    """The first three symbols: enough to see them side by side."""
    return tuple(symbols[:3])


def last_day(now: datetime) -> date:
    """The newest UTC day of which the archive has files: yesterday, but in the first hours of a day the one before."""
    return (now.astimezone(UTC) - PUBLISHED_AFTER).date() - timedelta(days=1)


def _run_batch(
    settings: Settings, console: Console, workers: Sequence[Worker], *, environment: Mapping[str, str], logs: Path
) -> Outcome:
    """What follows the features; services that did not run before are stopped again."""
    services = Services(settings, environment=environment, attached=True)
    started = services.missing(NEEDED)
    try:
        with Board(console) as board:
            services.start(started, progress=board.tell)
        return run_workers(workers, environment=environment, logs=logs, parallel=len(workers))
    finally:
        services.stop(started)


def _read_settings() -> Settings:
    try:
        settings = read_settings()
    except ConfigurationError as error:
        sys.exit(str(error))
    if settings.exchange is not Exchange.SIMULATOR:
        sys.exit(
            f"The demo writes simulated data, and EXCHANGE={settings.exchange} says that this lake holds other data.\n"
            "Unset EXCHANGE, or materialise the medallion job as the README says."
        )
    return settings


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo ARGS='…'", description=__doc__)
    parser.add_argument("--days", type=int, default=3, help="complete UTC days to compute features for")
    parser.add_argument(
        "--only-lake",
        action="store_true",
        help="features only, without HDFS, PostgreSQL, S3, Redshift, Hive, the sheet and the forecast",
    )
    options = parser.parse_args()
    if options.days < 1:
        parser.error("--days must be at least 1")
    return options


if __name__ == "__main__":
    main()
