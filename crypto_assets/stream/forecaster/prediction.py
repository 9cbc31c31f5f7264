"""One prediction of the live market, as PostgreSQL stores it and Kafka carries it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from crypto_assets.spans import to_us
from crypto_assets.stream.avro import encode
from crypto_assets.stream.publisher import Outgoing
from crypto_assets.stream.topics import PREDICTIONS


class Prediction(NamedTuple):
    """Fields are columns of `public.predictions`; exchange, symbol, as_of, horizon_s and model_id name it."""

    exchange: str
    symbol: str
    as_of: datetime
    """When the newest candle that was read had closed."""
    known_at: datetime
    """When it was computed first, by this machine's clock."""
    target_time: datetime
    horizon_s: int
    price: float
    """Last price at `as_of`, quote asset."""
    predicted_return: float
    """Log-return from `as_of` to `target_time`."""
    predicted_price: float
    low: float
    high: float
    interval_share: float
    model_id: str
    is_simulated: bool
    notice: str

    def message(self) -> Outgoing:
        """As the topic `predictions` carries it."""
        return Outgoing(self.symbol, encode(PREDICTIONS.name, self._asdict()), to_us(self.known_at) // 1_000)
