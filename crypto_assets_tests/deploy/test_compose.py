"""docker-compose.yml and .env.example: valid, closed to the outside, without secrets, in step with the settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from crypto_assets.config import Settings
from crypto_assets_tests.deploy.composed import COMPOSE, OURS, ROOT, Missing, environment, raw_text, services

EXAMPLE = ROOT / ".env.example"
PAGES = {"webserver": "127.0.0.1:3000:3000", "dashboard": "127.0.0.1:8501:8501"}
ONCE = {"bucket"}
"""Services that end when they are done."""
MEANT_UNSET: dict[str, str] = {
    "replay_uri": "recordings are replayed by hand",
    "binance_archive_url": "of Binance itself",
    "hive_metastore_uri": "Derby below DATA_DIR serves the one container that uses Hive",
    "warehouse_url": "Redshift reads AWS's S3 only: docs/aws.md",
    "redshift_iam_role": "likewise",
    "schema_registry_url": "the project's own schemas",
    "schema_registry_username": "likewise",
    "schema_registry_password": "likewise",
    "schema_registry_ca_file": "likewise",
    "kafka_ssl_ca_file": "no TLS inside the network that leads nowhere",
    "kafka_ssl_certificate_file": "likewise",
    "kafka_ssl_key_file": "likewise",
    "kafka_ssl_key_password": "likewise",
    "google_sheets_url": "Google's own",
    "google_application_credentials": "the key's content is given instead of a file",
    "simulator_speed": "the market keeps time",
    "landing_replication": "HDFS's own setting, 1",
    "spark_tasks": "the worker's cores",
    "spark_ui": "no page",
}
OF_OTHERS = re.compile(
    r"POSTGRES_(PASSWORD|INITDB_ARGS)|(PLATFORM|DAGSTER|DASHBOARD)_PASSWORD|REDIS_PASSWORD|(PLATFORM|DASHBOARD)_SECRET_KEY"
    r"|KAFKA_(?!SASL_(MECHANISM|USERNAME|PASSWORD)$|SECURITY_PROTOCOL$|BOOTSTRAP_SERVERS$|SSL_)\w+|CLUSTER_ID"
    r"|AWS_(ENDPOINT_URL|REGION|ACCESS_KEY_ID|SECRET_ACCESS_KEY)|HADOOP_USER_NAME"
    r"|DAGSTER_(POSTGRES_URL|LOGS)|SPARK_(CONF_DIR|SECRET|DAEMON_MEMORY)"
)
"""Variables that PostgreSQL's, Kafka's and Redis' images, boto3, Hadoop, Spark, or files in deploy/ read."""
FOR_COMPOSE = {"COMPOSE_PROFILES", "CRYPTO_ASSETS_VERSION"}


@pytest.fixture(scope="module")
def composed(drawn: dict[str, str]) -> Any:
    return services(drawn)


def test_the_file_is_valid_by_the_published_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_runs_our_image_is_what_the_tests_run(composed: Any) -> None:
    assert {n for n, s in composed.items() if s["image"].startswith("crypto-assets:")} == set(OURS)
    assert set(composed) - set(OURS) == {"postgres", "redis", "kafka", "s3"}


def test_every_image_has_an_exact_version(composed: Any) -> None:
    images = {service["image"] for service in composed.values()}
    assert [image for image in images if not re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-\w+)?", image)] == []


def test_nothing_runs_as_root_or_gains_rights(composed: Any) -> None:
    for name, service in composed.items():
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"privileged", "cap_add"} & set(service) == set(), name


def test_only_kafkas_root_can_be_written_to(composed: Any) -> None:
    assert {name for name, service in composed.items() if not service.get("read_only")} == {"kafka"}


def test_every_service_has_limits_logs_that_end_and_a_check(composed: Any) -> None:
    for name, service in composed.items():
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}, name
        assert service["logging"]["options"]["max-size"], name
        assert service["restart"] == ("on-failure:5" if name in ONCE else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in ONCE | {"alerts"}), name


def test_only_the_pages_are_published_and_only_to_this_machine(composed: Any) -> None:
    assert {n: s["ports"] for n, s in composed.items() if "ports" in s} == {n: [p] for n, p in PAGES.items()}


def test_only_who_has_to_leaves_the_machine(composed: Any) -> None:
    networks = yaml.safe_load(raw_text())["networks"]
    assert networks["services"]["internal"] is True
    assert {name for name, service in composed.items() if "outside" in service["networks"]} == {
        *("code", "collector", "alerts")
    }
    assert all("services" in service["networks"] for service in composed.values())


def test_named_volumes_and_mounted_files_exist(composed: Any) -> None:
    named = set(yaml.safe_load(raw_text())["volumes"])
    used: set[str] = set()
    for service in composed.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).is_file(), volume
                assert volume.endswith(":ro"), volume
            else:
                used.add(source)
    assert used == named


def test_driver_and_executors_see_one_folder_of_state_and_all_watchers_one_ledger(composed: Any) -> None:
    assert {n for n, s in composed.items() if "code:/data" in s.get("volumes", [])} == {"code", "spark-worker"}
    writers = {n for n, s in composed.items() if "alerts:/data/alerts" in s.get("volumes", [])}
    readers = {n for n, s in composed.items() if "alerts:/data/alerts:ro" in s.get("volumes", [])}
    assert (writers, readers) == ({"code", "alerts"}, {"dashboard", "exporter"})


