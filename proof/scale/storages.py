"""Where the instance that is measured keeps what it knows: SQLite as by default, PostgreSQL as a deployment has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import yaml

from bench.workspace import embedded
from crypto_assets.config import Settings, variables_of
from crypto_assets.dagster_home import PROJECT
from crypto_assets.endpoints import postgres_url
from proof.scale.event_log import EventLog, postgres_log, sqlite_log
from resources.services.folder import ServiceFolder

DATABASE = "dagster_at_scale"


@dataclass(frozen=True, slots=True)
class Storage:
    """A DAGSTER_HOME, and what it holds."""

    home: Path
    log: Callable[[], EventLog]


@contextmanager
def sqlite_storage(settings: Settings) -> Generator[Storage]:
    """In the folder of the settings; this process has their environment while the context lasts."""
    home = _home(settings.data_dir, {})
    with _environment(settings, home):
        yield Storage(home, lambda: sqlite_log(home))


@contextmanager
def postgres_storage(settings: Settings) -> Generator[Storage]:
    """In a database of an embedded server, which ends with the context."""
    with embedded(settings.data_dir, ["postgres"]) as served:
        url = _database(served)
        driver = f"postgresql+psycopg2://{url.partition('://')[2]}"
        home = _home(settings.data_dir, {"storage": {"postgres": {"postgres_url": driver}}})
        with _environment(settings, home):
            yield Storage(home, lambda: postgres_log(url))


STORAGES = {"sqlite": sqlite_storage, "postgres": postgres_storage}


def _home(data_dir: Path, more: dict[str, object]) -> Path:
    home = data_dir / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    values = yaml.safe_load((PROJECT / "dagster.yaml").read_text()) | more
    (home / "dagster.yaml").write_text(yaml.safe_dump(values))
    return home


def _database(settings: Settings) -> str:
    url = urlsplit(postgres_url(settings))
    password = ServiceFolder.of(settings.data_dir, "postgres").secret("superuser")
    admin = url._replace(netloc=f"postgres:{password}@{url.hostname}:{url.port}", path="/postgres").geturl()
    with closing(psycopg2.connect(admin)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {url.username}")
    return url._replace(path=f"/{DATABASE}").geturl()


@contextmanager
def _environment(settings: Settings, home: Path) -> Generator[None]:
    before = dict(os.environ)
    known = {name.upper() for name in Settings.model_fields}
    for name in known & set(before):
        del os.environ[name]
    os.environ.update({**variables_of(settings), "DAGSTER_HOME": str(home)})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
