"""What the page shows of a day of seconds."""

from __future__ import annotations

import base64
import io
from datetime import date
from pathlib import Path

from PIL import Image

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.seconds import clean_seconds, read_seconds
from crypto_assets.assets.candle_metadata import describe_seconds
from crypto_assets.lake.lake import Lake
from crypto_assets.pictures import png
from crypto_assets.schemas import KLINES_1S
from crypto_assets_tests.archive.second_files import SYMBOL, line, lines_of, second, zipped

DAY = date(2024, 8, 1)


def described(folder: Path, text: str) -> dict[str, object]:
    content = zipped(file_of(SYMBOL, DAY), text)
    cleaned = clean_seconds(read_seconds(content, symbol=SYMBOL, day=DAY), day=DAY)
    published = Lake(str(folder)).publish(KLINES_1S, SYMBOL, DAY, cleaned.table)
    metadata = describe_seconds(cleaned, published, day=DAY)
    return {name: getattr(value, "md_str", value) for name, value in metadata.items()}


def pixels(markdown: object) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(str(markdown).rpartition("base64,")[2].rstrip(")"))))


def test_a_whole_day_shows_its_prices_and_no_red(tmp_path: Path) -> None:
    shown = described(tmp_path, lines_of(DAY))
    strip = pixels(shown["coverage"])
    assert {strip.getpixel((x, 0)) for x in range(strip.width)} == {png.PRESENT}
    assert str(shown["candles"]).startswith("![price 60,000")
    figures = ("dagster/row_count", "slots_present", "present_percent", "duplicates", "rejected", "gap_seconds", "gaps")
    assert [shown[name] for name in figures] == [86_400, 86_400, 100.0, 0, 0, 0, "none"]
    assert shown["flag_no_trades"] == 28_800


def test_gaps_and_copies_are_counted_the_longest_gaps_listed_and_a_single_lost_second_is_red(tmp_path: Path) -> None:
    lost = [*range(100, 4_100, 100), 43_200, 43_201]
    kept = "".join(line(second(DAY, number)) for number in range(86_400) if number not in lost)
    shown = described(tmp_path, kept + line(second(DAY, 5)))
    assert (shown["duplicates"], shown["gap_seconds"], shown["slots_missing"]) == (1, 42, 42)
    listed = str(shown["gaps"]).splitlines()
    assert len(listed) == 21
    assert any("12:00" in each and each.endswith(": 2 s") for each in listed)
    assert listed[-1] == "- and 21 more, none longer"
    strip = pixels(shown["coverage"])
    assert strip.getpixel((43_200 * strip.width // 86_400, 0)) == png.MISSING
    assert strip.getpixel((strip.width - 1, 0)) == png.PRESENT
