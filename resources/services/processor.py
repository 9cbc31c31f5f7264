"""`python -m resources.services.processor`: the stream processor, with the Java and the jars that it needs.

`crypto_assets.stream.processor` takes both from its environment, as `make up` hands them to it. In a deployment this
program finds them, and becomes the processor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from crypto_assets.errors import ServiceFailed
from crypto_assets.stream.processor.session import SPARK_JARS
from resources.services.jars import fetch_jars
from resources.services.java import java_home

COMMAND = (sys.executable, "-m", "crypto_assets.stream.processor")


def spark_environment(java_home: Path) -> dict[str, str]:
    """Variables that name Java, the jars of Spark's Kafka source (fetched at the first use) and this Python.

    Raises ServiceFailed where a jar cannot be had.
    """
    jars = os.pathsep.join(map(str, fetch_jars("spark")))
    return {"JAVA_HOME": str(java_home), SPARK_JARS: jars, "PYSPARK_PYTHON": sys.executable}


def main(environment: Mapping[str, str]) -> int:
    """Becomes the processor; returns only where Java or a jar cannot be had."""
    try:
        found = spark_environment(java_home())
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        return 1
    os.execve(COMMAND[0], COMMAND, {**environment, **found})
    return 0  # not reached: this process is the processor now


if __name__ == "__main__":
    sys.exit(main(os.environ))
