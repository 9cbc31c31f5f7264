"""Which exchange a run is handed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import write_endpoint
from crypto_assets.errors import Unavailable
from crypto_assets.simulator.process import start_simulator
from resources.exchange import ExchangeResource, exchange_now


def test_the_exchange_of_a_running_platform_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    then = datetime(2024, 8, 5, tzinfo=UTC)
    with start_simulator(symbols=["BTCUSDT"], seed=7, now=then, log_path=tmp_path / "log") as running:
        write_endpoint(tmp_path, "simulator", {"url": running.url, "streams": running.stream_url})
        clock = ExchangeResource().sources.spot.server_time()
        assert clock.year == 2024
    assert list((tmp_path / "exchange").glob("*.log")) == []


def test_an_exchange_of_a_platform_that_is_gone_is_missed_and_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with start_simulator(symbols=["BTCUSDT"], seed=7, log_path=tmp_path / "log") as gone:
        url = gone.url
    write_endpoint(tmp_path, "simulator", {"url": url, "streams": gone.stream_url})
    with pytest.raises(Unavailable, match=r"make up.*make down"):
        _ = ExchangeResource().sources
    assert list((tmp_path / "exchange").glob("*.log")) == []


def test_the_clock_of_a_faster_market_is_missed_and_not_guessed(tmp_path: Path) -> None:
    write_endpoint(tmp_path, "simulator", {"url": "http://127.0.0.1:1", "streams": "ws://127.0.0.1:1"})
    settings = Settings.model_validate({"data_dir": tmp_path, "simulator_speed": 10})
    with pytest.raises(Unavailable, match="make up"):
        exchange_now(settings, wall=datetime.now(UTC))
