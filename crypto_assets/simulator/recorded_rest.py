"""What REST can say of the symbols that recorded files are of: their names, and the book at the beginning."""

from __future__ import annotations

from starlette.requests import Request

from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.parameters import read_limit, read_text
from crypto_assets.simulator.replies import ApiError
from crypto_assets.simulator.rest import Endpoint, Handler
from crypto_assets.simulator.rows import RowReader
from crypto_assets.simulator.streams.recordings import Recordings

_QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "TRY", "EUR")


class RecordedRest:
    """exchangeInfo of names only, because files tell no ticks, lots or limits; depth as once recorded."""

    def __init__(self, spot: RowReader, usdm: RowReader, recordings: Recordings) -> None:
        self._spot = spot
        self._usdm = usdm
        self._recordings = recordings

    def endpoints(self) -> list[Endpoint]:
        """Addresses and their weights."""
        return [
            Endpoint("/api/v3/exchangeInfo", self._exchange_info(self._spot), 20),
            Endpoint("/api/v3/depth", self._depth("spot"), 20),
            Endpoint("/fapi/v1/exchangeInfo", self._exchange_info(self._usdm)),
            Endpoint("/fapi/v1/depth", self._depth("usdm")),
        ]

    def _depth(self, venue: Venue) -> Handler:
        def answer(request: Request) -> object:
            symbol = read_text(request, "symbol")
            limit = read_limit(request, default=100, largest=5000, clamp=True)
            book = self._recordings.snapshot(venue, symbol)
            if book is None:
                raise ApiError(-1121, f"No order book of {symbol} was recorded.", status=404)
            sides = {side: levels[:limit] for side, levels in book.items() if isinstance(levels, list)}
            return {**book, **sides}

        return answer

    def _exchange_info(self, reader: RowReader) -> Handler:
        def answer(_request: Request) -> object:
            symbols = sorted({*reader.symbols(), *self._recordings.symbols(reader.venue)})
            return {
                "timezone": "UTC",
                "serverTime": reader.now_us() // 1000,
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [_symbol_info(symbol) for symbol in symbols],
            }

        return answer


def _symbol_info(symbol: str) -> dict[str, object]:
    quote = next((asset for asset in _QUOTE_ASSETS if symbol.endswith(asset) and symbol != asset), "")
    base = symbol.removesuffix(quote)
    return {"symbol": symbol, "status": "TRADING", "baseAsset": base, "quoteAsset": quote, "filters": []}
