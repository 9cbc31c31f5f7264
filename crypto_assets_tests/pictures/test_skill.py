"""Skill by fold and regime: where a bar stands, in which colour."""

from __future__ import annotations

from functools import cache

import msgspec

from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.pictures import png
from crypto_assets.pictures.skill import HEIGHT, LABEL_HEIGHT, skill_picture
from crypto_assets_tests.forecast.judge.worlds import Model, judged, options_of, oracle, zero
from crypto_assets_tests.forecast.tables import random_walk
from crypto_assets_tests.pictures.reading import read_picture

TEAL, ORANGE = png.PALETTE[png.PRESENT], png.PALETTE[png.DOWN]
COLUMNS = 2 * 4


@cache
def evaluation_by(model: Model) -> Evaluation:
    return judged(random_walk(900, seed=3), model, options_of(horizons=(1, 3), seeds=2)).evaluation


def middle(column: int) -> int:
    return round((column + 0.5) * png.WIDTH / COLUMNS)


def test_a_model_that_knows_the_future_stands_above_zero_in_every_fold_and_regime() -> None:
    markdown = skill_picture(evaluation_by(oracle))
    image = read_picture(markdown)
    assert image.size == (png.WIDTH, HEIGHT + LABEL_HEIGHT)
    for column in range(COLUMNS):
        rows = [y for y in range(HEIGHT) if image.getpixel((middle(column), y)) == TEAL]
        assert rows, column
        assert max(rows) < HEIGHT // 2
    assert "1 rows ahead" in markdown
    assert ORANGE not in {image.getpixel((x, y)) for x in range(png.WIDTH) for y in range(HEIGHT)}


def test_a_model_that_is_the_last_price_stands_on_the_line() -> None:
    image = read_picture(skill_picture(evaluation_by(zero)))
    dots = [y for y in range(HEIGHT) if image.getpixel((middle(0), y)) == ORANGE]
    assert dots
    assert abs(sum(dots) / len(dots) - (HEIGHT - 1) / 2) < 1


def test_the_horizon_that_decides_is_the_one_that_is_drawn() -> None:
    evaluation = evaluation_by(oracle)
    judge = msgspec.structs.replace(evaluation.options.judge, primary=1)
    options = msgspec.structs.replace(evaluation.options, judge=judge)
    assert "3 rows ahead" in skill_picture(msgspec.structs.replace(evaluation, options=options))


def test_a_fold_without_wild_rows_has_an_empty_column() -> None:
    evaluation = evaluation_by(oracle)
    cells = tuple(cell for cell in evaluation.cells if cell.regime != "wild")
    image = read_picture(skill_picture(msgspec.structs.replace(evaluation, cells=cells)))
    assert TEAL not in {image.getpixel((middle(3), y)) for y in range(HEIGHT)}
    assert TEAL in {image.getpixel((middle(2), y)) for y in range(HEIGHT)}
