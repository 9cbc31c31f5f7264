"""After a whole run, and after one where every password is wrong, no secret stands anywhere but in its own file."""

from __future__ import annotations

import base64
import json
import os
import secrets
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import dagster as dg
import psutil
import pytest

from crypto_assets.config import Settings
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.endpoints import S3Endpoint, postgres_url, redis_url, s3_endpoint
from crypto_assets.lake.files import Files
from crypto_assets.processes import end_children
from crypto_assets_tests.services import NAMED
from crypto_assets_tests.waiting import wait_for
from resources.services.manager import Services

pytestmark = pytest.mark.timeout(900)  # whole runs of several jobs

DAY = "2024-08-01"
KEPT_IN = (".secret", "endpoint.json", "redis.conf", "s3proxy.properties", ".key", ".db-journal")
"""Files that are there to hold secrets, readable by their user only."""


def marked(what: str) -> str:
    """A secret with what a URL must write otherwise."""
    return f"marked-{what}/+ {secrets.token_urlsafe(12)}"


class Searched:
    """Texts that were looked through for secrets, and where one was found."""

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self.forms = {name: _forms(secret) for name, secret in wanted.items()}
        self.bytes = 0
        self.found: list[str] = []

    def look(self, where: str, text: str | bytes) -> None:
        raw = text.encode() if isinstance(text, str) else text
        self.bytes += len(raw)
        self.found += [f"{name} in {where}" for name, forms in self.forms.items() if any(form in raw for form in forms)]


def _forms(secret: str) -> set[bytes]:
    """As it is, quoted for a URL and for JSON, and in base64 after any number of other bytes."""
    forms = {form.encode() for form in (secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1])}
    for before in range(3):
        # Four characters stand for three bytes: at both ends some stand for bytes of the secret and others.
        encoded = base64.b64encode(b"\0" * before + secret.encode() + b"\0\0")
        whole = encoded[4 * (before > 0) : (before + len(secret.encode())) // 3 * 4]
        forms |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def test_the_search_finds_every_form_of_a_secret() -> None:
    secret = marked("example")
    for carried in (
        secret,
        quote(secret, safe=""),
        base64.b64encode(f"me:{secret}".encode()).decode(),
        *(base64.urlsafe_b64encode(f"{user}:{secret}!".encode()).decode() for user in ("a", "me", "any")),
        json.dumps({"password": secret}),
    ):
        searched = Searched({"example": secret})
        searched.look("a log", f"before {carried} after")
        assert searched.found == ["example in a log"], carried


class World:
    """Services, a home of Dagster, and all that was printed."""

    def __init__(self, folder: Path, settings: Settings, s3: S3Endpoint) -> None:
        self.folder, self.settings = folder, settings
        self.home = prepare_dagster_home(folder, environment={})
        self.printed: dict[str, str] = {}
        self.commands: set[str] = set()
        self.drawn = {
            str(path.relative_to(settings.data_dir)): path.read_text().strip()
            for path in settings.data_dir.glob("services/*/*.secret")
        }
        self.marked = {name: marked(name) for name in ("webhook", "smtp", "kafka", "registry", "google")}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.lower() not in NAMED},
            "DATA_DIR": str(settings.data_dir),
            "DAGSTER_HOME": str(self.home),
            "SYMBOLS": "BTCUSDT",
            "PARTITIONS_START": "2024-07-25",
            "LAKE_URI": "s3://crypto-assets/leaks",
            "AWS_ENDPOINT_URL": s3.url or "",
            "AWS_ACCESS_KEY_ID": s3.access_key or "",
            "AWS_SECRET_ACCESS_KEY": s3.secret_key or "",
            "AWS_DEFAULT_REGION": s3.region or "",
            "ALERT_WEBHOOK_URL": f"http://127.0.0.1:1/services/{quote(self.marked['webhook'], safe='')}",
            "ALERT_SMTP_URL": f"smtp://me:{quote(self.marked['smtp'], safe='')}@127.0.0.1:1",
            "ALERT_EMAIL_FROM": "platform@example.com",
            "ALERT_EMAIL_TO": "people@example.com",
            "SCHEMA_REGISTRY_USERNAME": "platform",
            "SCHEMA_REGISTRY_PASSWORD": self.marked["registry"],
            "GOOGLE_SERVICE_ACCOUNT_JSON": json.dumps({"private_key": self.marked["google"]}),
        }

    @property
    def kafka(self) -> dict[str, str]:
        """A broker that nobody reaches, and what would be shown there."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_USERNAME": "platform",
            "KAFKA_SASL_PASSWORD": self.marked["kafka"],
        }

    def run(self, *command: str, **environment: str) -> str:
        """What a program of the project prints; it may fail."""
        given = {**self.environment, **environment}
        with _watched(self.commands):
            done = subprocess.run(
                [sys.executable, "-m", *command], env=given, capture_output=True, text=True, timeout=280, check=False
            )
        said = done.stdout + done.stderr
        self.printed[f"{len(self.printed)} {' '.join(command)[:60]}"] = said
        return said

    def run_until_told(self, *modules: str, **environment: str) -> None:
        """Programs that go on until they are ended: each until it has said of something that it does not answer."""
        children: list[subprocess.Popen[bytes]] = []
        for module in modules:
            with (self.folder / f"{module}.log").open("wb") as log:
                given = {**self.environment, **environment}
                children.append(subprocess.Popen([sys.executable, "-m", module], env=given, stdout=log, stderr=log))
        try:
            for module, child in zip(modules, children, strict=True):
                log = self.folder / f"{module}.log"
                wait_for(lambda log=log, child=child: log.stat().st_size or child.poll(), until=bool, deadline_s=120)
        finally:
            end_children(children)

    def search(self, wanted: Mapping[str, str]) -> Searched:
        searched = Searched(wanted)
        for what, text in self.printed.items():
            searched.look(what, text)
        for command in self.commands:
            searched.look("a command line", command)
        for folder in (self.settings.data_dir, self.folder):
            for path in folder.rglob("*"):
                if not path.is_file() or _is_data(path.relative_to(folder)):
                    continue
                if path.name.endswith(KEPT_IN):
                    assert stat.S_IMODE(path.stat().st_mode) == 0o600, f"others may read {path}"
                else:
                    # Kafka makes an index 10 MB long before anything is in it.
                    searched.look(str(path.relative_to(folder)), path.read_bytes().rstrip(b"\0"))
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            for run in instance.get_runs():
                searched.look("a run's configuration", f"{run.run_config} {run.tags}")
                for entry in instance.all_logs(run.run_id):
                    searched.look("an event of Dagster", f"{entry}")
        return searched


def _is_data(path: Path) -> bool:
    """PostgreSQL's and S3's own files: roles are hashed there, and what was stored is asked for through S3."""
    return path.parts[:3] == ("services", "postgres", "data") or path.parts[:3] == ("services", "s3", "objects")


@contextmanager
def _watched(commands: set[str]) -> Iterator[None]:
    """Keeps the command lines of all that runs meanwhile below this process."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    commands.add(" ".join(process.cmdline()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, services: Services, live_settings: Settings) -> World:
    services.start(["postgres", "redis", "s3", "redshift"])
    return World(tmp_path_factory.mktemp("leaks"), live_settings, s3_endpoint(live_settings))


