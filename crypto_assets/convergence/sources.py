"""The places that a bronze partition can be completed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.futures import FuturesClient
from crypto_assets.binance.spot import SpotClient
from crypto_assets.convergence.captures import CaptureStore

if TYPE_CHECKING:
    from crypto_assets.stream.reader import LiveTopics


@dataclass(frozen=True, slots=True)
class Sources:
    """Clients of one exchange, and its clock."""

    exchange: str
    """Whose data they give: binance, replay or simulator-<seed>; written into every row."""
    spot: SpotClient
    futures: FuturesClient
    archive: ArchiveClient
    captures: CaptureStore | None
    """None where nothing is ever captured."""
    now: Callable[[], datetime]
    """The present, aware UTC; what lies after it is not asked for."""
    live: LiveTopics | None = None
    """The live streams; None where no Kafka is named and none runs."""
