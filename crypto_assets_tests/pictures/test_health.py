from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from crypto_assets.pictures import png
from crypto_assets.pictures.health import HealthPicture, Strip, health_picture


def pixels(shown: HealthPicture) -> npt.NDArray[np.int16]:
    return np.array(Image.open(io.BytesIO(health_picture(shown))).convert("RGB"), np.int16)


def has(picture: npt.NDArray[np.int16], index: int) -> bool:
    """Whether a colour of the palette covers more than a line of text does."""
    near = np.abs(picture - np.array(png.PALETTE[index])).max(axis=2) <= 6
    return int(near.sum()) > 500


def shown(*strips: Strip, lost: dict[str, float] | None = None) -> HealthPicture:
    return HealthPicture(title="Health", strips=strips, checks={}, lost=lost or {}, layers={}, disk="Free: all")


def test_each_state_of_a_minute_has_its_colour() -> None:
    present, missing, halted = ((0, 600),), ((600, 660),), ((660, 700),)
    picture = pixels(shown(Strip("BTCUSDT", present, missing, halted, note="600/660")))
    assert all(has(picture, colour) for colour in (png.PRESENT, png.MISSING, png.HALT, png.LIGHT))
    whole = pixels(shown(Strip("BTCUSDT", ((0, 1440),))))
    assert has(whole, png.PRESENT)
    assert not any(has(whole, colour) for colour in (png.MISSING, png.HALT, png.UNUSABLE))


def test_one_missing_minute_can_be_seen() -> None:
    picture = pixels(shown(Strip("BTCUSDT", ((0, 720), (721, 1440)), ((720, 721),))))
    columns = np.flatnonzero((np.abs(picture - np.array(png.PALETTE[png.MISSING])).max(axis=2) <= 60).sum(axis=0) > 20)
    assert columns.size >= 1


def test_minutes_that_streams_lost_are_bars() -> None:
    assert has(pixels(shown(lost={"trades BTCUSDT": 5.0})), png.UNUSABLE)


def test_an_empty_day_is_drawn_too() -> None:
    assert pixels(shown()).shape == (576, 900, 3)


def test_the_markdown_holds_the_picture_itself() -> None:
    text = png.in_markdown(b"\x89PNG", alt="health of a day")
    assert text == f"![health of a day](data:image/png;base64,{base64.b64encode(b'\x89PNG').decode()})"
