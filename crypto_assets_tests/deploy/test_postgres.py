"""The roles of deploy/postgres/roles.sh, and Dagster's instance of deploy/dagster.yaml, on a real PostgreSQL."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest

from crypto_assets.postgres.migrate import migrate
from crypto_assets_tests.deploy.composed import ROOT
from crypto_assets_tests.deploy.conftest import Cluster

OLD_EVENTS = ROOT / "deploy" / "postgres" / "delete_old_events.sql"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DAGSTER_HOME as the image has it."""
    home = tmp_path_factory.mktemp("dagster")
    shutil.copy(ROOT / "deploy" / "dagster.yaml", home)
    return home


@pytest.fixture(scope="module")
def finished(cluster: Cluster, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """The instance of the deployment, in which an asset was materialized."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", of_dagster(cluster, "dagster"))
        patch.setenv("DAGSTER_LOGS", str(tmp_path_factory.mktemp("logs")))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert dg.materialize([prices], instance=instance).success
            yield instance


@dg.asset(check_specs=[dg.AssetCheckSpec("positive", asset="prices")])
def prices(context: dg.AssetExecutionContext) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    context.log.info("made")
    yield dg.MaterializeResult(metadata={"rows": 3})
    yield dg.AssetCheckResult(passed=True, check_name="positive")


def of_dagster(cluster: Cluster, role: str) -> str:
    """The URL as the compose file writes it."""
    return cluster.url(role, "dagster").replace("postgresql:", "postgresql+psycopg2:")


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def test_a_run_of_the_deployment_is_a_row_in_postgres(finished: dg.DagsterInstance, cluster: Cluster) -> None:
    (run,) = finished.get_runs()
    rows = query(cluster.url("dagster", "dagster"), "SELECT run_id, status FROM runs")
    assert rows == [(run.run_id, "SUCCESS")]


def test_dagsters_home_holds_nothing_but_its_configuration(finished: dg.DagsterInstance, home: Path) -> None:
    assert [path.name for path in home.iterdir()] == ["dagster.yaml"]


def test_the_instance_limits_runs_watches_them_and_forgets_ticks(finished: dg.DagsterInstance) -> None:
    assert finished.run_monitoring_enabled
    assert finished.run_retries_enabled
    assert isinstance(finished.run_launcher, dg.DefaultRunLauncher)
    assert not finished.telemetry_enabled
    settings = finished.get_settings
    assert settings("concurrency")["runs"]["max_concurrent_runs"] == 6
    assert settings("concurrency")["pools"] == {"granularity": "op", "default_limit": 4}
    assert set(settings("retention")) == {"schedule", "sensor", "auto_materialize"}


def test_the_dashboard_reads_runs_checks_and_materializations(
    finished: dg.DagsterInstance, cluster: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", of_dagster(cluster, "dashboard"))
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert [run.run_id for run in instance.get_runs()] == [run.run_id for run in finished.get_runs()]
        event = instance.get_latest_materialization_event(dg.AssetKey("prices"))
        assert event is not None
        assert event.asset_materialization is not None
        with pytest.raises(Exception, match=r"read-only transaction|permission denied"):
            instance.delete_run(finished.get_runs()[0].run_id)
    assert len(finished.get_runs()) == 1


def test_the_dashboard_reads_the_platforms_tables_and_changes_none(cluster: Cluster) -> None:
    migrate(cluster.url("crypto_assets", "crypto_assets"))
    url = cluster.url("dashboard", "crypto_assets")
    assert query(url, "SELECT count(*) FROM trades") == [(0,)]
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        connection.commit()
        for statement in ("DELETE FROM trades", "CREATE TABLE own (a int)", "CREATE ROLE other"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()


@pytest.mark.parametrize(("role", "database"), [("crypto_assets", "dagster"), ("dagster", "crypto_assets")])
def test_no_role_enters_anothers_database(cluster: Cluster, role: str, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(cluster.url(role, database))


def test_a_password_that_was_not_drawn_opens_nothing(cluster: Cluster) -> None:
    for role in ("postgres", "crypto_assets", "dagster", "dashboard"):
        for password in ("", role, "postgres", "password"):
            with pytest.raises(psycopg2.OperationalError):
                psycopg2.connect(host="127.0.0.1", port=cluster.port, user=role, password=password, dbname="postgres")


def test_old_events_go_and_what_was_materialized_stays(finished: dg.DagsterInstance, cluster: Cluster) -> None:
    url = cluster.url("dagster", "dagster")
    long_ago = datetime.now(UTC) - timedelta(days=200)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(asset_key) FROM event_logs")
        (all_before, of_assets) = cursor.fetchone() or (0, 0)
        cursor.execute(OLD_EVENTS.read_text(encoding="utf-8"))
        connection.commit()
        cursor.execute("SELECT count(*) FROM event_logs")
        assert cursor.fetchone() == (all_before,)  # none is old
        cursor.execute("UPDATE event_logs SET timestamp = %s", (long_ago,))
        cursor.execute(OLD_EVENTS.read_text(encoding="utf-8"))
        connection.commit()
        cursor.execute("SELECT count(*), count(asset_key) FROM event_logs")
        (all_after, of_assets_after) = cursor.fetchone() or (0, 0)
    assert of_assets_after == of_assets > 0
    assert 0 < all_after < all_before
    event = finished.get_latest_materialization_event(dg.AssetKey("prices"))
    assert event is not None
    check = dg.AssetCheckKey(dg.AssetKey("prices"), "positive")
    record = finished.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert record.event is not None
    (run,) = finished.get_runs()
    assert {"RUN_SUCCESS", "PIPELINE_SUCCESS"} & {
        entry.dagster_event.event_type_value for entry in finished.all_logs(run.run_id) if entry.dagster_event
    }
