from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
import redis

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.stream.processor.last_prices import last_price_key
from crypto_assets_tests.databases import price_row
from crypto_assets_tests.waiting import wait_for
from resources.postgres import PostgresResource
from resources.redis import RedisResource
from sensors.speed_observations import speed_observations

NOON = datetime(2024, 8, 5, 12, tzinfo=UTC)


@pytest.fixture
def exchange(database: str, redis_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of an exchange that nothing is known of, on a database and a Redis that the environment names."""
    seed = uuid4().int % 10**9
    environment = {
        "POSTGRES_URL": database,
        "REDIS_URL": redis_server,
        "DATA_DIR": str(tmp_path),
        "EXCHANGE": "simulator",
        "SIMULATOR_SEED": str(seed),
        "SYMBOLS": "BTCUSDT,ETHUSDT",
        "PARTITIONS_START": "2024-08-01",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return f"simulator-{seed}"


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance, cursor=cursor, resources={"postgres": PostgresResource(), "redis": RedisResource()}
    )
    result = speed_observations()(context)
    assert isinstance(result, dg.SensorResult)
    return result


def staged(result: dg.SensorResult) -> dict[str | None, str]:
    """Data version by partition of the staging days that were told."""
    return {
        event.partition: (event.tags or {})["dagster/data_version"]
        for event in result.asset_events
        if isinstance(event, dg.AssetMaterialization) and event.asset_key.to_user_string() == "staging_raw_prices"
    }


def stage(database: str, exchange: str, *moments: datetime) -> None:
    with closing(connect(database)) as connection:
        rows = [price_row("1", at=at, exchange=exchange) for at in moments]
        upsert_rows(connection, RAW_PRICES, rows)
        connection.commit()


def test_each_staging_day_is_told_once_and_again_when_it_got_rows(exchange: str, database: str) -> None:
    yesterday = NOON - timedelta(days=1)
    stage(database, exchange, NOON, yesterday)
    with dg.DagsterInstance.ephemeral() as instance:
        first = wait_for(lambda: tick(instance), until=lambda result: len(staged(result)) == 2, deadline_s=30)
        assert set(staged(first)) == {"2024-08-04", "2024-08-05"}
        assert staged(tick(instance, first.cursor)) == {}

        stage(database, exchange, yesterday + timedelta(seconds=1))
        late = wait_for(lambda: tick(instance, first.cursor), until=lambda result: bool(staged(result)), deadline_s=30)
    assert set(staged(late)) == {"2024-08-04"}
    assert staged(late)["2024-08-04"] != staged(first)["2024-08-04"]


def test_days_that_the_graph_does_not_have_are_left_out(exchange: str, database: str) -> None:
    stage(database, exchange, NOON, datetime(2020, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC))
    with dg.DagsterInstance.ephemeral() as instance:
        told = wait_for(lambda: tick(instance), until=lambda result: bool(staged(result)), deadline_s=30)
    assert set(staged(told)) == {NOON.date().isoformat()}


def test_last_prices_are_observed_when_they_moved(exchange: str, redis_server: str) -> None:
    def observed(result: dg.SensorResult) -> list[dg.AssetObservation]:
        return [event for event in result.asset_events if isinstance(event, dg.AssetObservation)]

    with closing(redis.Redis.from_url(redis_server)) as client, dg.DagsterInstance.ephemeral() as instance:
        nothing = tick(instance)
        assert observed(nothing) == []
        fields = {"price": "60000.12", "event_time_us": "1722859200000000", "exchange_rate": "0.000123"}
        client.hset(last_price_key(exchange, "BTCUSDT"), mapping=fields)
        first = tick(instance, nothing.cursor)
        (event,) = observed(first)
        assert "| BTCUSDT | 60000.12 | +0.0123 % | 2024-08-05 12:00:00 |" in str(event.metadata["prices"].value)
        assert observed(tick(instance, first.cursor)) == []


def test_where_nothing_runs_the_sensor_says_so_and_goes_on(exchange: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_URL")
    monkeypatch.delenv("REDIS_URL")
    with dg.DagsterInstance.ephemeral() as instance:
        result = tick(instance)
    assert result.asset_events == []
    assert str(result.skip_reason.skip_message if result.skip_reason else "").startswith("0 observations. No postgres")
