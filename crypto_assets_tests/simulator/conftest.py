"""One simulated exchange for tests that ask it things, and a maker of others for those that break them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from crypto_assets.simulator.app import create_app
from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.options import SimulatorOptions

NOW = datetime(2025, 1, 3, 6, 0, 30, tzinfo=UTC)
"""What the exchange's clock shows: the archive has published 2025-01-02, and the minute of 06:00 is half over."""

OPTIONS = SimulatorOptions(
    symbols=("BTCUSDT", "ETHUSDT"), clock=Clock.frozen_at(NOW), publication_delay=timedelta(hours=5)
)

type Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def exchange() -> Iterator[TestClient]:
    """An exchange whose limits never run out, because its minute is always another one."""
    minutes = iter(range(10**9))
    app = create_app(OPTIONS, wall_us=lambda: next(minutes) * 60_000_000)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts an exchange with other options, given as those of SimulatorOptions."""
    with ExitStack() as stack:

        def begin(*, wall_us: Callable[[], int] = lambda: 0, **options: object) -> TestClient:
            app = create_app(replace(OPTIONS, **options), wall_us=wall_us)  # pyright: ignore[reportArgumentType]
            return stack.enter_context(TestClient(app))

        yield begin
