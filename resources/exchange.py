"""The exchange that assets are handed: clients that point at the simulator, at recorded files or at Binance."""

from __future__ import annotations

import atexit
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dagster as dg

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Exchange, Settings, read_settings
from crypto_assets.convergence.captures import CaptureStore
from crypto_assets.convergence.sources import Sources
from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.process import start_simulator

BINANCE_ARCHIVE_URL = "https://data.binance.vision"
BINANCE_SPOT_REST_URL = "https://api.binance.com"
BINANCE_FUTURES_REST_URL = "https://fapi.binance.com"

_starting = threading.Lock()


@dataclass(frozen=True, slots=True)
class Places:
    """Base URLs of one exchange."""

    archive: str
    spot: str
    futures: str
    captures: str | None


class ExchangeResource(dg.ConfigurableResource):
    """Hands out the `sources` of bronze datasets, as `EXCHANGE` and the `BINANCE_*` variables say.

    With `EXCHANGE=simulator` or `replay` a local server answers; it starts with the first question and ends with this
    process.
    """

    @property
    def sources(self) -> Sources:
        """Clients of the configured exchange, the same ones for all of this process."""
        with _starting:
            return _sources(read_settings())  # pyright: ignore[reportArgumentType]  frozen settings have a hash


def exchange_name(settings: Settings) -> str:
    """How rows name the exchange they came from: binance, replay or simulator-<seed>."""
    if settings.exchange is Exchange.SIMULATOR:
        return f"simulator-{settings.simulator_seed}"
    return settings.exchange.value


@cache
def _sources(settings: Settings) -> Sources:
    places = _places(settings)
    name = exchange_name(settings)
    state = settings.data_dir / "exchange"
    return Sources(
        exchange=name,
        spot=SpotClient(places.spot, rate_limits=state),
        futures=FuturesClient(places.futures, rate_limits=state),
        archive=ArchiveClient(
            places.archive,
            downloads=state / "downloads" / name,
            accept_checksum_mismatch=settings.accept_checksum_mismatch,
        ),
        captures=CaptureStore(places.captures) if places.captures else None,
        now=lambda: datetime.now(UTC),
    )


def _places(settings: Settings) -> Places:
    """What the variables name; what they leave open is the embedded server's, or Binance's."""
    if settings.exchange is Exchange.BINANCE:
        archive, spot, futures = BINANCE_ARCHIVE_URL, BINANCE_SPOT_REST_URL, BINANCE_FUTURES_REST_URL
        captures = None
    else:
        named = (settings.binance_archive_url, settings.binance_spot_rest_url, settings.binance_futures_rest_url)
        url = "" if all(named) else _embedded_url(settings)
        archive = spot = futures = url
        captures = f"{url}/recordings" if url else None
    return Places(
        archive=settings.binance_archive_url or archive,
        spot=settings.binance_spot_rest_url or spot,
        futures=settings.binance_futures_rest_url or futures,
        captures=settings.capture_uri or captures,
    )


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
