from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import TRADES
from crypto_assets_tests.databases import EXCHANGE, trade_row
from crypto_assets_tests.waiting import wait_for
from resources.postgres import PostgresResource
from sensors.trade_observations import trade_observations

NOON = datetime(2024, 8, 5, 12, tzinfo=UTC)


@pytest.fixture
def put(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`put(*rows)` into trades of a database that the environment names."""
    environment = {
        "POSTGRES_URL": database,
        "DATA_DIR": str(tmp_path),
        "EXCHANGE": "simulator",
        "SIMULATOR_SEED": EXCHANGE.removeprefix("simulator-"),
        "PARTITIONS_START": "2024-08-01",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def put(*rows: tuple[str, ...]) -> None:
        with closing(connect(database)) as connection:
            upsert_rows(connection, TRADES, rows)
            connection.commit()

    return put


def tick(cursor: str | None = None) -> dg.SensorResult:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance, cursor=cursor, resources={"postgres": PostgresResource()})
        result = trade_observations()(context)
    assert isinstance(result, dg.SensorResult)
    return result


def versions(result: dg.SensorResult) -> dict[str | None, str]:
    return {
        event.partition: (event.tags or {})["dagster/data_version"]
        for event in result.asset_events
        if isinstance(event, dg.AssetMaterialization) and event.asset_key == dg.AssetKey("trades")
    }


def told(*days: str, cursor: str | None = None) -> dg.SensorResult:
    """The tick that tells of these days: the server's statistics, which it goes by, lag by a second or so."""
    return wait_for(lambda: tick(cursor), until=lambda result: set(versions(result)) == set(days), deadline_s=60)


def test_each_day_with_trades_is_told_once_and_again_after_a_late_trade(put: Callable[..., None]) -> None:
    put(trade_row(1, at=NOON), trade_row(2, at=NOON, symbol="ETHUSDT"), trade_row(3, at=NOON + timedelta(days=1)))
    first = told("2024-08-05", "2024-08-06")
    assert isinstance(first.asset_events[0], dg.AssetMaterialization)
    shown = {name: value.value for name, value in first.asset_events[0].metadata.items()}
    assert (shown["dagster/partition_row_count"], shown["symbol_names"]) == (2, "BTCUSDT, ETHUSDT")

    assert versions(tick(first.cursor)) == {}

    put(trade_row(4, at=NOON + timedelta(hours=1)))
    late = told("2024-08-05", cursor=first.cursor)
    assert versions(late)["2024-08-05"] != versions(first)["2024-08-05"]


def test_days_that_the_graph_has_not_and_trades_of_another_exchange_are_not_told(put: Callable[..., None]) -> None:
    put(
        trade_row(1, at=NOON - timedelta(days=30)),
        trade_row(2, at=NOON, exchange="binance"),
        trade_row(3, at=NOON + timedelta(days=1)),
    )
    told("2024-08-06")


def test_without_a_database_a_tick_says_so_and_keeps_its_cursor(
    put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    del put
    monkeypatch.setenv("POSTGRES_URL", "postgresql://u:secret@127.0.0.1:1/none")
    result = tick('{"2024-08-05":7}')
    assert result.cursor == '{"2024-08-05":7}'
    assert "0 observations. PostgreSQL at 127.0.0.1:1/none cannot be used" in str(result.skip_reason)
    assert "secret" not in str(result.skip_reason)
