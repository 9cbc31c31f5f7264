"""Fixtures of a stand-in for Redshift on the session's PostgreSQL, which reads the session's S3."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import S3Endpoint
from resources.services.folder import ServiceFolder
from resources.services.redshift_standin.database import STAND_IN_ROLE, make_warehouse, owner_url
from resources.services.redshift_standin.load import Loader
from resources.services.redshift_standin.server import StandIn


@pytest.fixture(scope="session")
def administrator(postgres: str, live_settings: Settings) -> str:
    """URL of PostgreSQL for its superuser."""
    password = ServiceFolder.of(live_settings.data_dir, "postgres").secret("superuser")
    parts = urlsplit(postgres)
    return parts._replace(netloc=f"postgres:{password}@{parts.hostname}:{parts.port}", path="/postgres").geturl()


@pytest.fixture(scope="session")
def run_stand_in(administrator: str, postgres: str, live_settings: Settings) -> Iterator[Callable[[S3Endpoint], str]]:
    """`run_stand_in(store)`: URL of the warehouse on a stand-in that reads this S3."""
    folder = ServiceFolder.of(live_settings.data_dir, "redshift")
    folder.make()
    owner, client = folder.secret("owner"), folder.secret("password")
    make_warehouse(administrator, owner_password=owner, client_password=client)
    own = owner_url(postgres, password=owner)
    ends: list[Callable[[], None]] = []

    def run(store: S3Endpoint) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        ends.append(_serve(StandIn(lambda: own, Loader(lambda: store, STAND_IN_ROLE)), listener))
        port = listener.getsockname()[1]
        return f"postgresql://warehouse:{client}@127.0.0.1:{port}/warehouse"

    yield run
    for end in ends:
        end()


@pytest.fixture(scope="session")
def warehouse(run_stand_in: Callable[[S3Endpoint], str], s3_endpoint: str) -> str:
    """URL of the warehouse on a stand-in that reads the session's S3."""
    return run_stand_in(S3Endpoint(s3_endpoint, "test", "test"))


def _serve(stand_in: StandIn, listener: socket.socket) -> Callable[[], None]:
    """Serve in a thread; returns what ends it."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(stand_in.serve(listener, stop=stop)), name="stand-in"
    )
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        assert not thread.is_alive()
        loop.close()

    return end
