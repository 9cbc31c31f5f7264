"""`python -m crypto_assets.stream.collector`: collects the streams until SIGTERM, Ctrl-C, or the end of a replay.

Ends with 0 after a clean stop, 2 for settings that cannot be used, 3 where another collector of the exchange runs, 1
with a sentence otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from crypto_assets.config import Settings, read_settings
from crypto_assets.errors import ConfigurationError, CryptoAssetsError
from crypto_assets.processes import log_to_stderr
from crypto_assets.secrecy import mask_logs
from crypto_assets.stream.collector.options import CollectorOptions, read_options
from crypto_assets.stream.collector.program import Collector
from crypto_assets.stream.collector.pulse import LeaseHeld
from crypto_assets.stream.heartbeat import ENDED, FAILED, MISCONFIGURED, NOT_ALONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Collect; the exit status says why it ended."""
    log_to_stderr()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings()
        mask_logs(settings)
        asyncio.run(_collect(settings, read_options(arguments, settings)))
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return MISCONFIGURED
    except LeaseHeld as error:
        print(error, file=sys.stderr)
        return NOT_ALONE
    except CryptoAssetsError as error:
        print(error, file=sys.stderr)
        return FAILED
    return ENDED


async def _collect(settings: Settings, options: CollectorOptions) -> None:
    collector = Collector(settings, options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, collector.stop)
    await collector.run()


if __name__ == "__main__":
    sys.exit(main())
