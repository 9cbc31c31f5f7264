"""Which branches of the pure modules the tests without services take: `python -m proof.coverage cleaning stream`.

Pure is what asks no service, no network, no other process and no clock. Below 90 % of the branches of a room it ends
with 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
LEAST = 0.9
"""Of the branches of a room."""


@dataclass(frozen=True, slots=True)
class Room:
    """Modules below `crypto_assets`, and the tests that are to take their branches."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    impure: Mapping[str, str] = field(default_factory=dict[str, str])
    """What lies among them and is not measured: names of modules, separated by blanks, by what makes them impure."""

    def files(self) -> list[Path]:
        """The modules that are measured."""
        found = {path for pattern in self.modules for path in (ROOT / "crypto_assets").glob(pattern)}
        left_out = {ROOT / "crypto_assets" / f"{name}.py" for names in self.impure.values() for name in names.split()}
        if gone := sorted(str(path.relative_to(ROOT)) for path in left_out - found):
            raise ValueError(f"There is no {', '.join(gone)} to leave out.")
        return sorted(path for path in found - left_out if path.stat().st_size)


def _below(folder: str, names: str) -> str:
    return " ".join(f"{folder}/{name}" for name in names.split())


ROOMS: Mapping[str, Room] = {
    "ground": Room(
        tuple(f"{name}.py" for name in ["errors", "flags", "identifiers", "run_tags", "schemas", "spans"]),
        ("test_spans.py", "test_schemas.py", "test_flags.py", "security/test_identifiers.py"),
    ),
    "cleaning": Room(("cleaning/*.py",), ("cleaning",)),
    "features": Room(("features/*.py",), ("features",)),
    "binance": Room(
        ("binance/**/*.py",),
        ("binance", "convergence"),
        {
            "the network": _below("binance", "archive http"),
            "files and their locks": _below("binance", "file_transport rate_limit"),
        },
    ),
    "convergence": Room(("convergence/*.py",), ("convergence",), {"Kafka": "convergence/live"}),
    "history": Room(("history/*.py",), ("history", "security/test_hostile_tables.py")),
    "judge": Room(("forecast/judge/*.py",), ("forecast/judge",)),
    "forecast": Room(
        ("forecast/*.py",),
        ("forecast",),
        {
            "TensorFlow": _below(
                "forecast",
                "card_making checkpoint evaluating evaluating_audit evaluating_fits fitting model_file network "
                "predicting promoting training windows",
            ),
            "processes": _below("forecast", "__main__ worker worker_answer worker_watch"),
        },
    ),
    "market": Room(("simulator/market/*.py",), ("simulator/market",)),
    "simulator": Room(
        ("simulator/*.py", "simulator/streams/*.py"),
        ("simulator",),
        {
            "servers and sockets": _below(
                "simulator",
                "__main__ app archive captures controls fault_middleware metrics recorded_files "
                "streams/hub streams/replay streams/server streams/session",
            ),
            "processes": _below("simulator", "parent process"),
            "the clock": _below("simulator", "clock"),
        },
    ),
    "warehouse": Room(
        ("warehouse/*.py",),
        ("warehouse", "checks/test_warehouse.py"),
        {
            "Spark": _below("warehouse", "extract"),
            "Redshift": _below("warehouse", "load snapshot"),
            "S3": _below("warehouse", "staging store"),
        },
    ),
    "archive": Room(
        ("archive/*.py",),
        ("archive",),
        {"HDFS": _below("archive", "landing raw"), "threads": _below("archive", "time_limit")},
    ),
    "share": Room(
        ("share/*.py",),
        ("share",),
        {"Spark": _below("share", "hive live"), "the network": _below("share", "spreadsheet")},
    ),
    "stream": Room(
        ("stream/**/*.py",),
        ("stream",),
        {
            "Kafka": _below(
                "stream",
                "consuming lag publisher reader registry topic_states collector/kafka_care collector/sink "
                "collector/topic_care processor/checkpoint forecaster/feed",
            ),
            "Redis": _below("stream", "heartbeat life probe forecaster/latest processor/last_prices collector/pulse"),
            "PostgreSQL": _below("stream", "processor/store forecaster/store"),
            "Spark": _below("stream", "processor/program processor/session processor/batches"),
            "the exchange's sockets": _below("stream", "collector/feed collector/link collector/repair"),
            "programs": _below(
                "stream",
                "supervisor collector/__main__ collector/program forecaster/__main__ forecaster/program "
                "processor/__main__",
            ),
            "threads and the clock": _below(
                "stream", "collector/metrics forecaster/figures forecaster/models processor/figures"
            ),
        },
    ),
    "health": Room(("health/*.py",), ("health",), {"Dagster": _below("health", "dagster_events")}),
    "alerts": Room(
        ("alerts/*.py",),
        ("alerts",),
        {
            "the network": _below("alerts", "delivery mail webhook"),
            "Dagster": _below("alerts", "observe runs"),
            "programs, threads and locks": _below("alerts", "__main__ bounded store watch"),
        },
    ),
}
"""Every pure module of the project, and what lies beside them that is none."""

