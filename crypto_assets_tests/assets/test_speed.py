"""The speed group on a real PostgreSQL: what a run of it does, says and never shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.assets import each_partition
from crypto_assets.assets.postgres_columns import DAILY_SUMMARY_SCHEMA, RAW_PRICES_SCHEMA
from crypto_assets.assets.speed_days import KEPT_DAYS
from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import WholeDay, range_tags
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.days import days_of
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.summary import read_daily_summary
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets_tests.databases import EXCHANGE, fetch, price_row

FIRST_DAY = date(2024, 8, 1)
NOON = datetime(2024, 8, 5, 12, tzinfo=UTC)
DAY = WholeDay(NOON.date())


@dataclass
class Speed:
    """The graph on a database and a lake of its own."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    url: str
    lake: Lake

    def stage(self, *rows: tuple[Value, ...]) -> None:
        with closing(connect(self.url)) as connection:
            upsert_rows(connection, RAW_PRICES, rows)
            connection.commit()

    def run(self, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def("speed").execute_in_process(
            instance=self.instance, tags={PARTITION_TAG: DAY.key} if tags is None else tags, raise_on_error=False
        )

    def staged_days(self) -> list[date]:
        with closing(connect(self.url)) as connection:
            return days_of(connection, RAW_PRICES)

    def metadata(self, key: str) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey("daily_summary"), asset_partitions=[key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}


@pytest.fixture
def speed(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Speed]:
    environment = {
        "POSTGRES_URL": database,
        "DATA_DIR": str(tmp_path),
        "EXCHANGE": "simulator",
        "SIMULATOR_SEED": EXCHANGE.removeprefix("simulator-"),
        "SYMBOLS": "BTCUSDT,ETHUSDT",
        "PARTITIONS_START": FIRST_DAY.isoformat(),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
    with dg.DagsterInstance.ephemeral() as instance:
        yield Speed(build_definitions(settings), instance, database, Lake(settings.lake))


def said(result: dg.ExecuteInProcessResult) -> str:
    """What each failed step said."""
    failed = (event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE)
    data = (event.step_failure_data for event in failed)
    return "\n".join(str(one.user_failure_data.description if one.user_failure_data else one.error) for one in data)


def the_check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def minute_candles(*candles: tuple[datetime, str, str, str]) -> pa.Table:
    """1m candles of silver from (open time, low, high, close)."""
    rows = []
    for at, low, high, close in candles:
        row: dict[str, Any] = {field.name: 0 for field in SILVER_KLINES["1m"].schema}
        prices = {"open": low, "low": low, "high": high, "close": close}
        row |= prices | {"open_time": at, "close_time": at + timedelta(seconds=59), "source": "live"}
        rows.append({name: str(v) if isinstance(v, int) and name.endswith("volume") else v for name, v in row.items()})
    arrays = [
        pa.array([row[field.name] for row in rows]).cast(field.type)
        if not pa.types.is_decimal(field.type)
        else pa.array([str(row[field.name]) for row in rows]).cast(field.type)
        for field in SILVER_KLINES["1m"].schema
    ]
    return pa.table(arrays, schema=SILVER_KLINES["1m"].schema)


def test_a_day_is_summarised_shown_and_checked(speed: Speed) -> None:
    speed.stage(
        price_row("60000.10", at=NOON, offset=1),
        price_row("60100.10", at=NOON + timedelta(seconds=1), offset=2),
        price_row("60050.10", at=NOON + timedelta(seconds=70), offset=3),
    )
    table = minute_candles(
        (NOON, "60000.1", "60100.2", "60040"), (NOON + timedelta(minutes=1), "60030", "60060", "60055")
    )
    speed.lake.publish(SILVER_KLINES["1m"], "BTCUSDT", DAY.day, table)

    result = speed.run()

    assert result.success
    assert (the_check(result).passed, the_check(result).description) == (
        True,
        "2024-08-05: 1 symbols lie within their 1m candles.",
    )
    with closing(connect(speed.url)) as connection:
        (summary,) = read_daily_summary(connection, DAY.day, exchange=EXCHANGE)
    assert (float(summary.open), float(summary.close), summary.count) == (60000.10, 60050.10, 3)
    shown = speed.metadata(DAY.key)
    assert "BTCUSDT | ![" in shown["ranges"]
    assert shown["summary"].records[0].data["max"] == "60100.10000000"
    assert (shown["dagster/row_count"], shown["prices"], shown["staging_rows"]) == (1, 3, 3)


@pytest.mark.parametrize(
    ("price", "at", "said_of_it"),
    [
        ("60100.21", NOON, "max 60100.21000000 is not between 60000.10000000 and 60100.20000000"),
        ("59999.99", NOON, "min 59999.99000000 is not between 60000.10000000 and 60100.20000000"),
        ("60090.00", NOON + timedelta(seconds=70), "close 60090.00000000 is not between"),
    ],
)
def test_a_price_that_no_candle_explains_is_an_error_that_names_it(
    speed: Speed, price: str, at: datetime, said_of_it: str
) -> None:
    before = NOON - timedelta(minutes=1)
    speed.stage(price_row("60005", at=before), price_row(price, at=at, offset=2))
    table = minute_candles(
        (before - timedelta(minutes=1), "60005", "60005", "60005"),
        (before, "60000.1", "60010", "60000.1"),
        (NOON, "60001", "60100.2", "60040"),
        (NOON + timedelta(minutes=1), "60030", "60060", "60055"),
    )
    speed.lake.publish(SILVER_KLINES["1m"], "BTCUSDT", DAY.day, table)

    evaluation = the_check(speed.run())

    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    assert said_of_it in str(evaluation.description)


def test_the_first_sample_after_midnight_may_show_the_last_trade_of_the_day_before(speed: Speed) -> None:
    midnight = datetime(2024, 8, 5, tzinfo=UTC)
    speed.stage(price_row("59000", at=midnight), price_row("60000", at=midnight + timedelta(seconds=1), offset=1))
    candles = {
        midnight - timedelta(minutes=1): minute_candles((midnight - timedelta(minutes=1), "58000", "59500", "59000")),
        midnight: minute_candles((midnight, "60000", "60001", "60000")),
    }
    for at, table in candles.items():
        speed.lake.publish(SILVER_KLINES["1m"], "BTCUSDT", at.date(), table)
    assert the_check(speed.run()).passed


def test_without_candles_the_check_says_that_it_could_not_compare(speed: Speed) -> None:
    speed.stage(price_row("60000", at=NOON))
    evaluation = the_check(speed.run())
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "The lake has not all 1m candles from the first price to the last of BTCUSDT" in str(evaluation.description)


def test_a_day_without_prices_is_written_and_warned_of(speed: Speed, capfd: pytest.CaptureFixture[str]) -> None:
    result = speed.run()
    assert result.success
    assert speed.metadata(DAY.key)["dagster/row_count"] == 0
    assert "no price of simulator-7 in staging.raw_prices" in capfd.readouterr().err


def test_a_range_of_days_is_one_run(speed: Speed) -> None:
    speed.stage(*(price_row("1", at=NOON + timedelta(days=n)) for n in range(3)))
    result = speed.run(range_tags(DAY, WholeDay(DAY.day + timedelta(days=2))))
    assert result.success
    assert speed.instance.get_materialized_partitions(dg.AssetKey("daily_summary")) == {
        "2024-08-05",
        "2024-08-06",
        "2024-08-07",
    }


def test_a_run_without_a_day_says_how_to_name_one(speed: Speed) -> None:
    result = speed.run({})
    assert not result.success
    assert """--tags '{"dagster/partition": "2024-08-05"}'""" in said(result)


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("2024-07-31", "is before the first day, 2024-08-01"),
        ("3024-01-01", "lies in the future"),
    ],
)
def test_an_impossible_day_is_refused_with_a_sentence(speed: Speed, key: str, sentence: str) -> None:
    result = speed.run({PARTITION_TAG: key})
    assert not result.success
    assert sentence in said(result)


