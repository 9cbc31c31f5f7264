"""Where Dagster keeps runs and events: `DAGSTER_HOME`, or a folder of the project's data."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock

if TYPE_CHECKING:
    import dagster as dg

PROJECT = Path(__file__).resolve().parents[1]
"""Folder of `workspace.yaml` and `dagster.yaml`."""


def dagster_home(data_dir: Path, *, environment: Mapping[str, str]) -> Path:
    """The folder that the environment names, else the default one; it may not exist yet."""
    named = environment.get("DAGSTER_HOME")
    return Path(named).expanduser().resolve() if named else data_dir / "dagster"


def open_dagster(data_dir: Path, *, environment: Mapping[str, str]) -> dg.DagsterInstance | None:
    """Dagster's storage, closed by its context or `dispose`; None where Dagster was never started.

    It imports Dagster, which takes seconds.
    """
    home = dagster_home(data_dir, environment=environment)
    if not (home / "dagster.yaml").is_file():
        return None
    import dagster as dg

    return dg.DagsterInstance.from_config(str(home))


def prepare_dagster_home(data_dir: Path, *, environment: Mapping[str, str]) -> Path:
    """The folder to hand on as DAGSTER_HOME; it exists, and several programs may start on it at once.

    A folder that the environment names keeps the `dagster.yaml` it has; the default one follows the project's.
    """
    import dagster as dg

    named = environment.get("DAGSTER_HOME")
    home = dagster_home(data_dir, environment=environment)
    home.mkdir(parents=True, exist_ok=True)
    instance = home / "dagster.yaml"
    with FileLock(home / ".prepare.lock"):
        if not named or not instance.exists():
            shutil.copyfile(PROJECT / "dagster.yaml", instance)
        # Dagster makes its tables when it first opens a folder; two programs that do so at once trip over each other.
        dg.DagsterInstance.from_config(str(home)).dispose()
    return home


def running_daemon(home: Path) -> psutil.Process | None:
    """The daemon that works on a DAGSTER_HOME, whoever started it; a second one would evaluate every sensor twice."""
    for process in psutil.process_iter():
        # A process that ended meanwhile, or is another user's, says nothing of itself.
        with suppress(psutil.Error, OSError):
            if not any(Path(part).name == "dagster-daemon" for part in process.cmdline()[:2]):
                continue
            named = process.environ().get("DAGSTER_HOME")
            if named and Path(named).resolve() == home.resolve():
                return process
    return None
