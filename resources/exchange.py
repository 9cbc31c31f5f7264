"""The exchange that assets are handed: clients that point at the simulator, at recorded files or at Binance."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import httpx

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Exchange, Settings, read_settings
from crypto_assets.convergence.captures import CaptureStore
from crypto_assets.convergence.sources import Sources
from crypto_assets.endpoints import embedded_endpoint, exchange_name, exchange_urls
from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.process import start_simulator

if TYPE_CHECKING:
    from crypto_assets.stream.reader import LiveTopics

HEALTH_TIMEOUT_S = 2.0

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
    servers = settings.kafka_bootstrap_servers or (embedded_endpoint(settings.data_dir, "kafka") or {}).get("url")
    return _live_topics(servers, exchange_name(settings)) if servers else None


@cache
def _live_topics(servers: str, exchange: str) -> LiveTopics:
    from crypto_assets.stream.reader import LiveTopics

    return LiveTopics(servers, exchange)


def exchange_now(settings: Settings, *, wall: datetime) -> datetime:
    """What the exchange's clock shows when the machine's shows `wall`.

    They differ for a market that is played faster: it is asked where `make up` runs it, and nothing is started here.
    """
    running = embedded_endpoint(settings.data_dir, "simulator") if _has_own_time(settings) else None
    url = settings.binance_spot_rest_url or (running or {}).get("url")
    if url is None or not _has_own_time(settings) or not _answers(url):
        return wall
    return SpotClient(url).server_time()


def _has_own_time(settings: Settings) -> bool:
    return settings.exchange is Exchange.SIMULATOR and settings.simulator_speed != 1


def _local_server(settings: Settings) -> Mapping[str, str] | None:
    """The server of `make up` where it answers, else one of this process; None where Binance or URLs stand for it."""
    named = (settings.binance_archive_url, settings.binance_spot_rest_url, settings.binance_futures_rest_url)
    if settings.exchange is Exchange.BINANCE:
        return None
    if all(named):
        return {}
    running = embedded_endpoint(settings.data_dir, "simulator")
    return running if running and _answers(running["url"]) else {"url": _embedded_url(settings)}


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=HEALTH_TIMEOUT_S).is_success
    except httpx.TransportError:
        return False


def _embedded_url(settings: Settings) -> str:
    replay = None
    if settings.exchange is Exchange.REPLAY:
        if settings.replay_uri is None:
            raise ConfigurationError(
                "EXCHANGE=replay needs REPLAY_URI, a folder that holds archive/data/… and recordings/…"
            )
        replay = Path(settings.replay_uri.removeprefix("file://")).expanduser()
    log = settings.data_dir / "exchange" / f"{exchange_name(settings)}-{os.getpid()}.log"
    server = start_simulator(seed=settings.simulator_seed, symbols=settings.symbols, replay=replay, log_path=log)
    atexit.register(server.stop)
    return server.url
