"""`python -m resources.services.redshift_standin`: a stand-in for Amazon Redshift, until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
import sys

from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import postgres_url, s3_endpoint
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.secrecy import mask_logs
from resources.services.folder import ServiceFolder
from resources.services.redshift_standin.database import STAND_IN_ROLE, owner_url
from resources.services.redshift_standin.load import Loader
from resources.services.redshift_standin.server import StandIn

HOST = "127.0.0.1"
WAITING_CLIENTS = 128


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit status is 2 where that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m resources.services.redshift_standin",
        description="Not Amazon Redshift: PostgreSQL behind a proxy that executes Redshift's COPY of Parquet from S3.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0, the default, takes a free one")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        settings = read_settings()
        mask_logs(settings)
        stand_in = stand_in_of(settings)
        listener = socket.create_server((HOST, given.port), backlog=WAITING_CLIENTS)
    except (CryptoAssetsError, OSError) as error:
        parser.error(str(error))
    asyncio.run(_serve(stand_in, listener))
    return 0


def stand_in_of(settings: Settings) -> StandIn:
    """The stand-in of these settings; its password is the one that its service has drawn."""
    password = ServiceFolder.of(settings.data_dir, "redshift").secret("owner")
    return StandIn(
        lambda: owner_url(postgres_url(settings), password=password),
        Loader(lambda: s3_endpoint(settings), settings.redshift_iam_role or STAND_IN_ROLE),
    )


async def _serve(stand_in: StandIn, listener: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host, port = listener.getsockname()
    logging.getLogger("redshift stand-in").info("a stand-in for Amazon Redshift listens on %s:%d", host, port)
    await stand_in.serve(listener, stop=stop)


if __name__ == "__main__":
    sys.exit(main())
