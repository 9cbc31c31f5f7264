"""`python -m crypto_assets.stream.processor`: Kafka to PostgreSQL and Redis, until SIGTERM or Ctrl-C.

Ends with 0 after a clean stop, 3 where another processor of the exchange runs, 1 with a sentence otherwise.
"""

from __future__ import annotations

import logging
import os
import sys

from crypto_assets.stream.life import run_program
from crypto_assets.stream.processor.program import Processor

if __name__ == "__main__":
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    sys.exit(run_program(lambda settings: Processor(settings, os.environ)))
