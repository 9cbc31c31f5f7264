from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from crypto_assets.cleaning.coverage import Slot
from crypto_assets.pictures import png
from crypto_assets.pictures.coverage import coverage_picture
from crypto_assets_tests.pictures.reading import colours, read_picture


def strip(**slots: slice) -> np.ndarray:
    day = np.full(1440, Slot.PRESENT, np.int8)
    for name, where in slots.items():
        day[where] = Slot[name.upper()]
    return day


def test_a_complete_day_has_one_colour() -> None:
    assert set(colours(row(coverage_picture(strip())))) == {png.PALETTE[png.PRESENT]}


def test_a_single_missing_minute_is_seen() -> None:
    drawn = colours(row(coverage_picture(strip(missing=slice(721, 722)))))
    assert drawn.count(png.PALETTE[png.MISSING]) == 1
    assert drawn[180] == png.PALETTE[png.MISSING]


@pytest.mark.parametrize(
    ("slot", "colour"),
    [("halt", png.HALT), ("filled", png.FILLED), ("unusable", png.UNUSABLE), ("not_yet", png.LIGHT)],
)
def test_every_state_has_its_colour(slot: str, colour: int) -> None:
    drawn = colours(row(coverage_picture(strip(**{slot: slice(0, 720)}))))
    assert drawn[:180] == [png.PALETTE[colour]] * 180
    assert drawn[180:] == [png.PALETTE[png.PRESENT]] * 180


def test_a_day_of_96_slots_fills_the_same_width() -> None:
    quarter_hours = np.full(96, Slot.PRESENT, np.int8)
    quarter_hours[48:] = Slot.MISSING
    drawn = colours(row(coverage_picture(quarter_hours)))
    assert len(drawn) == png.STRIP_WIDTH
    assert drawn.count(png.PALETTE[png.MISSING]) == png.STRIP_WIDTH // 2


def row(markdown: str) -> Image.Image:
    image = read_picture(markdown)
    return image.crop((0, 0, image.width, 1))