def test_a_day_that_has_not_ended_is_refused_and_its_rows_wait(speed: Speed) -> None:
    now = datetime.now(UTC)
    speed.stage(price_row("1", at=now))
    result = speed.run({PARTITION_TAG: now.date().isoformat()})
    assert not result.success
    assert f"daily_summary {now.date()}: the day has not ended" in said(result)
    with closing(connect(speed.url)) as connection:
        assert read_daily_summary(connection, now.date(), exchange=EXCHANGE) == []


def test_old_days_are_dropped_unless_they_were_not_summarised(speed: Speed, capfd: pytest.CaptureFixture[str]) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kept, just_too_old = today - timedelta(days=KEPT_DAYS), today - timedelta(days=KEPT_DAYS + 1)
    never_summarised = NOON + timedelta(days=3)
    speed.stage(*(price_row("1", at=at) for at in (NOON, never_summarised, just_too_old, kept, today)))
    assert speed.run({PARTITION_TAG: just_too_old.date().isoformat()}).success

    assert speed.run().success

    assert speed.staged_days() == [never_summarised.date(), kept.date(), today.date()]
    shown = speed.metadata(DAY.key)
    assert shown["staging_days_dropped"] == DAY.key
    assert shown["staging_days_not_summarised"] == "2024-08-08"
    log = capfd.readouterr().err
    assert "staging_raw_prices: dropped 2024-08-05" in log
    assert "2024-08-08 is old enough to drop and stays" in log
    assert "simulator-7 BTCUSDT 1 prices, 0 of them summarised" in log

    assert speed.run({PARTITION_TAG: "2024-08-08"}).success
    assert never_summarised.date() not in speed.staged_days()


