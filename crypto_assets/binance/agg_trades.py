"""Aggregated trades over REST: the same rows from spot and USD-M, which differ in address and weight alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crypto_assets.binance.paging import join_pages, pages_by_id
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.rest import Rest
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import Column
from crypto_assets.schemas import AGG_TRADES

PAGE = 1000
"""Most rows of one answer."""

_COLUMNS = (
    Column("agg_trade_id", "count", ("a",)),
    Column("price", "amount", ("p",)),
    Column("quantity", "amount", ("q",)),
    Column("first_trade_id", "count", ("f",)),
    Column("last_trade_id", "count", ("l",)),
    Column("time", "time", ("T",)),
    Column("is_buyer_maker", "flag", ("m",)),
)


class AggTradePages:
    """Asks one market's address for aggregated trades, by span and by id."""

    def __init__(self, rest: Rest, path: str, *, weight: int) -> None:
        self._rest = rest
        self._path = path
        self._weight = weight

    def page(self, symbol: str, params: Mapping[str, int]) -> Page:
        """One answer."""
        return self._rest.get_page(self._path, _COLUMNS, params={"symbol": symbol, **params}, weight=self._weight)

    def following(self, symbol: str, page: Page, *, end: datetime) -> list[Page]:
        """All pages after this one until a row's time reaches `end`; none where it has no usable row."""

        def fetch(first_id: int) -> Page:
            return self.page(symbol, {"fromId": first_id, "limit": PAGE})

        newest = page.rows.accepted()["agg_trade_id"].max()
        if not isinstance(newest, int):
            return []
        return pages_by_id(fetch, key="agg_trade_id", time="time", first_id=newest + 1, end=end, limit=PAGE)

    def from_id(self, symbol: str, from_id: int, *, limit: int) -> Parsed:
        """At most `limit` (up to 1,000) aggregated trades from an id on, AGG_TRADES."""
        return join_pages([self.page(symbol, {"fromId": from_id, "limit": limit})], payload=AGG_TRADES)
