"""`python -m crypto_assets.stream.forecaster`: what promoted models foretell of each candle, until SIGTERM or Ctrl-C.

Ends with 0 after a clean stop, 3 where another forecaster of the exchange runs, 1 with a sentence otherwise.
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before anything imports TensorFlow, which greets at length

from crypto_assets.stream.forecaster.program import Forecaster
from crypto_assets.stream.life import run_program

if __name__ == "__main__":
    sys.exit(run_program(Forecaster))
