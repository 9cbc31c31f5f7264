"""What the event of a day of aggregates shows."""

from __future__ import annotations

from datetime import date

from crypto_assets.assets.share_metadata import DRAWN, describe_windows
from crypto_assets.lake.lake import Published
from crypto_assets.share.windows import price_windows
from crypto_assets_tests.pictures.reading import read_picture
from crypto_assets_tests.share.facts import facts, minute

DAY = date(2025, 9, 10)
PUBLISHED = Published("folder/data.parquet", rows=3, bytes=4, sha256="0" * 64, changed=True)


def test_the_symbols_that_traded_most_have_a_picture_in_the_order_of_their_names() -> None:
    symbols = [f"{letter}USDT" for letter in "HGFEDCBA"]
    minutes = [minute(0, str(price), symbol=symbol) for price, symbol in enumerate(symbols, start=1)]
    metadata = describe_windows(price_windows(facts(*minutes)), PUBLISHED, day=DAY, made_from="facts")
    pictures = metadata["candles"].value.split("\n\n")
    assert pictures[::2] == [f"**{symbol}**" for symbol in sorted(symbols[-DRAWN:])]
    assert read_picture(pictures[1]).width > 0
    assert (metadata["symbols"], metadata["windows_1m"], metadata["windows_1d"]) == (8, 8, 8)


def test_a_day_without_windows_has_no_picture() -> None:
    metadata = describe_windows(price_windows(facts()), PUBLISHED, day=DAY, made_from="stream")
    assert "candles" not in metadata
    assert (metadata["symbols"], metadata["windows_1m"], metadata["made_from"]) == (0, 0, "stream")
