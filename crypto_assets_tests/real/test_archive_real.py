"""Seconds that the exchange recorded, against its own candles of the minute."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.seconds import (
    SECOND,
    SECONDS_OF_DAY,
    CleanedSeconds,
    clean_seconds,
    minutes_of_seconds,
    read_seconds,
)
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.flags import count_flags
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


def recorded_days(real_data: Path) -> list[tuple[ArchiveFile, Path]]:
    """Whole days of seconds among the recorded files, laid out as in the archive or loose in `samples`."""
    found: list[tuple[ArchiveFile, Path]] = []
    for path in sorted(real_data.rglob("*-1s-????-??-??.zip")):
        symbol, _, day = path.stem.partition("-1s-")
        found.append((ArchiveFile.spot_klines(symbol, "1s", date.fromisoformat(day)), path))
    return found


def cleaned_day(file: ArchiveFile, path: Path) -> CleanedSeconds:
    day = file.span.start.date()
    return clean_seconds(read_seconds(path.read_bytes(), symbol=file.symbol, day=day), day=day)


def recorded_minutes(real_data: Path, seconds: ArchiveFile) -> list[dict[str, Any]]:
    """The exchange's own candles of that day's minutes, where their file is recorded too."""
    span = seconds.span
    name = ArchiveFile.spot_klines(seconds.symbol, "1m", seconds.period).name
    parsed = [parse_klines(path, timeframe="1m", start=span.start, end=span.end) for path in real_data.rglob(name)]
    return parsed[0].rows.to_pylist() if parsed else []


def figures(candle: Mapping[str, Any]) -> list[Any]:
    return [candle[name] for name in (*PRICES_AND_SUMS, "count")]


def test_a_recorded_day_has_a_row_or_a_gap_for_each_second_and_makes_its_minutes(real_data: Path) -> None:
    days = recorded_days(real_data)
    if not days:
        pytest.skip(f"no whole day of one-second candles (SYMBOL-1s-YYYY-MM-DD.zip) lies in {real_data}")
    for file, path in days:
        cleaned = cleaned_day(file, path)
        gaps = sum((gap.end - gap.start) // SECOND for gap in cleaned.gaps)
        assert cleaned.table.num_rows - count_flags(cleaned.table)["off_grid"] + gaps == SECONDS_OF_DAY, path.name
        assert len(cleaned.table["open_time"].unique()) == cleaned.table.num_rows
        assert cleaned.rejected.num_rows == 0
        made = {row["open_time"]: figures(row) for row in minutes_of_seconds(cleaned.table).to_pylist()}
        traded = [row for row in recorded_minutes(real_data, file) if row["count"]]
        assert {row["open_time"]: made[row["open_time"]] for row in traded} == {
            row["open_time"]: figures(row) for row in traded
        }
