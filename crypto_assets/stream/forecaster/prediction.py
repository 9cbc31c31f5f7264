"""One prediction of the live market, as PostgreSQL stores it and Kafka carries it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


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
