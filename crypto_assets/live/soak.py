"""The whole platform under random faults: `make soak ARGS="--minutes 60 --speed 10 --seed 1"`.

Every few minutes, and at the end, the equation of `crypto_assets.live.equation` must hold; at the end no gap may be
open, and the memory of every program must be flat. Exits 1 where one of these is missed.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console

from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.live.account import AWAY, await_accounts, exchange_now
from crypto_assets.live.equation import Account
from crypto_assets.live.evidence import count_messages, days_of, first_whole_minute
from crypto_assets.live.faults import ExchangeFault, Fault, FlushRedis, Kill, Planned, plan_faults
from crypto_assets.live.flush import flush_bronze
from crypto_assets.live.ledger import read_gaps
from crypto_assets.live.memory import Sample, judge_memory, sample_memory
from crypto_assets.live.platform import Platform, own_platform
from crypto_assets.live.soak_report import (
    WIDTH_OF_PAGE,
    Check,
    Figures,
    Happening,
    check_of,
    clock,
    print_soak,
    write_soak,
)
from crypto_assets.processes import end_on_signals
from crypto_assets.spans import Span
from crypto_assets.stream.gaps import Gap
from crypto_assets.stream.topics import TOPICS
from resources.services.board import Board

SAMPLE_S = 5.0
SETTLE_S = 300.0
"""How long the equation may take to hold at a check: whatever was down has to catch up first."""
RECOVERY_S = 240.0
FIRST_TRADES_S = 120.0
CALM_S = 30.0
"""No fault comes so shortly before the end: the last one is to be recovered from, too."""
POLL_S = 0.5


@dataclass(slots=True)
class Soak:
    """One run: what was planned, and what came of it."""

    platform: Platform
    console: Console
    seed: int
    minutes: float
    check_every_s: float
    begin: float = 0.0
    since: datetime | None = None
    """Start of the first minute of which everything was received."""
    happenings: list[Happening] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)

    @property
    def at_s(self) -> float:
        """Seconds since everything ran."""
        return time.monotonic() - self.begin

    def run(self, plan: Sequence[Planned]) -> None:
        """Break what is planned, check in between, and once more at the end; raises ServiceFailed."""
        self.begin = time.monotonic()
        self.since = first_whole_minute(self.platform.settings, deadline_s=FIRST_TRADES_S)
        self.begin = time.monotonic()
        ended = threading.Event()
        sampler = threading.Thread(target=self._sample, args=(ended,), daemon=True)
        sampler.start()
        try:
            for planned in plan:
                self._wait(until_s=planned.at_s)
                if self.at_s >= self.minutes * 60 - CALM_S:
                    break  # recoveries and checks took longer than the plan allows for
                self._break(planned.fault)
            self._wait(until_s=self.minutes * 60)
            self.platform.await_well(deadline_s=RECOVERY_S)
            self.check()
        finally:
            ended.set()
            sampler.join()

    def _wait(self, *, until_s: float) -> None:
        """Wait for a second of the soak; whatever check is due by then is made first."""
        while True:
            last_s = self.checks[-1].at_s if self.checks else 0.0
            if self.at_s >= last_s + self.check_every_s:
                self.check()
            if self.at_s >= until_s:
                return
            time.sleep(POLL_S)

    def check(self) -> None:
        """Take the accounts from the first whole minute until now, and wait until they hold."""
        begin, at_s = time.monotonic(), self.at_s
        try:
            self.platform.await_well(deadline_s=RECOVERY_S)
            self.accounts = self._accounts()
            check = check_of(self.accounts, at_s=at_s, took_s=time.monotonic() - begin)
        except AWAY as error:
            check = Check(at_s, 0, time.monotonic() - begin, holds=False, differences=(str(error),))
        self.checks.append(check)
        verdict = "the equation holds" if check.holds else "\n".join(("THE EQUATION DOES NOT HOLD", *check.differences))
        self._say(f"{check.trades:,} trades, {check.took_s:.0f} s: {verdict}")

    def _accounts(self) -> list[Account]:
        settings = self.platform.settings
        assert self.since is not None
        span = Span(self.since, exchange_now(settings).replace(second=0, microsecond=0))

        def flush() -> None:
            self.platform.await_well(deadline_s=RECOVERY_S)
            flush_bronze(self.platform, days_of(span))

        return await_accounts(settings, span=span, deadline_s=SETTLE_S, prepare=flush)

    def _break(self, fault: Fault) -> None:
        at_s, note, recovered_s = self.at_s, "", None
        self._say(str(fault))
        try:
            match fault:
                case Kill(programs, away_s):
                    self.platform.kill(programs)
                    time.sleep(away_s)
                    recovered_s = away_s + self.platform.await_well(deadline_s=RECOVERY_S)
                case FlushRedis():
                    self.platform.flush_redis()
                case ExchangeFault(script, lasts_s):
                    numbers = self.platform.post_fault(script)
                    time.sleep(lasts_s)
                    self.platform.remove_faults(numbers)
        except AWAY as error:
            note = str(error)
            self._say(note)
        self.happenings.append(Happening(at_s, str(fault), recovered_s, note))

    def _sample(self, ended: threading.Event) -> None:
        while not ended.wait(SAMPLE_S):
            self.samples += sample_memory(self.platform.processes(), at_s=self.at_s)

    def _say(self, sentence: str) -> None:
        self.console.print(f"{clock(self.at_s)}  {sentence}", markup=False)

    def figures(self, *, gaps: Sequence[Gap], started_at: datetime) -> Figures:
        """Everything measured, and what was missed."""
        settings = self.platform.settings
        states = Counter(gap.state for gap in gaps)
        misses = [
            *(
                f"the equation did not hold after {check.at_s / 60:.0f} min: {'; '.join(check.differences)}"
                for check in self.checks
                if not check.holds
            ),
            *(f"{happening.what}: {happening.note}" for happening in self.happenings if happening.note),
            *([f"{states['open']:,} gaps are still open"] if states["open"] else []),
            *(
                f"{growth.program} grew by {growth.growth_mb:,.0f} MB"
                for growth in judge_memory(self.samples)
                if not growth.is_flat
            ),
            *([] if self.checks else ["the equation was never checked"]),
        ]
        return Figures(
            started_at=started_at,
            minutes=self.minutes,
            speed=settings.simulator_speed,
            seed=self.seed,
            symbols=settings.symbols,
            happenings=tuple(self.happenings),
            checks=tuple(self.checks),
            samples=tuple(self.samples),
            messages=count_messages(settings, TOPICS),
            gaps=dict(states),
            misses=tuple(misses),
        )


def main() -> None:
    """Run it, print and write what was found, stop everything that it started."""
    options = _parse_arguments()
    end_on_signals()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_PAGE)
    try:
        platform = own_platform(read_settings(), folder="soak", speed=options.speed)
    except ConfigurationError as error:
        sys.exit(str(error))
    plan = plan_faults(
        options.seed,
        symbols=platform.settings.symbols,
        first_s=options.every / 2,
        last_s=options.minutes * 60 - CALM_S,
        every_s=options.every,
    )
    soak = Soak(platform, console, options.seed, options.minutes, options.check_every * 60)
    started_at = datetime.now(UTC)
    console.print(f"{len(plan)} faults in {options.minutes:g} minutes, in {platform.settings.data_dir}")
    try:
        with Board(console) as board:
            platform.start(progress=board.tell)
        soak.run(plan)
        gaps = read_gaps(platform.settings)
        figures = soak.figures(gaps=gaps, started_at=started_at)
        page, *_ = write_soak(platform.settings.data_dir / "report", figures, accounts=soak.accounts, gaps=gaps)
        print_soak(console, figures, accounts=soak.accounts, gaps=gaps)
        console.print(f"Report: {page}", soft_wrap=True)
    except AWAY as error:
        sys.exit(f"The soak ended early: {error}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What was written stays.")
    finally:
        platform.stop()
    if figures.misses:
        sys.exit(1)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak ARGS='…'", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=60.0, help="how long (default %(default)s)")
    add("--speed", type=float, default=10.0, help="how many times faster than the clock (default %(default)s)")
    add("--seed", type=int, default=1, help="seed of the faults (default %(default)s)")
    add("--every", type=float, default=60.0, help="seconds between faults, on average (default %(default)s)")
    add("--check-every", type=float, default=10.0, help="minutes between checks (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
