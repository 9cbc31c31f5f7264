"""What a simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.faults import Fault
from crypto_assets.simulator.streams.limits import StreamLimits

DEFAULT_SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT")
DEFAULT_SEED = 7
DEFAULT_PUBLICATION_DELAY = timedelta(hours=5)  # the exchange's daily spot files appear 4 to 6 hours after their day


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """A market to simulate, or with `replay` a folder of recorded files to serve."""

    symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    seed: int = DEFAULT_SEED
    clock: Clock = field(default_factory=Clock.real)
    publication_delay: timedelta = DEFAULT_PUBLICATION_DELAY
    faults: tuple[Fault, ...] = ()
    replay: Path | None = None
    """Laid out as `archive/data/…` and `recordings/…`; seed, symbols and publication delay then mean nothing."""
    replay_pace: float = 1.0
    """How many times faster than recorded streams are served; 0 is as fast as each reader takes them."""
    stream_limits: StreamLimits = field(default_factory=StreamLimits)
    built_limit_bytes: int = 512 << 20
    """Room on disk for files that were built to be handed out."""
