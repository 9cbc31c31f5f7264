"""A collector in the test's own process, between an exchange in its hands and real Kafka and Redis."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, kafka_servers
from crypto_assets.stream.avro import decode
from crypto_assets.stream.collector.feed import Care
from crypto_assets.stream.collector.options import CollectorOptions
from crypto_assets.stream.collector.program import Collector
from crypto_assets.stream.collector.subscriptions import KINDS
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.gaps import Gap, read_ledger
from crypto_assets.stream.topics import BY_NAME
from crypto_assets_tests.services import service_settings
from crypto_assets_tests.stream.collector.feeder import Feeder, feeding
from crypto_assets_tests.waiting import wait_for

QUICK = Care(first_delay_s=0.01, longest_delay_s=0.1, overlap_s=1.0)
WAIT_S = 30.0
_seeds = itertools.count(os.getpid() * 1_000)


class Running:
    """A collector that runs in a thread."""

    def __init__(self, settings: Settings, options: CollectorOptions) -> None:
        self.settings = settings
        self.collector: Collector | None = None
        self.error: BaseException | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings, options), daemon=True)
        self._thread.start()
        assert self._begun.wait(WAIT_S)

    def figure(self, name: str) -> float:
        assert self.collector is not None
        return self.collector.figures()[name]

    def wait_figure(self, name: str, until: Callable[[float], bool]) -> None:
        wait_for(lambda: self.figure(name), until=until, deadline_s=WAIT_S)

    def stop(self) -> None:
        if self._thread.is_alive() and self.collector is not None:
            self._loop.call_soon_threadsafe(self.collector.stop)
        self.join()
        if self.error is not None:
            raise self.error

    def join(self) -> None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()

    def records(self, name: str) -> list[dict[str, Any]]:
        return records_of(self.settings, name)

    def wait_records(self, name: str, count: int) -> list[dict[str, Any]]:
        return wait_for(lambda: self.records(name), until=lambda found: len(found) >= count, deadline_s=WAIT_S)

    def wait_gaps(self, until: Callable[[list[Gap]], bool]) -> list[Gap]:
        servers, exchange = kafka_servers(self.settings), exchange_name(self.settings)
        return wait_for(lambda: read_ledger(servers, exchange), until=until, deadline_s=WAIT_S)

    def _run(self, settings: Settings, options: CollectorOptions) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self.collector = Collector(settings, options)
            self._begun.set()
            await self.collector.run()

        try:
            asyncio.run(run())
        except BaseException as error:
            self.error = error
        finally:
            self._begun.set()


def records_of(settings: Settings, name: str) -> list[dict[str, Any]]:
    """All records of a topic, those of a symbol in their order."""
    topic = BY_NAME[name].of(exchange_name(settings))
    return [
        decode(name, message.value() or b"", header_pairs(message))
        for message in read_to_the_ends(kafka_servers(settings), "test", {topic: None})
    ]


@pytest.fixture
def feeder() -> Iterator[Feeder]:
    with feeding() as feeder:
        yield feeder


@pytest.fixture
def live(feeder: Feeder, kafka: str, redis_server: str, tmp_path: Path) -> Settings:
    """Settings of a collector with topics of this test's own."""
    return service_settings(
        tmp_path,
        simulator_seed=next(_seeds),
        symbols=("BTCUSDT",),
        kafka_bootstrap_servers=kafka,
        redis_url=redis_server,
        binance_spot_rest_url=feeder.url,
        binance_futures_rest_url=feeder.url,
        binance_archive_url=feeder.url,
        binance_spot_ws_url=feeder.stream_url,
        binance_futures_ws_url=feeder.stream_url,
    )


@pytest.fixture
def collect(live: Settings) -> Iterator[Callable[..., Running]]:
    """`collect("trade", …)`: a collector of these kinds of streams, stopped at the end."""
    running: list[Running] = []

    def start(*kinds: str, settings: Settings = live, care: Care = QUICK, **options: Any) -> Running:
        chosen = tuple(KINDS[kind] for kind in kinds)
        plain = CollectorOptions(kinds=chosen, spool=settings.data_dir / "spool", care=care)
        running.append(Running(settings, replace(plain, **options)))
        return running[-1]

    yield start
    for collector in running:
        collector.stop()
