"""Services by their names, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets_tests.cli.conftest import Command


def test_services_are_started_shown_and_stopped(run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    try:
        assert run("up", "redis").status == 0
        (shown,) = run("status", "redis", "--json").json
        assert (shown["name"], shown["state"], shown["is_well"]) == ("redis", "running", True)
        table = run("status", "redis")
        assert table.status == 0
        assert "redis" in table.out
    finally:
        assert run("down", "redis").status == 0
    stopped = run("status", "redis", "--json")
    assert (stopped.status, stopped.json[0]["state"]) == (1, "down")


@pytest.mark.parametrize("action", ["up", "down", "status"])
def test_a_service_that_there_is_not_is_refused(run: Command, action: str) -> None:
    assert run(action, "nothing").status == 2
