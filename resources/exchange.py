"""The exchange that assets are handed: clients that point at the simulator, at recorded files or at Binance."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
import httpx

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Exchange, Settings, read_settings
from crypto_assets.convergence.captures import CaptureStore
from crypto_assets.convergence.sources import Sources
from crypto_assets.endpoints import embedded_endpoint, exchange_name, exchange_urls, kafka_servers
from crypto_assets.errors import Unavailable
from crypto_assets.simulator.process import start_simulator
from crypto_assets.spans import from_us
from resources.services.simulator import ask_health, replay_folder

if TYPE_CHECKING:
    from crypto_assets.stream.reader import LiveTopics

_starting = threading.Lock()


class ExchangeResource(dg.ConfigurableResource):
    """Hands out the `sources` of bronze datasets, as `EXCHANGE` and the `BINANCE_*` variables say.

    With `EXCHANGE=simulator` or `replay` a local server answers: that of `make up` where it runs, else one that starts
    with the first question and ends with this process.
    """

    @property
    def sources(self) -> Sources:
        """Clients of the configured exchange, the same ones for all of this process, and its live topics where Kafka
        is there."""
        with _starting:
            settings = read_settings()
            found = _sources(settings)  # pyright: ignore[reportArgumentType]  frozen settings have a hash
            return replace(found, live=live_topics(settings))


@cache
def _sources(settings: Settings) -> Sources:
    places = exchange_urls(settings, embedded=_local_server(settings))
    name = exchange_name(settings)
    state = settings.data_dir / "exchange"
    spot = SpotClient(places.spot_rest, rate_limits=state)
    return Sources(
        exchange=name,
        spot=spot,
        futures=FuturesClient(places.futures_rest, rate_limits=state),
        archive=ArchiveClient(
            places.archive,
            downloads=state / "downloads" / name,
            accept_checksum_mismatch=settings.accept_checksum_mismatch,
        ),
        captures=CaptureStore(places.captures) if places.captures else None,
        # A market that is played faster has a time of its own.
        now=spot.server_time if _has_own_time(settings) else lambda: datetime.now(UTC),
    )


def live_topics(settings: Settings) -> LiveTopics | None:
    """The live topics of the configured exchange; None where no Kafka is named and none runs embedded.

    Nothing is asked here: whether Kafka answers shows when it is read.
    """
    is_there = settings.kafka_bootstrap_servers or embedded_endpoint(settings.data_dir, "kafka")
    return _live_topics(kafka_servers(settings), exchange_name(settings)) if is_there else None


@cache
def _live_topics(servers: str, exchange: str) -> LiveTopics:
    from crypto_assets.stream.reader import LiveTopics

    return LiveTopics(servers, exchange)


def exchange_now(settings: Settings, *, wall: datetime) -> datetime:
    """What the exchange's clock shows when the machine's shows `wall`.

    They differ for a market that is played faster: it is asked where `make up` runs it, and nothing is started here.
    Raises Unavailable where it does not answer: the machine's clock would end days that still run.
    """
    if not _has_own_time(settings):
        return wall
    if settings.binance_spot_rest_url:
        return SpotClient(settings.binance_spot_rest_url).server_time()
    running = embedded_endpoint(settings.data_dir, "simulator")
    return wall if running is None else _clock_of(running["url"])


def _has_own_time(settings: Settings) -> bool:
    return settings.exchange is Exchange.SIMULATOR and settings.simulator_speed != 1


def _local_server(settings: Settings) -> Mapping[str, str] | None:
    """The server of `make up` where there is one, else one of this process; None where Binance or URLs stand for it.

    Raises Unavailable where that of `make up` does not answer: another one in its place would have another clock.
    """
    named = (settings.binance_archive_url, settings.binance_spot_rest_url, settings.binance_futures_rest_url)
    if settings.exchange is Exchange.BINANCE:
        return None
    if all(named):
        return {}
    running = embedded_endpoint(settings.data_dir, "simulator")
    if running is None:
        return {"url": _embedded_url(settings)}
    _clock_of(running["url"])
    return running


def _clock_of(url: str) -> datetime:
    """The clock of a simulator of `make up`; raises Unavailable where it does not answer."""
    try:
        health = ask_health(url)
    except httpx.HTTPError as error:
        raise Unavailable(
            f"The simulated exchange of `make up` does not answer at {url} ({error}). `make up` starts it again; after "
            "`make down` each run has one of its own."
        ) from error
    return from_us(health.server_time * 1000)


def _embedded_url(settings: Settings) -> str:
    replay = replay_folder(settings) if settings.exchange is Exchange.REPLAY else None
    log = settings.data_dir / "exchange" / f"{exchange_name(settings)}-{os.getpid()}.log"
    server = start_simulator(seed=settings.simulator_seed, symbols=settings.symbols, replay=replay, log_path=log)
    atexit.register(server.stop)
    return server.url
