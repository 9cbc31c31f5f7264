"""A whole platform for the tests of a module: a market many times faster than the clock, and everything behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Settings, variables_of
from crypto_assets.convergence.converge import converge
from crypto_assets.convergence.sources import Sources
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers
from crypto_assets.lake.lake import Lake
from crypto_assets.live.account import await_accounts, exchange_now
from crypto_assets.live.equation import Account
from crypto_assets.live.evidence import days_of, first_whole_minute
from crypto_assets.live.flush import ACCOUNTED
from crypto_assets.live.platform import Platform
from crypto_assets.spans import Span
from crypto_assets.stream.reader import LiveTopics
from crypto_assets_tests.services import NAMED, service_settings
from crypto_assets_tests.waiting import wait_for
from resources.services.service import Name

SPEED = 20.0
SYMBOLS = ("BTCUSDT", "ETHUSDT")
PROGRAMS: tuple[Name, ...] = ("postgres", "redis", "kafka", "simulator", "collector", "processor", "forecaster")
READY_S = 120.0
SETTLE_S = 120.0


@dataclass(frozen=True)
class Market:
    """A platform, and since when everything that the market did must be in it."""

    settings: Settings
    since: datetime
    platform: Platform
    overlay: Path
    """A folder on the module path of every program that is started from now on."""

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def now(self) -> datetime:
        return exchange_now(self.settings)

    def await_minutes(self, count: int = 1) -> None:
        """Wait until so many whole minutes of the market have passed from now on."""
        goal = (self.now() + timedelta(minutes=count + 1)).replace(second=0, microsecond=0)
        wait_for(self.now, until=lambda now: now >= goal, deadline_s=60)

    def accounts(self, *, deadline_s: float = SETTLE_S) -> list[Account]:
        """The accounts from the beginning until now, once they hold; those of the last try at the deadline."""
        span = Span(self.since, self.now().replace(second=0, microsecond=0))
        return await_accounts(self.settings, span=span, deadline_s=deadline_s, prepare=lambda: self.flush(span))

    def flush(self, span: Span) -> None:
        """Converge the bronze that the equation is about, in this process."""
        urls = exchange_urls(self.settings)
        spot = SpotClient(urls.spot_rest)
        sources = Sources(
            exchange=exchange_name(self.settings),
            spot=spot,
            futures=FuturesClient(urls.futures_rest),
            archive=ArchiveClient(urls.archive, downloads=self.settings.data_dir / "downloads"),
            captures=None,
            now=spot.server_time,
            live=LiveTopics(kafka_servers(self.settings), exchange_name(self.settings)),
        )
        for dataset in ACCOUNTED:
            for symbol in self.settings.symbols:
                for day in days_of(span):
                    converge(dataset, symbol=symbol, day=day, lake=self.lake, sources=sources, ends={})

    def assert_nothing_is_lost(self) -> None:
        """Every service works again, the market went on for a minute, and every trade until then is everywhere."""
        self.platform.await_well(deadline_s=READY_S)
        self.assert_every_trade_is_everywhere()

    def assert_every_trade_is_everywhere(self) -> None:
        """The market went on for a minute, and every trade until then is in Kafka, PostgreSQL and bronze."""
        self.await_minutes()
        assert {account.symbol: account.differences for account in self.accounts()} == dict.fromkeys(SYMBOLS, ())


@pytest.fixture(scope="module")
def make_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Market]]:
    """`make_market(names=…, **settings)`: a market of a module's own, stopped at its end."""
    made: list[Platform] = []

    def make(names: Sequence[Name] = PROGRAMS, **settings: object) -> Market:
        values = {"symbols": SYMBOLS, "simulator_speed": SPEED, **settings}
        own, overlay = service_settings(tmp_path_factory.mktemp("market"), **values), tmp_path_factory.mktemp("overlay")
        elsewhere = {*NAMED, "dagster_home"}
        outside = {name: value for name, value in os.environ.items() if name.lower() not in elsewhere}
        home = prepare_dagster_home(own.data_dir, environment=outside)
        modules = os.pathsep.join(filter(None, (str(overlay), outside.get("PYTHONPATH"))))
        environment = {**outside, **variables_of(own), "DAGSTER_HOME": str(home), "PYTHONPATH": modules}
        platform = Platform(own, environment, tuple(names), attached=True)
        made.append(platform)
        platform.start()
        return Market(own, first_whole_minute(own, deadline_s=READY_S), platform, overlay)

    yield make
    for platform in made:
        platform.stop()


@pytest.fixture(scope="module")
def market(make_market: Callable[..., Market]) -> Market:
    """The market that the tests of a module share."""
    return make_market()
