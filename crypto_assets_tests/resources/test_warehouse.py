"""What assets of the warehouse are handed: the stand-ins start at their first use, and say so."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.errors import ConfigurationError
from crypto_assets.warehouse.facts import time_dimension
from crypto_assets.warehouse.tables import DIM_TIME
from crypto_assets_tests.services import NAMED, service_settings
from resources.services.manager import Services
from resources.services.redshift_standin.database import STAND_IN_ROLE
from resources.warehouse import WarehouseResource, redshift_resource

DAY = date(2024, 8, 8)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Folder of services that nobody has started; those that are started there are stopped."""
    for name in NAMED:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    yield tmp_path
    Services(service_settings(tmp_path)).stop()


@dg.asset
def stored(warehouse: WarehouseResource) -> None:
    for _ in range(2):
        warehouse.store.publish(DIM_TIME, DAY, time_dimension(DAY))


@dg.asset
def counted(warehouse: WarehouseResource) -> dg.MaterializeResult:
    rows = warehouse.redshift().execute_query("SELECT 40 + 2", fetch_results=True)
    return dg.MaterializeResult(metadata={"found": str(rows), "role": warehouse.role})


@pytest.mark.usefixtures("data_dir")
def test_the_embedded_services_start_at_their_first_use_and_the_log_of_the_run_tells_of_it() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([stored, counted], instance=instance, resources={"warehouse": WarehouseResource()})
        logged = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert result.success
    for service in ("s3", "redshift"):
        assert len([text for text in logged if text.startswith(f"{service} ready")]) == 1
    (found,) = result.asset_materializations_for_node("counted")
    assert found.metadata["found"].value == "[(42,)]"
    assert found.metadata["role"].value == STAND_IN_ROLE


@pytest.mark.usefixtures("data_dir")
def test_redshift_itself_is_not_loaded_without_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://u:secret@cluster.example:5439/dev")
    with pytest.raises(ConfigurationError, match="REDSHIFT_IAM_ROLE is not set"):
        _ = WarehouseResource().role


def test_an_address_that_is_none_is_a_sentence_without_the_password() -> None:
    with pytest.raises(ConfigurationError) as failed:
        redshift_resource("postgresql://u:sec ret@host:x/dev")
    assert "WAREHOUSE_URL cannot be read" in str(failed.value)
    assert "sec ret" not in str(failed.value)


def test_a_connection_is_encrypted_unless_the_url_says_otherwise() -> None:
    url = "postgresql://u:p@cluster.example:5439/dev"
    assert redshift_resource(url).sslmode == "require"
    assert redshift_resource(f"{url}?sslmode=verify-full").sslmode == "verify-full"
    assert redshift_resource(url, embedded=True).sslmode == "disable"
