"""Asks the exchange's REST interface for spans of time that nothing else filled."""

from __future__ import annotations

from datetime import timedelta

from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.convergence.archive_questions import mark_prices_of
from crypto_assets.convergence.sources import Sources
from crypto_assets.schemas import BRONZE_OPEN_INTEREST
from crypto_assets.spans import Span

OPEN_INTEREST_KEPT = timedelta(days=29)
"""REST answers for the last 30 days; a request at the very edge of them would be refused."""


def klines(sources: Sources, symbol: str, span: Span, *, timeframe: str) -> Parsed:
    """Spot candles."""
    return sources.spot.klines(symbol, timeframe, span.start, span.end)


def funding_rates(sources: Sources, symbol: str, span: Span) -> Parsed:
    """Funding payments."""
    return sources.futures.funding_rates(symbol, span.start, span.end)


def open_interest(sources: Sources, symbol: str, span: Span) -> Parsed:
    """Open interest, which REST keeps for a month only; nothing for what is older."""
    if span.end <= sources.now() - OPEN_INTEREST_KEPT:
        return join_parsed([], payload=BRONZE_OPEN_INTEREST.payload)
    return sources.futures.open_interest_history(symbol, span.start, span.end)


def mark_prices(sources: Sources, symbol: str, span: Span) -> Parsed:
    """Closes of the one-minute candles of mark and index price."""
    return mark_prices_of(
        sources.futures.mark_price_klines(symbol, "1m", span.start, span.end),
        sources.futures.index_price_klines(symbol, "1m", span.start, span.end),
    )
