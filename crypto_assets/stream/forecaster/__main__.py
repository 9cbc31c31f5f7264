"""`python -m crypto_assets.stream.forecaster`: what promoted models foretell of each candle, until SIGTERM or Ctrl-C.

Ends with 0 after a clean stop, 3 where another forecaster of the exchange runs, 1 with a sentence otherwise.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow, which greets at length

from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.secrecy import mask_logs
from crypto_assets.stream.forecaster.program import FAILED, Forecaster


def main() -> int:
    """Run the forecaster of this environment; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = read_settings()
        mask_logs(settings)
        forecaster = Forecaster(settings)

        def end(_number: int, _frame: FrameType | None) -> None:
            forecaster.stop()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        return forecaster.run()
    except CryptoAssetsError as error:
        logging.getLogger(__name__).error("%s", error)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
