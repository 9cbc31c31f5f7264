"""What a machine must have: Python, Java, memory, disk, ports, jars. Nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_assets.cli.diagnosis import Diagnosis
from crypto_assets.ports import is_free

if TYPE_CHECKING:
    from resources.services.jars import Group

GIBIBYTE = 1024**3
LEAST_MEMORY, LEAST_AVAILABLE = 8 * GIBIBYTE, 2 * GIBIBYTE
"""Of the machine for the whole demo, HDFS, Kafka and Spark beside each other; and of it now, for a run of a day."""
LEAST_DISK = 5 * GIBIBYTE
JAVA_S = 10.0
PORTS: Mapping[str, int] = {"ui": 3000, "dashboard": 8501}
"""Ports that commands listen on unless told otherwise."""
JARS: Mapping[Group, str] = {
    "kafka": "live streams",
    "spark": "batch and streams",
    "s3a": "batch",
    "hdfs": "archive",
    "s3": "warehouse",
}
"""What the jars of each lock are for."""


def look_at_python() -> Diagnosis:
    """Whether it is the Python that the lock was made for."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == (3, 12):
        return Diagnosis("ok", f"Python {version}, {sys.executable}.")
    return Diagnosis("failure", f"Python {version}; 3.12 is needed.", "make env PYTHON=/path/to/python3.12")


def look_at_java() -> Diagnosis:
    """Whether a Java is there for Kafka, HDFS and Spark, and starts."""
    from resources.services.java import java_home

    program = java_home() / "bin" / "java"
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=JAVA_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Diagnosis("failure", f"{program} does not start: {error}", "Set JAVA_HOME to Java 17 or later.")
    if done.returncode:
        return Diagnosis("failure", f"{program} ends with {done.returncode}.", "Set JAVA_HOME to Java 17 or later.")
    return Diagnosis("ok", f"{(done.stderr or done.stdout).partition('\n')[0]}, {program}.")


def look_at_memory() -> Diagnosis:
    """Total and available memory beside what the embedded services need."""
    import psutil

    memory = psutil.virtual_memory()
    said = f"{memory.available / GIBIBYTE:.1f} of {memory.total / GIBIBYTE:.1f} GiB available."
    if memory.available < LEAST_AVAILABLE:
        return Diagnosis("warning", said, "Stop other programs; crypto-assets down ends services that nobody needs.")
    if memory.total < LEAST_MEMORY:
        return Diagnosis("warning", said, "Take the smaller demo: crypto-assets demo --only-lake.")
    return Diagnosis("ok", said)


def look_at_disk(folder: Path) -> Diagnosis:
    """Room below DATA_DIR, or where it will be."""
    from crypto_assets.health.storage import disk

    there = next(path for path in (folder, *folder.parents) if path.exists())
    found = disk(there)
    if found.is_low or found.free < LEAST_DISK:
        state = "failure" if found.free < GIBIBYTE else "warning"
        advice = "" if found.is_low else f"The demo with all services needs {LEAST_DISK / GIBIBYTE:.0f} GiB."
        return Diagnosis(state, found.sentence, advice)
    return Diagnosis("ok", found.sentence)


def look_at_ports(ports: Mapping[str, int] = PORTS) -> Diagnosis:
    """Whether the pages can listen where they do unless told otherwise."""
    taken = {name: port for name, port in ports.items() if not is_free(port)}
    free = ", ".join(f"{port} ({name})" for name, port in ports.items() if name not in taken)
    if not taken:
        return Diagnosis("ok", f"Free: {free}. Embedded services take free ones.")
    return Diagnosis(
        "warning",
        f"Taken, by a page that runs or by somebody else: {', '.join(f'{p} ({n})' for n, p in taken.items())}.",
        " or ".join(f"crypto-assets {name} --port 0" for name in taken),
    )


def look_at_jars() -> Diagnosis:
    """How many of the jars that services are made of are in Maven's cache."""
    from jgo.constants import default_maven_repo

    from resources.services.jars import read_lock

    cache = default_maven_repo()
    counts: dict[Group, list[bool]] = {
        group: [(cache / jar.path).is_file() for jar in read_lock(group)] for group in JARS
    }
    missing: dict[Group, int] = {group: found.count(False) for group, found in counts.items() if not all(found)}
    total = sum(map(len, counts.values()))
    if not missing:
        return Diagnosis("ok", f"All {total} are in {cache}.")
    needed = ", ".join(f"{count} of {group} ({JARS[group]})" for group, count in missing.items())
    return Diagnosis(
        "warning",
        f"Not in {cache} yet: {needed}.",
        "They are fetched from the Maven repository at the first use; crypto-assets up fetches Kafka's now.",
    )
