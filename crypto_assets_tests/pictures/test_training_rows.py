from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from crypto_assets.forecast.training_sets_usage import DayRows
from crypto_assets.pictures import png
from crypto_assets.pictures.training_rows import COLOURS, HEIGHT, training_rows_picture
from crypto_assets_tests.pictures.reading import read_picture

WHOLE = DayRows(usable=1_440, filled=0, cold=0, gap=0)
DAY = date(2024, 8, 1)


def columns(*rows: DayRows) -> list[Counter[str]]:
    """Pixels of each kind in the middle of each day's column."""
    named = {png.PALETTE[index]: name for name, index in COLOURS.items()} | {png.PALETTE[png.BACKGROUND]: "nothing"}
    image = read_picture(training_rows_picture({DAY + timedelta(n): day for n, day in enumerate(rows)}))
    width = png.STRIP_WIDTH / len(rows)
    middles = [int((n + 0.5) * width) for n in range(len(rows))]
    return [Counter(named[image.getpixel((x, y))] for y in range(HEIGHT)) for x in middles]  # pyright: ignore[reportArgumentType]


def test_a_day_is_cut_by_the_shares_of_its_rows() -> None:
    assert columns(DayRows(usable=720, filled=360, cold=360, gap=0), DayRows(usable=0, filled=0, cold=0, gap=9)) == [
        {"usable": 24, "filled": 12, "cold": 12},
        {"gap": 48},
    ]


def test_a_single_missing_minute_is_seen() -> None:
    assert columns(WHOLE, DayRows(usable=1_439, filled=0, cold=0, gap=1), WHOLE)[1] == {"usable": 47, "gap": 1}


def test_nothing_is_drawn_of_a_day_that_has_not_begun() -> None:
    assert columns(WHOLE, DayRows(usable=0, filled=0, cold=0, gap=0))[1] == {"nothing": HEIGHT}


def test_usable_rows_lie_at_the_bottom_and_gaps_at_the_top() -> None:
    image = read_picture(training_rows_picture({DAY: DayRows(usable=1, filled=1, cold=1, gap=1)}))
    assert [image.getpixel((9, y)) for y in (0, 13, 25, 47)] == [
        png.PALETTE[index] for index in (png.MISSING, png.HALT, png.FILLED, png.PRESENT)
    ]


def test_ten_years_fit_and_a_bad_day_among_them_is_seen() -> None:
    rows = {DAY + timedelta(n): WHOLE for n in range(3_650)}
    rows[DAY + timedelta(1_825)] = DayRows(usable=0, filled=0, cold=0, gap=1_440)
    image = read_picture(training_rows_picture(rows))
    reds = [image.getpixel((x, 0)) for x in range(png.STRIP_WIDTH)].count(png.PALETTE[png.MISSING])
    assert image.width == png.STRIP_WIDTH
    assert reds == 1


def test_the_words_beside_it_name_days_and_colours() -> None:
    picture = training_rows_picture({DAY: WHOLE})
    assert picture.startswith("![rows by day from 2024-08-01 to 2024-08-01: usable (teal)")
    assert len(picture) < 3_000
