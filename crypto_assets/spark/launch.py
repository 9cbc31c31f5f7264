"""How every Java process of Spark is started: in UTC, with ANSI SQL, quiet, and leaving nothing outside its folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def rules() -> dict[str, str]:
    """What holds in every session, wherever it runs: UTC, and errors instead of nulls."""
    return {"spark.sql.session.timeZone": "UTC", "spark.sql.ansi.enabled": "true"}


def local_configuration(jars: Sequence[Path], *, folder: Path, heap: str, java: str) -> dict[str, str]:
    """Configuration of a Spark in this process's own Java, which listens on this machine only and has no UI.

    `folder` takes what Spark leaves behind, `heap` is the size of Java's memory (`1g`), `java` further options of it.
    """
    return {
        **rules(),
        "spark.driver.memory": heap,
        "spark.driver.extraClassPath": os.pathsep.join(map(str, jars)),
        "spark.driver.extraJavaOptions": f'-Duser.timezone=UTC {java} "-Djava.io.tmpdir={folder}"',
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def launch(
    configuration: Mapping[str, str],
    create: Callable[[Mapping[str, str]], SparkSession] | None = None,
    *,
    environment: Mapping[str, str],
) -> SparkSession:
    """A session of this configuration; `environment` is what Java and Python workers see beside this process's own.

    Raises ConfigurationError where Java cannot be started, or Spark refuses to.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkRuntimeError

    try:
        with _environment({"PYSPARK_DRIVER_PYTHON": sys.executable, **environment}):
            session = (create or _build)(configuration)
    except (PySparkRuntimeError, OSError) as error:
        raise ConfigurationError(
            f"Spark's Java does not start ({str(error).partition('\n')[0]}). `make up` finds a Java 17 or later and "
            "hands it on as JAVA_HOME."
        ) from error
    except Py4JError as error:
        master = configuration.get("spark.master", "")
        raise ConfigurationError(f"Spark does not start on {master}: {_reason(str(error))}") from error
    return session


def _reason(text: str) -> str:
    """What Java says of it: the line that names its exception, without the class."""
    said = [line.removeprefix(": ").partition(": ")[2] for line in text.splitlines() if line.startswith(": ")]
    return (said or [text.partition("\n")[0]])[0]


def _build(configuration: Mapping[str, str]) -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for name, value in configuration.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Generator[None]:
    """Sets variables while Java is started, which takes them from there alone."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