def test_a_whole_run_tells_no_secret(world: World) -> None:
    said = world.run(
        "crypto_assets_tests.security.full_run",
        f"health health_report {DAY}",
        f"speed daily_summary {DAY}",
        f"warehouse dim_time,redshift_dim_time {DAY}",
    )
    assert said.count("succeeded") == 3, said[-3_000:]
    world.run("crypto_assets.alerts", "--once")
    world.run("resources.services", "status")
    searched = world.search(world.drawn | world.marked | {"S3": world.environment["AWS_SECRET_ACCESS_KEY"]})
    for name in _stored(world):
        searched.look(*name)
    assert searched.found == []
    assert len(world.commands) >= 2
    assert searched.bytes > 100_000


def _stored(world: World) -> Iterator[tuple[str, bytes]]:
    """Everything in the lake and among the warehouse's files."""
    given = {
        "client_kwargs": {"endpoint_url": world.environment["AWS_ENDPOINT_URL"], "region_name": "us-east-1"},
        "key": world.environment["AWS_ACCESS_KEY_ID"],
        "secret": world.environment["AWS_SECRET_ACCESS_KEY"],
    }
    files = Files("s3://crypto-assets", storage_options=given)
    names = files.names("")
    assert names
    for name in names:
        yield name, files.read(name) or b""


def test_where_every_password_is_wrong_the_errors_tell_none(world: World) -> None:
    postgres, redis_server = postgres_url(world.settings), redis_url(world.settings)
    wrong = {name: marked(name) for name in ("postgres", "redis", "redshift", "S3")}
    quoted = {name: quote(secret, safe="") for name, secret in wrong.items()}
    place = urlsplit(postgres)
    refused = f"postgresql://me:{quoted['redshift']}@127.0.0.1:1/warehouse"
    said = world.run(
        "crypto_assets_tests.security.full_run",
        f"health health_report {DAY}",
        f"speed daily_summary {DAY}",
        f"warehouse redshift_dim_time {DAY}",
        POSTGRES_URL=place._replace(netloc=f"{place.username}:{quoted['postgres']}@127.0.0.1:{place.port}").geturl(),
        REDIS_URL=f"redis://:{quoted['redis']}@127.0.0.1:{urlsplit(redis_server).port}/0",
        WAREHOUSE_URL=refused,
        REDSHIFT_IAM_ROLE="arn:aws:iam::123456789012:role/reads",
        AWS_SECRET_ACCESS_KEY=wrong["S3"],
    )
    assert said.count("failed") >= 3, said[-3_000:]
    away = {"REDIS_URL": f"redis://:{quoted['redis']}@127.0.0.1:1/0", "POSTGRES_URL": refused, **world.kafka}
    world.run_until_told("crypto_assets.stream.collector", "crypto_assets.stream.forecaster", **away)
    assert world.search(wrong | world.drawn | world.marked).found == []
