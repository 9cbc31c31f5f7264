"""Which datasets the messages of a topic become."""

from __future__ import annotations

import pytest

from crypto_assets.stream.feeds import datasets_fed_by


@pytest.mark.parametrize(
    ("topic", "timeframe", "datasets"),
    [
        ("trades", None, ("bronze_trades",)),
        ("klines", None, ("bronze_klines_1m", "bronze_klines_5m", "bronze_klines_15m")),
        ("klines", "5m", ("bronze_klines_5m",)),
        ("klines", "1s", ()),
        ("trades", "5m", ("bronze_trades",)),
        ("tickers", None, ()),
    ],
)
def test_a_topic_feeds_the_datasets_of_its_messages(
    topic: str, timeframe: str | None, datasets: tuple[str, ...]
) -> None:
    assert datasets_fed_by(topic, timeframe=timeframe) == datasets