SLOW = (
    "alerts/test_main.py",
    "alerts/test_runs.py",
    "alerts/test_watch.py",
    "forecast/judge/test_planted.py",
    "forecast/judge/test_planted_network.py",
    "forecast/test_checkpoint.py",
    "forecast/test_evaluating.py",
    "forecast/test_evaluating_audit.py",
    "forecast/test_fitting.py",
    "forecast/test_main.py",
    "forecast/test_network.py",
    "forecast/test_predicting.py",
    "forecast/test_promoting.py",
    "forecast/test_training.py",
    "forecast/test_worker.py",
    "health/test_dagster_events.py",
    "share/test_hive.py",
    "share/test_live.py",
    "share/test_metastore.py",
    "simulator/test_process.py",
    "stream/collector/test_process.py",
    "stream/test_supervisor.py",
)
"""Tests that start processes, ask Dagster or train networks: nothing pure is left to them alone."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Branches of a room."""

    taken: int
    of: int
    missing: Mapping[str, Sequence[str]]
    """Those never taken, as `line->line`, by module; `->0` leaves the function."""

    @property
    def share(self) -> float:
        """Taken of all, 0 to 1."""
        return self.taken / self.of if self.of else 1.0


def run(rooms: Sequence[Room], *, pytest_arguments: Sequence[str] = ()) -> Mapping[str, Any]:
    """Coverage's JSON of the tests of the rooms; ends with pytest's last lines where one failed."""
    tests = dict.fromkeys(f"crypto_assets_tests/{name}" for room in rooms for name in room.tests)
    with tempfile.TemporaryDirectory(prefix="crypto-assets-coverage-") as temporary:
        data, report = Path(temporary) / "data", Path(temporary) / "report.json"
        environment = {**os.environ, "COVERAGE_FILE": str(data), "HYPOTHESIS_PROFILE": "mutants"}
        coverage = [sys.executable, "-m", "coverage"]
        pytest = ["-m", "pytest", "-q", "-p", "proof.without_services", "-p", "no:cacheprovider"]
        ignored = [f"--ignore=crypto_assets_tests/{name}" for name in SLOW]
        command = [*coverage, "run", *pytest, *ignored, *pytest_arguments, *tests]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"{done.stdout[-4_000:]}\nThe tests ended with {done.returncode}.")
        measured = ",".join(str(path.relative_to(ROOT)) for room in rooms for path in room.files())
        told = [*coverage, "json", "-q", "-o", str(report), f"--include={measured}"]
        subprocess.run(told, cwd=ROOT, env=environment, check=True)
        return json.loads(report.read_bytes())["files"]


def judge(room: Room, files: Mapping[str, Any]) -> Covered:
    """What the room's part of the JSON says."""
    taken, of = 0, 0
    missing: dict[str, list[str]] = {}
    for path in room.files():
        name = str(path.relative_to(ROOT))
        summary = files[name]["summary"]
        taken, of = taken + summary["covered_branches"], of + summary["num_branches"]
        if never := [f"{start}->{max(end, 0)}" for start, end in files[name]["missing_branches"]]:
            missing[name] = never
    return Covered(taken, of, missing)


def main() -> None:
    """Print the table, then the branches that no test takes; with `--json` both as a file."""
    parser = argparse.ArgumentParser(prog="python -m proof.coverage", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="room", help=f"all unless named: {', '.join(ROOMS)}")
    parser.add_argument("--json", type=Path, help="write what was measured there")
    options = parser.parse_args()
    if unknown := set(options.rooms) - set(ROOMS):
        parser.error(f"there is no room {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("coverage") is None:
        sys.exit("coverage is not installed: `make env` does that.")
    chosen = {name: room for name, room in ROOMS.items() if name in (options.rooms or ROOMS)}
    files = run(list(chosen.values()))
    covered = {name: judge(room, files) for name, room in chosen.items()}
    show(covered)
    if options.json:
        said = {
            name: {"taken": one.taken, "of": one.of, "share": one.share, "missing": one.missing}
            for name, one in covered.items()
        }
        options.json.write_text(json.dumps(said, indent=2) + "\n")
    if low := [name for name, one in covered.items() if one.share < LEAST]:
        sys.exit(f"Below {LEAST:.0%} of the branches: {', '.join(low)}.")


def show(covered: Mapping[str, Covered]) -> None:
    """Print what was found, the table last."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for column in ("room", "modules", "branches", "taken", "share"):
        table.add_column(column, justify="left" if column == "room" else "right")
    for name, one in covered.items():
        counts = (len(ROOMS[name].files()), one.of, one.taken)
        table.add_row(name, *(f"{count:,}" for count in counts), f"{100 * one.share:.1f} %")
        for module, never in one.missing.items():
            console.print(f"{module}: {' '.join(never)}")
    console.print(table)


if __name__ == "__main__":
    main()