def test_a_repetition_after_the_drop_keeps_the_summary_and_its_version(speed: Speed) -> None:
    speed.stage(price_row("1", at=NOON))
    first, second = (speed.run().asset_materializations_for_node("daily_summary")[0] for _ in range(2))
    assert speed.staged_days() == []
    assert first.tags["dagster/data_version"] == second.tags["dagster/data_version"]  # type: ignore[index]
    assert speed.metadata(DAY.key)["prices"] == 1


def test_no_password_is_in_the_events_the_metadata_or_the_configuration_of_a_run(
    speed: Speed, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    password = urlsplit(speed.url).password
    assert password
    speed.stage(price_row("1", at=NOON))
    runs = [speed.run()]
    monkeypatch.setattr(each_partition, "RETRIES", dg.RetryPolicy(max_retries=0))
    gone = urlsplit(speed.url)._replace(path="/no_such_database").geturl()
    monkeypatch.setenv("POSTGRES_URL", gone)
    runs.append(speed.run())

    assert [run.success for run in runs] == [True, False]
    captured = capfd.readouterr()
    assert "no_such_database" in captured.err
    for text in (captured.err, captured.out, *(str(run.all_events) for run in runs)):
        assert password not in text
    for run in runs:
        assert password not in str(speed.instance.all_logs(run.run_id))
        assert password not in str(speed.instance.get_run_by_id(run.run_id))


def test_without_a_database_the_run_says_what_to_start(speed: Speed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTGRES_URL")
    result = speed.run()
    assert not result.success
    assert "No postgres runs" in said(result)
    assert "make up" in said(result)


@pytest.mark.parametrize(
    ("schema", "place", "table"),
    [(RAW_PRICES_SCHEMA, "staging", "raw_prices"), (DAILY_SUMMARY_SCHEMA, "public", "daily_summary")],
)
def test_columns_are_shown_as_the_database_has_them(
    database: str, schema: dg.TableSchema, place: str, table: str
) -> None:
    with closing(connect(database)) as connection:
        held = fetch(
            connection,
            "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
            f"{place}.{table}",
        )
    assert held == [(column.name, column.type, column.constraints.nullable) for column in schema.columns]
    assert all(column.description for column in schema.columns)
