"""What a service keeps: for one user only, and the same port from start to start."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from crypto_assets.ports import FIRST_PORT, LAST_PORT
from resources.services.folder import START, ServiceFolder


@pytest.fixture
def folder(tmp_path: Path) -> ServiceFolder:
    folder = ServiceFolder.of(tmp_path, "redis")
    folder.make()
    return folder


def test_folders_and_files_are_closed_to_other_users(folder: ServiceFolder) -> None:
    folder.secret("password")
    folder.ports(["port"])
    modes = {path.name: path.stat().st_mode & 0o777 for path in [folder.path.parent, *folder.path.rglob("*")]}
    assert modes == {"services": 0o700, "password.secret": 0o600, "ports.json": 0o600}
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_a_password_is_drawn_once(folder: ServiceFolder) -> None:
    password = folder.secret("password")
    assert len(password) >= 24
    assert folder.secret("password") == password
    assert folder.secret("superuser") != password


def test_a_port_is_remembered_and_lies_below_those_of_outgoing_connections(folder: ServiceFolder) -> None:
    ports = folder.ports(["port", "controller"])
    assert folder.ports(["port", "controller"]) == ports
    assert len(set(ports.values())) == 2
    assert all(FIRST_PORT <= port < LAST_PORT for port in ports.values())


def test_a_port_that_somebody_else_listens_on_is_drawn_anew(folder: ServiceFolder) -> None:
    first = folder.ports(["port", "controller"])
    with socket.create_server(("127.0.0.1", first["port"])):
        second = folder.ports(["port", "controller"])
    assert second["port"] != first["port"]
    assert second["controller"] == first["controller"]
    assert folder.ports(["port", "controller"]) == second


def test_a_long_log_is_begun_anew_and_the_old_one_kept(folder: ServiceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.services.folder.LOG_LIMIT_BYTES", 10)
    for _ in range(2):
        log = folder.open_log()
        os.write(log, b"longer than ten bytes")
        os.close(log)
    assert folder.log.read_text() == f"{START}longer than ten bytes"
    assert (folder.path / "log.1").read_text() == f"{START}longer than ten bytes"


def test_the_tail_of_a_log_is_its_last_lines_since_the_last_start(folder: ServiceFolder) -> None:
    folder.write("log", "\n".join(f"line {number}" for number in range(10_000)))
    assert folder.log_tail(lines=2) == "line 9998\nline 9999"
    log = folder.open_log()
    os.write(log, b"another start")
    os.close(log)
    assert folder.log_tail(lines=2) == "another start"
