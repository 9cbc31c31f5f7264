"""The batch graph of three days and three symbols under SIGKILL every few seconds: `python -m proof.crash`.

Twice, on services and in a folder of its own each: first undisturbed, then with a kill every few seconds until all is
done. What both hold at the end has to be the same.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Protocol

from rich.console import Console

from crypto_assets.config import Settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.live.platform import Platform, left_platform, own_platform
from crypto_assets.processes import end_on_signals
from proof.crash.blows import plan_blows
from proof.crash.child import forking, start
from proof.crash.comparison import differences
from proof.crash.contents import HIDDEN, Kept, keep_contents
from proof.crash.disturbance import WELL_S, Account, Disturber, Start, complete
from proof.crash.doing import do
from proof.crash.report import Report, print_report, read_report, write_report
from proof.crash.work import LAST_DAY, Extent, plan_work
from resources.services.service import Name

SERVICES: tuple[Name, ...] = ("postgres", "namenode", "datanode", "s3", "redshift", "sheets", "simulator")
REPORT = "report.json"
UNDISTURBED, DISTURBED = "undisturbed", "disturbed"


class Complete(Protocol):
    """How a unit is done: `complete`, or that of a Disturber."""

    def __call__(self, unit: str, start: Start, *, log: Path) -> Account: ...


@dataclass(frozen=True, slots=True)
class Runs:
    """What both runs share."""

    folder: Path
    extent: Extent
    report: Report
    console: Console
    context: ForkServerContext = field(default_factory=forking)

    def run(self, name: str, accounts: list[Account], *, how: Callable[[Platform], Complete]) -> None:
        """Do every unit that has no account yet, on services of its own, and keep what they hold then.

        Raises NeverDone where a unit fails, and ServiceFailed where services do not come up.
        """
        make = left_platform if accounts else own_platform
        platform = make(self._settings(), folder=name, names=SERVICES)
        units = plan_work(self.extent)
        logs = self.folder / "logs" / name
        begin = partial(start, self.context, environment=platform.environment)
        try:
            platform.start()
            done = how(platform)
            for number, unit in list(enumerate(units, start=1))[len(accounts) :]:
                log = logs / f"{number:02d}.log"
                accounts.append(done(unit.name, partial(begin, partial(do, unit), log=log), log=log))
                self.console.print(f"{name} {number}/{len(units)} {_line(accounts[-1])}", markup=False)
                self.write()
            platform.await_well(deadline_s=WELL_S)
            log, keep = logs / "contents.log", partial(keep_contents, self.kept(name).folder)
            complete("reading what there is", partial(begin, keep, log=log), log=log)
            self.report.kept.append(name)
            self.write()
        finally:
            platform.stop()

    def kept(self, name: str) -> Kept:
        """What a run held at its end."""
        return Kept(self.folder / "contents" / name)

    def write(self) -> None:
        """Keep the report as it is now."""
        write_report(self.report, self.folder / REPORT)

    def _settings(self) -> Settings:
        return Settings.model_validate(
            {
                "data_dir": self.folder,
                "symbols": self.extent.symbols,
                "partitions_start": self.extent.partitions_start,
                "sheet_timeframes": ("5m", "1h", "1d"),
            }
        )


def _line(account: Account) -> str:
    return (
        f"{account.unit}: {account.wall_s:.0f} s, {account.attempts} attempts, {len(account.kills)} kills"
        f"{f', {len(account.unprovoked)} failed with nothing killed' if account.unprovoked else ''}"
    )


def prove(runs: Runs) -> None:
    """Both runs, from where they were left, and their comparison, into the report."""
    report = runs.report
    report.never_done = ""
    try:
        if UNDISTURBED not in report.kept:
            runs.run(UNDISTURBED, report.undisturbed, how=lambda _: complete)
        if DISTURBED not in report.kept:
            blows = plan_blows(report.seed)
            runs.run(DISTURBED, report.disturbed, how=lambda p: Disturber(blows, report.mean_s, p).complete)
    except CryptoAssetsError as error:
        report.never_done = str(error)
        return
    compare(runs.kept(UNDISTURBED), runs.kept(DISTURBED), report)


def compare(expected: Kept, found: Kept, report: Report) -> None:
    """What the two kept, into the report."""
    for place in [place for place in expected if place != HIDDEN]:
        system = place.partition("/")[0]
        report.places[system] = report.places.get(system, 0) + 1
        report.rows[system] = report.rows.get(system, 0) + expected[place].num_rows
    report.hidden = Counter(found[HIDDEN]["name"].to_pylist())
    report.differences = list(differences(expected, found))


def begun(report: Report, path: Path) -> Report:
    """The report of an earlier call that was ended before it had compared, if it was of the same; else this one."""
    earlier = read_report(path)
    return earlier if earlier and earlier.goes_on_with(report) and not earlier.is_compared else report


def main() -> None:
    """Run, print figures and differences, and write `report.json`; exit 1 where anything differs or is never done.

    Called again after it was ended, it goes on where it was.
    """
    parser = argparse.ArgumentParser(prog="python -m proof.crash", description=__doc__)
    parser.add_argument("--days", type=int, default=3, help=f"up to {LAST_DAY}")
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT,BNBUSDT", help="separated by commas")
    parser.add_argument("--seed", type=int, default=20, help="of what is killed when")
    parser.add_argument("--mean-seconds", type=float, default=4.0, help="between two kills of a first attempt")
    parser.add_argument("--folder", type=Path, default=Path(".data/crash"), help="for services, data, logs and report")
    options = parser.parse_args()
    if options.days < 1 or options.mean_seconds <= 0:
        parser.error("--days must be at least 1, and --mean-seconds above 0")
    end_on_signals()
    extent = Extent(tuple(options.symbols.split(",")), options.days)
    folder = options.folder.resolve()
    report = begun(Report(extent.symbols, extent.all_days, options.seed, options.mean_seconds), folder / REPORT)
    runs = Runs(folder, extent, report, Console(highlight=False))
    try:
        prove(runs)
    except KeyboardInterrupt:
        report.never_done = "interrupted"
    runs.write()
    print_report(runs.console, report)
    if report.differences or report.never_done:
        sys.exit(1)


if __name__ == "__main__":
    main()
