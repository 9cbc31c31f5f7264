"""Which topic feeds which bronze dataset from the live market."""

from __future__ import annotations

from crypto_assets.schemas import BRONZE_KLINES, BRONZE_LIQUIDATIONS, BRONZE_MARK_PRICE, BRONZE_ORDERBOOK, BRONZE_TRADES
from crypto_assets.stream.topics import KLINES, LIQUIDATIONS, MARK_PRICE, ORDERBOOK, TRADES, Topic

FEEDS: dict[str, Topic] = {
    **{dataset.name: KLINES for dataset in BRONZE_KLINES.values()},
    BRONZE_ORDERBOOK.name: ORDERBOOK,
    BRONZE_MARK_PRICE.name: MARK_PRICE,
    BRONZE_LIQUIDATIONS.name: LIQUIDATIONS,
    BRONZE_TRADES.name: TRADES,
}
"""Topic by dataset. Funding payments and open interest have no stream: REST gives them."""


def datasets_fed_by(topic: str, *, timeframe: str | None = None) -> tuple[str, ...]:
    """Bronze datasets of a topic's messages; of candles only those of the timeframe, where one is given."""
    if topic == KLINES.name and timeframe is not None:
        dataset = BRONZE_KLINES.get(timeframe)
        return (dataset.name,) if dataset else ()
    return tuple(name for name, fed in FEEDS.items() if fed.name == topic)
