"""The folder of Dagster's runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from crypto_assets.dagster_home import PROJECT, prepare_dagster_home


def test_the_default_folder_follows_the_projects_instance_file(tmp_path: Path) -> None:
    home = prepare_dagster_home(tmp_path, environment={})
    assert home == tmp_path / "dagster"
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    prepare_dagster_home(tmp_path, environment={})
    assert (home / "dagster.yaml").read_text() == (PROJECT / "dagster.yaml").read_text()


def test_a_folder_that_the_environment_names_keeps_its_instance_file(tmp_path: Path) -> None:
    own = "telemetry: {enabled: false}"
    (tmp_path / "dagster.yaml").write_text(own)
    assert prepare_dagster_home(tmp_path / "data", environment={"DAGSTER_HOME": str(tmp_path)}) == tmp_path
    assert (tmp_path / "dagster.yaml").read_text() == own
    assert not (tmp_path / "data").exists()


def test_programs_that_open_a_prepared_folder_at_once_all_succeed(tmp_path: Path) -> None:
    home = prepare_dagster_home(tmp_path, environment={})
    program = "import dagster as dg\nwith dg.DagsterInstance.get() as instance: print(instance.get_runs_count())"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "DAGSTER_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0] for process in running] == ["0\n"] * 4
