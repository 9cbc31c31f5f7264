"""Embedded services: started, found again, repaired after every kind of end, stopped without a trace."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from crypto_assets.config import Settings
from crypto_assets.endpoints import (
    ProcessRecord,
    embedded_endpoint,
    kafka_servers,
    postgres_url,
    redis_url,
    service_folder,
)
from crypto_assets.errors import ServiceFailed
from crypto_assets_tests.waiting import wait_for
from resources.services.folder import ServiceFolder
from resources.services.manager import Services
from resources.services.process import family
from resources.services.service import Name

type MakeServices = Callable[..., Services]
SERVERS: tuple[Name, ...] = ("postgres", "redis", "kafka")


@pytest.fixture
def innocent() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with services."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def folder_of(services: Services, name: Name) -> ServiceFolder:
    return ServiceFolder.of(services.settings.data_dir, name)


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def create_topic(servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1)])[topic].result(timeout=10)


def produce(servers: str, topic: str, values: list[str]) -> None:
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(10) == 0


def consume(servers: str, topic: str, *, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen: list[str] = []
    try:
        wait_for(
            lambda: seen.extend(m.value().decode() for m in consumer.consume(count, 1.0) if not m.error()) or seen,
            until=lambda seen: len(seen) >= count,
            deadline_s=30,
        )
    finally:
        consumer.close()
    return seen


def test_each_server_answers_at_its_endpoint(kafka: str, redis_server: str, postgres: str) -> None:
    assert AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=30).brokers
    assert redis.Redis.from_url(redis_server).ping()
    assert query(postgres, "SELECT current_user::text, current_database()::text") == [("crypto_assets",) * 2]


def test_a_second_start_leaves_what_runs(services: Services, kafka: str, redis_server: str, postgres: str) -> None:
    before = {status.name: (status.pid, status.since) for status in services.status(SERVERS)}
    told: list[tuple[str, str]] = []
    services.start(SERVERS, progress=lambda name, doing: told.append((name, doing)))
    assert {status.name: (status.pid, status.since) for status in services.status(SERVERS)} == before
    assert {name for name, doing in told if doing.startswith("ready 127.0.0.1:")} == set(SERVERS)


def test_another_program_finds_them(services: Services, kafka: str, redis_server: str, postgres: str) -> None:
    others = Services(services.settings, environment={}).status(SERVERS)
    assert others == services.status(SERVERS)
    assert [status.state for status in others] == ["running"] * 3


def test_a_killed_postgres_comes_back_on_its_port_with_its_rows(services: Services, postgres: str) -> None:
    query(postgres, "CREATE TABLE IF NOT EXISTS survives (number int)")
    query(postgres, "INSERT INTO survives VALUES (1)")
    services.kill("postgres")
    assert [status.state for status in services.status(["postgres"])] == ["ended by itself"]
    services.start(["postgres"])
    assert query(postgres_url(services.settings), "SELECT number FROM survives") == [(1,)]
    assert postgres_url(services.settings) == postgres


def test_a_killed_kafka_comes_back_on_its_port_with_its_messages(services: Services, kafka: str) -> None:
    values = [f"message {number}" for number in range(1_000)]
    create_topic(kafka, "survives")
    produce(kafka, "survives", values)
    services.kill("kafka")
    services.start(["kafka"])
    assert kafka_servers(services.settings) == kafka
    assert consume(kafka, "survives", count=1_000) == values


def test_a_killed_redis_comes_back_empty_on_its_port(services: Services, redis_server: str) -> None:
    redis.Redis.from_url(redis_server).set("key", "value")
    services.kill("redis")
    services.start(["redis"])
    assert redis_url(services.settings) == redis_server
    assert redis.Redis.from_url(redis_server).get("key") is None


def test_a_lock_file_of_a_killed_postgres_whose_number_another_program_has_does_not_stop_it(
    services: Services, postgres: str, innocent: subprocess.Popen[bytes]
) -> None:
    services.kill("postgres")
    lock = folder_of(services, "postgres").path / "data" / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(innocent.pid), *lines[1:]]) + "\n")
    services.start(["postgres"])
    assert query(postgres, "SELECT 1") == [(1,)]
    assert innocent.poll() is None


def test_a_process_that_has_the_number_of_an_ended_service_is_left_alone(
    make_services: MakeServices, tmp_path: Path, innocent: subprocess.Popen[bytes]
) -> None:
    services = make_services(tmp_path)
    services.start(["redis"])
    services.kill("redis")
    record = folder_of(services, "redis").record
    assert record is not None
    folder_of(services, "redis").write_record(ProcessRecord(innocent.pid, record.created, record.ports))
    assert [status.state for status in services.status(["redis"])] == ["ended by itself"]
    services.kill("redis")
    services.stop(["redis"])
    assert innocent.poll() is None
    services.start(["redis"])
    assert innocent.poll() is None
    assert services.status(["redis"])[0].pid != innocent.pid


def test_a_server_that_nobody_remembers_is_ended_before_the_next_one_starts(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    services.start(["redis"])
    first = services.process("redis")
    assert first is not None
    folder_of(services, "redis").remove_record()
    services.start(["redis"])
    assert not first.is_running() or first.status() == psutil.STATUS_ZOMBIE
    assert redis.Redis.from_url(redis_url(services.settings)).ping()


def test_a_port_that_was_taken_meanwhile_is_given_up_and_the_new_one_published(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    services.start(["postgres"])
    services.stop(["postgres"])
    port = folder_of(services, "postgres").known_ports()["port"]
    with socket.create_server(("127.0.0.1", port)):
        services.start(["postgres"])
        assert f":{port}/" not in postgres_url(services.settings)
        assert query(postgres_url(services.settings), "SELECT 1") == [(1,)]


def test_a_service_that_fails_is_named_with_its_log_and_the_others_run(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    services.start(["postgres"])
    services.stop(["postgres"])
    with (service_folder(tmp_path, "postgres") / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write("no_such_parameter = 1\n")
    with pytest.raises(ServiceFailed) as failure:
        services.start(["postgres", "redis"])
    sentences = str(failure.value)
    assert "postgres did not start: it ended with status 1" in sentences
    assert f"Its log, {service_folder(tmp_path, 'postgres') / 'log'}, ends with" in sentences
    assert 'unrecognized configuration parameter "no_such_parameter"' in sentences
    assert [status.state for status in services.status(["postgres", "redis"])] == ["ended by itself", "running"]


def test_what_needs_a_service_that_failed_is_not_started(make_services: MakeServices, tmp_path: Path) -> None:
    elsewhere = {"kafka_bootstrap_servers": "127.0.0.1:1", "postgres_url": "postgresql://127.0.0.1:1/x"}
    services = make_services(tmp_path, **elsewhere)
    service_folder(tmp_path, "redis").mkdir(parents=True)
    (service_folder(tmp_path, "redis") / "redis.conf").mkdir()  # cannot be written then
    with pytest.raises(ServiceFailed, match=r"(?s)redis did not start: .*processor was not started: it needs redis"):
        services.start(["processor"])


def test_stopping_leaves_data_but_no_process_and_no_endpoint(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path)
    services.start(["postgres", "redis"])
    query(postgres_url(services.settings), "CREATE TABLE kept AS SELECT 1 AS number")
    held = psycopg2.connect(postgres_url(services.settings))  # a client that stays must not hold it up
    services.stop()
    held.close()
    for name in ("postgres", "redis"):
        assert family(folder_of(services, name)) == []
        assert embedded_endpoint(tmp_path, name) is None
    assert {status.state for status in services.status()} == {"down", "on demand"}
    services.start(["postgres"])
    assert query(postgres_url(services.settings), "SELECT number FROM kept") == [(1,)]


def test_a_server_that_hangs_is_killed_by_a_stop(
    make_services: MakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.services.redis.Redis.grace_s", 0.2)
    services = make_services(tmp_path)
    services.start(["redis"])
    process = services.process("redis")
    assert process is not None
    process.suspend()
    assert [status.state for status in services.status(["redis"])] == ["does not answer"]
    services.stop(["redis"])
    assert family(folder_of(services, "redis")) == []


def test_files_are_closed_to_other_users(services: Services, kafka: str, redis_server: str, postgres: str) -> None:
    root = services.settings.data_dir / "services"
    open_files = [
        path for name in SERVERS for path in (root / name).iterdir() if path.is_file() and path.stat().st_mode & 0o077
    ]
    assert open_files == []
    assert [folder.stat().st_mode & 0o077 for folder in (root, *(root / name for name in SERVERS))] == [0] * 4


def test_passwords_are_in_no_log_no_command_and_no_status(
    services: Services, kafka: str, redis_server: str, postgres: str
) -> None:
    secrets = list(services.settings.data_dir.glob("services/*/*.secret"))
    assert len([path for path in secrets if path.parent.name in SERVERS]) == 3
    passwords = [path.read_text() for path in secrets]  # those of services that other tests have started, too
    logs = [path.read_text() for path in services.settings.data_dir.glob("services/*/log")]
    commands = [" ".join(process.cmdline()) for name in SERVERS for process in family(folder_of(services, name))]
    shown = "\n".join([*logs, *commands, *map(str, services.status())])
    assert commands
    assert [password for password in passwords if password in shown] == []


def test_a_wrong_password_is_refused(services: Services, redis_server: str, postgres: str) -> None:
    port = folder_of(services, "redis").known_ports()["port"]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).ping()
    for user in ("crypto_assets", "postgres"):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(postgres, user=user, password="wrong")


def test_a_message_to_a_topic_that_nobody_made_makes_none(kafka: str) -> None:
    refused: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka, "message.timeout.ms": 1_000, "log_level": 0})
    producer.produce("nobody-made-it", "value", on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(20) == 0
    assert refused[0] is not None
    assert "nobody-made-it" not in AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=30).topics


def test_servers_listen_on_this_machine_only(services: Services, kafka: str, redis_server: str, postgres: str) -> None:
    processes = [services.process(name) for name in SERVERS]
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in processes
        if process is not None
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_one_that_a_variable_names_is_not_started(
    make_services: MakeServices, tmp_path: Path, redis_server: str
) -> None:
    services = make_services(tmp_path, redis_url=redis_server, exchange="binance")
    told: dict[str, str] = {}
    services.start(["redis", "simulator"], progress=told.__setitem__)
    assert told == {"redis": "not started: REDIS_URL is set", "simulator": "not started: EXCHANGE=binance"}
    assert [(status.state, status.is_well) for status in services.status(["redis"])] == [("elsewhere", True)]
    assert not service_folder(tmp_path, "redis").exists()


def test_an_outside_server_that_does_not_answer_is_not_well(make_services: MakeServices, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        services = make_services(
            tmp_path,
            redis_url=f"redis://{place}",
            postgres_url=f"postgresql://{place}/x",
            kafka_bootstrap_servers=place,
        )
        statuses = services.status(SERVERS)
    assert [(status.state, status.is_well) for status in statuses] == [("does not answer", False)] * 3


ATTACHED = """
import signal, sys, threading
from pathlib import Path
from crypto_assets.config import Settings
from resources.services.manager import Services
services = Services(Settings.model_validate({"data_dir": Path(sys.argv[1])}), attached=True)
thread = threading.Thread(target=services.start, args=(["postgres", "redis"],))
thread.start()
thread.join()
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_attached_services_outlive_the_thread_that_started_them_and_end_with_the_program(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    program = subprocess.Popen([sys.executable, "-c", ATTACHED, str(tmp_path)], stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    assert [status.state for status in services.status(["postgres", "redis"])] == ["running"] * 2
    program.send_signal(signal.SIGKILL)
    program.communicate()
    wait_for(
        lambda: family(folder_of(services, "postgres")) + family(folder_of(services, "redis")),
        until=lambda processes: processes == [],
        deadline_s=20,
    )


def test_programs_that_start_the_same_services_at_once_start_them_once(
    make_services: MakeServices, tmp_path: Path
) -> None:
    several = [make_services(tmp_path) for _ in range(3)]
    failures: list[BaseException] = []

    def start(services: Services) -> None:
        try:
            services.start(["postgres", "redis"])
        except ServiceFailed as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(services,)) for services in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(family(folder_of(several[0], "redis"))) == 1
    assert len({services.status(["postgres"])[0].pid for services in several}) == 1


def test_programs_of_the_project_are_told_just_the_settings_of_their_services(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "symbols": "BTCUSDT,ETHUSDT", "simulator_seed": 9})
    given = {"PATH": os.environ["PATH"], "REDIS_URL": "redis://elsewhere", "OTHER": "kept", "symbols": "XRPUSDT"}
    environment = Services(settings, environment=given)._services["collector"].program_environment()
    assert environment["SYMBOLS"] == "BTCUSDT,ETHUSDT"
    assert environment["SIMULATOR_SEED"] == "9"
    assert environment["OTHER"] == "kept"
    assert not {"REDIS_URL", "symbols"} & set(environment)
