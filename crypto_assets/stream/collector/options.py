"""What the program is told on its command line, beside the settings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crypto_assets.config import Exchange, Settings
from crypto_assets.stream.collector.feed import Care
from crypto_assets.stream.collector.subscriptions import DEFAULT, KINDS, Kind, choose_kinds

SPOOL_BYTES = 1 << 30
REPLAYED = ("bookTicker", "depth@100ms")
"""Kinds that recordings hold, beside those collected by default."""


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """How one collector runs."""

    kinds: tuple[Kind, ...] = DEFAULT
    spool: Path = Path("spool")
    spool_bytes: int = SPOOL_BYTES
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    standby: bool = False
    care: Care = field(default_factory=Care)


def read_options(arguments: Sequence[str] | None, settings: Settings) -> CollectorOptions:
    """Options of a command line; raises ConfigurationError for a stream that there is not."""
    given = _parser().parse_args(arguments)
    is_replay = settings.exchange is Exchange.REPLAY
    kinds = (*DEFAULT, *(KINDS[name] for name in REPLAYED)) if is_replay else DEFAULT
    return CollectorOptions(
        kinds=choose_kinds(given.streams.split(",")) if given.streams else kinds,
        spool=settings.data_dir / "stream" / "spool",
        spool_bytes=given.spool_bytes,
        metrics_host=settings.metrics_host,
        metrics_port=settings.metrics_port if given.metrics_port is None else given.metrics_port,
        standby=given.standby,
        care=Care(
            life_s=given.life,
            overlap_s=given.overlap,
            silence_scale=given.silence_scale,
            ends_when_told=is_replay,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    care = Care()
    parser = argparse.ArgumentParser(
        prog="python -m crypto_assets.stream.collector",
        description="Collects the exchange's streams into Kafka until it is told to end, or a replay has ended.",
        epilog="Ends with 0 when it was stopped or the replay is over, 2 for wrong settings, 3 where another one runs.",
    )
    add = parser.add_argument
    add("--streams", help=f"kinds of streams, separated by commas, of {', '.join(KINDS)}")
    add("--spool-bytes", type=int, default=SPOOL_BYTES, help="disk for messages while Kafka is away")
    add("--metrics-port", type=int, help="port of the Prometheus page, in place of METRICS_PORT; 0 takes a free one")
    add("--standby", action="store_true", help="wait while another collector runs, instead of ending")
    add("--life", type=float, default=care.life_s, help="age in seconds at which a connection is replaced")
    add("--overlap", type=float, default=care.overlap_s, help="seconds for which old and new connection are both read")
    add("--silence-scale", type=float, default=1.0, help="multiplies how long a stream may be quiet")
    return parser
