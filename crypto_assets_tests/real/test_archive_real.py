"""A minute that the exchange recorded, second by second, against its own candle of the minute."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.seconds import clean_seconds, minutes_of_seconds, read_seconds
from crypto_assets_tests.archive.second_files import zipped

DAY = date(2024, 3, 1)
PRICES_AND_SUMS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
)


def test_sixty_recorded_seconds_are_the_recorded_minute_to_the_last_digit(real_data: Path) -> None:
    samples = real_data / "samples"
    text = (samples / "BTCUSDT-1s-2024-03-01.first60rows.csv").read_text()
    cleaned = clean_seconds(read_seconds(zipped(file_of("BTCUSDT", DAY), text), symbol="BTCUSDT", day=DAY), day=DAY)
    assert cleaned.table.num_rows == 60
    (minute,) = minutes_of_seconds(cleaned.table).to_pylist()
    fields = next(
        fields
        for fields in (row.split(",") for row in (samples / "BTCUSDT-1m-2024-03-01.csv").read_text().splitlines())
        if fields[0].startswith("1709251200")
    )
    assert minute["open_time"] == datetime(2024, 3, 1, tzinfo=UTC)
    recorded = [Decimal(fields[place]) for place in (1, 2, 3, 4, 5, 7, 9, 10)]
    assert [minute[name] for name in PRICES_AND_SUMS] == recorded
    assert minute["count"] == int(fields[8])
