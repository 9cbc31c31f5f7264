"""What the processor's Spark needs from its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from crypto_assets.stream.processor.session import SPARK_JARS
from resources.services.jars import fetch_jars


def spark_environment(java_home: Path) -> dict[str, str]:
    """Variables that name Java, the jars of Spark's Kafka source (fetched at the first use) and this Python.

    Raises ServiceFailed where a jar cannot be had.
    """
    jars = os.pathsep.join(map(str, fetch_jars("spark")))
    return {"JAVA_HOME": str(java_home), SPARK_JARS: jars, "PYSPARK_PYTHON": sys.executable}
