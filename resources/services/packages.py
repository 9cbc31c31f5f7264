"""Where Python packages lie that bring programs or jars: they are not imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from crypto_assets.errors import ServiceFailed


def package_folder(module: str, *, instead: str = "") -> Path:
    """Folder of an installed package; raises ServiceFailed, with what else would do, where it is missing."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        name = module.replace("_", "-")
        raise ServiceFailed(f"The package {name} is not installed. `make env` brings it{instead}.")
    return Path(spec.origin).parent


def spark_jars() -> Path:
    """Folder of PySpark's jars, of which Kafka and HDFS use some."""
    return package_folder("pyspark") / "jars"
