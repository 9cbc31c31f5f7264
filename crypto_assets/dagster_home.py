"""Where Dagster keeps runs and events: `DAGSTER_HOME`, or a folder of the project's data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from filelock import FileLock

PROJECT = Path(__file__).resolve().parents[1]
"""Folder of `workspace.yaml` and `dagster.yaml`."""


def prepare_dagster_home(data_dir: Path, *, environment: Mapping[str, str]) -> Path:
    """The folder to hand on as DAGSTER_HOME; it exists, and several programs may start on it at once.

    A folder that the environment names keeps the `dagster.yaml` it has; the default one follows the project's.
    """
    named = environment.get("DAGSTER_HOME")
    home = Path(named).expanduser().resolve() if named else data_dir / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    instance = home / "dagster.yaml"
    with FileLock(home / ".prepare.lock"):
        if not named or not instance.exists():
            shutil.copyfile(PROJECT / "dagster.yaml", instance)
        # Dagster makes its tables when it first opens a folder; two programs that do so at once trip over each other.
        dg.DagsterInstance.from_config(str(home)).dispose()
    return home
