"""`python -m resources.services.processor`: the stream processor, with the Java and the jars that it needs.

`crypto_assets.stream.processor` takes both from its environment, as `make up` hands them to it. In a deployment this
program finds them, and becomes the processor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from crypto_assets.errors import ServiceFailed
from resources.services.java import java_home
from resources.services.spark import spark_environment

COMMAND = (sys.executable, "-m", "crypto_assets.stream.processor")


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
