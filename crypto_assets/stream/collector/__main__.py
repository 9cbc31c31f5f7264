"""`python -m crypto_assets.stream.collector`: collects the streams until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.collector.options import read_options
from crypto_assets.stream.collector.program import Collector


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect; the exit status says why it ended."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings()
        options = read_options(arguments, settings)
        return asyncio.run(_run(settings, options))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2


async def _run(settings, options) -> int:
    collector = Collector(settings, options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, collector.stop)
    await collector.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
