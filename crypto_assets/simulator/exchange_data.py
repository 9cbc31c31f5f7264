"""What the REST endpoints of candles and trades ask for, be the market simulated or recorded."""

from __future__ import annotations

from typing import Literal, Protocol

import polars as pl

from crypto_assets.simulator.market import Venue
from crypto_assets.spans import Span

TradeKind = Literal["trades", "aggTrades"]
KlineKind = Literal["klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]


class ExchangeData(Protocol):
    """Frames as in `frames`, sorted by time; spans are half-open microseconds; nothing from `until_us` on is seen."""

    def symbols(self, venue: Venue) -> tuple[str, ...]:
        """All symbols that there may be data of."""
        ...

    def life(self, symbol: str, venue: Venue, /) -> Span:
        """The time outside of which there is nothing of one of the venue's symbols."""
        ...

    def klines(
        self, symbol: str, interval: str, start_us: int, end_us: int, *, venue: Venue, kind: KlineKind, until_us: int
    ) -> pl.DataFrame:
        """Candles that open in the span, the one that is still open at `until_us` included."""
        ...

    def trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """Trades or aggregates of the span."""
        ...

    def trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """`count` trades or aggregates from an id on."""
        ...

    def funding(self, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
        """Funding payments of the span."""
        ...
