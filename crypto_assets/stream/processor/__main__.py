"""`python -m crypto_assets.stream.processor`: Kafka to PostgreSQL and Redis, until SIGTERM or Ctrl-C.

Ends with 0 after a clean stop, 3 where another processor of the exchange runs, 1 with a sentence otherwise.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.secrecy import mask_logs
from crypto_assets.stream.processor.program import FAILED, Processor


def main() -> int:
    """Run the processor of this environment; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = read_settings()
        mask_logs(settings)
        processor = Processor(settings, os.environ)

        def end(_number: int, _frame: FrameType | None) -> None:
            processor.stop()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        return processor.run()
    except CryptoAssetsError as error:
        logging.getLogger(__name__).error("%s", error)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