def test_who_is_waited_for_exists_and_can_say_that_it_is_ready(composed: Any) -> None:
    for name, service in composed.items():
        for other, wait in service.get("depends_on", {}).items():
            if wait["condition"] == "service_completed_successfully":
                assert other in ONCE, name
            else:
                assert wait["condition"] == "service_healthy", name
                assert "healthcheck" in composed[other], name
            assert "profiles" not in composed[other] or wait["required"] is False, name


def test_files_of_the_image_that_are_named_exist(composed: Any) -> None:
    named = set(re.findall(r"/opt/crypto-assets/(deploy/[\w./-]+)", raw_text()))
    assert named
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_without_secrets_nothing_starts_and_the_message_says_what_to_do(drawn: dict[str, str]) -> None:
    secrets = [name for name, value in drawn.items() if re.fullmatch(r"[0-9a-f]{24}", value)]
    assert len(secrets) == 10
    for name in secrets:
        for left in ({n: v for n, v in drawn.items() if n != name}, {**drawn, name: ""}):
            with pytest.raises(Missing, match=rf"{name}: draw it as \.env\.example says"):
                services(left)


def test_the_example_holds_no_secret_and_the_file_no_default_of_one() -> None:
    lines = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if re.match(r"[A-Z]", line)]
    assert [line for line in lines if "PASSWORD" in line or "SECRET" in line] == [
        line for line in lines if line.endswith("=")
    ]
    for name, operator in re.findall(r"\$\{(\w*(?:PASSWORD|SECRET)\w*)(.{0,2})", raw_text()):
        assert operator == ":?", name


def test_no_secret_of_another_service_is_handed_out(composed: Any, drawn: dict[str, str]) -> None:
    holders = {
        name: {s for s in composed if drawn[name] in str(composed[s])}
        for name in drawn
        if re.fullmatch(r"[0-9a-f]{24}", drawn[name])
    }
    assert holders["POSTGRES_SUPERUSER_PASSWORD"] == {"postgres"}
    assert holders["SPARK_SECRET"] == {"spark-master", "spark-worker", "code"}
    platform = ("POSTGRES_PASSWORD", "DAGSTER_POSTGRES_PASSWORD", "REDIS_PASSWORD", "S3_SECRET_KEY")
    assert [name for name in platform if {"dashboard", "exporter"} & holders[name]] == []
    assert "collector" not in holders["POSTGRES_PASSWORD"] | holders["S3_SECRET_KEY"]
    assert holders["DAGSTER_POSTGRES_PASSWORD"] == {"postgres", "code", "webserver", "daemon", "alerts"}


@pytest.mark.parametrize(("profile", "exchange"), [("simulator", "simulator"), ("", "binance")])
def test_simulated_data_can_never_be_called_binances(drawn: dict[str, str], profile: str, exchange: str) -> None:
    for name, service in services({**drawn, "COMPOSE_PROFILES": profile, "EXCHANGE": "binance"}).items():
        given = service.get("environment") or {}
        if "EXCHANGE" not in given:
            continue
        assert given["EXCHANGE"] == exchange, name
        urls = [given[f"BINANCE_{which}_URL"] for which in ("ARCHIVE", "SPOT_REST", "FUTURES_REST")]
        urls += [given[f"BINANCE_{which}_URL"] for which in ("SPOT_WS", "FUTURES_WS")]
        assert [bool(url) for url in urls] == [exchange == "simulator"] * 5, name
        assert bool(given.get("CAPTURE_URI")) == (name == "code" and exchange == "simulator"), name


def test_each_programs_variables_make_settings(composed: Any, drawn: dict[str, str], tmp_path: Path) -> None:
    for name in OURS:
        given = {n.lower(): v for n, v in environment(composed[name], drawn).items()}
        fields = {n: v for n, v in given.items() if n in Settings.model_fields} | {"data_dir": tmp_path}
        assert Settings.model_validate(fields).data_dir == tmp_path, name


def test_every_variable_is_a_setting_or_known_to_be_anothers(composed: Any, drawn: dict[str, str]) -> None:
    unknown = {
        (service, name)
        for service, described in composed.items()
        for name in described.get("environment") or {}
        if name.lower() not in Settings.model_fields and not OF_OTHERS.fullmatch(name)
    }
    assert unknown == set()


def test_every_setting_is_set_or_meant_to_be_unset(composed: Any) -> None:
    given = {name.lower() for service in composed.values() for name in service.get("environment") or {}}
    settings = set(Settings.model_fields)
    assert settings - given - set(MEANT_UNSET) == set(), "set it in docker-compose.yml, or say why not"
    assert set(MEANT_UNSET) & given - {"binance_archive_url"} == set()


def test_the_example_names_what_the_file_reads_and_nothing_else() -> None:
    read = set(re.findall(r"\$\{([A-Z_0-9]+)", raw_text())) | set(re.findall(r"^ +([A-Z_0-9]+):$", raw_text(), re.M))
    offered = set(re.findall(r"^#? ?([A-Z][A-Z_0-9]+)=", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE))
    assert offered == read | FOR_COMPOSE
