"""What a result was measured on: figures of different machines say little of each other."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    *("confluent-kafka", "cryptography", "dagster", "duckdb", "fastavro", "keras", "msgspec", "numpy", "pandas"),
    *("pandas-ta", "polars", "psycopg2-binary", "pyarrow", "pyspark", "scipy", "streamlit", "TA-Lib", "tensorflow"),
    *("websockets",),
)
BUSY = 0.25
"""Load of each core above which a machine does other work too."""


class Machine(msgspec.Struct, frozen=True):
    """Where a run took place."""

    cpu: str
    cores: int
    memory_gb: int
    system: str
    python: str
    packages: dict[str, str]

    @property
    def shape(self) -> tuple[str, int, int]:
        """What two machines share whose figures may be compared."""
        return self.cpu, self.cores, self.memory_gb

    def __str__(self) -> str:
        return f"{self.cores} cores of {self.cpu}, {self.memory_gb} GB"


def this_machine() -> Machine:
    """The one that runs this, and the packages that are measured or measured against."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(
        cpu=_cpu_model(),
        cores=cores,
        memory_gb=round(psutil.virtual_memory().total / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


def load() -> float:
    """Processes that ran or waited for a core, mean of the last minute."""
    return round(os.getloadavg()[0], 2)


def commit() -> str:
    """Commit of this checkout, with `+` behind it where files were changed since; empty without git."""
    head = _git("rev-parse", "HEAD")
    return head + "+" if head and _git("status", "--porcelain") else head


def _git(*arguments: str) -> str:
    if (git := shutil.which("git")) is None:
        return ""
    done = subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
