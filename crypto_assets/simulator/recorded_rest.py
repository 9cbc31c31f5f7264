"""What REST can say of the symbols that recorded files are of."""

from __future__ import annotations

from starlette.requests import Request

from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.rest import Endpoint, Handler
from crypto_assets.simulator.rows import RowReader

_QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "TRY", "EUR")


class RecordedRest:
    """exchangeInfo of both venues: names only, because files tell no ticks, lots or limits of symbols."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader

    def endpoint(self, venue: Venue) -> Endpoint:
        """The address and its weight."""
        if venue == "spot":
            return Endpoint("/api/v3/exchangeInfo", self._exchange_info(venue), 20)
        return Endpoint("/fapi/v1/exchangeInfo", self._exchange_info(venue))

    def _exchange_info(self, venue: Venue) -> Handler:
        def answer(_request: Request) -> object:
            return {
                "timezone": "UTC",
                "serverTime": self._reader.now_us() // 1000,
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [_symbol_info(symbol) for symbol in self._reader.symbols(venue)],
            }

        return answer


def _symbol_info(symbol: str) -> dict[str, object]:
    quote = next((asset for asset in _QUOTE_ASSETS if symbol.endswith(asset) and symbol != asset), "")
    base = symbol.removesuffix(quote)
    return {"symbol": symbol, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "filters": []}
