"""Losses as curves: where they are, in which colour, and which epoch was best."""

from __future__ import annotations

from crypto_assets.pictures import png
from crypto_assets.pictures.losses import HEIGHT, MARGIN, losses_picture
from crypto_assets_tests.pictures.reading import read_picture

TEAL, ORANGE, GREY = png.PALETTE[png.PRESENT], png.PALETTE[png.DOWN], png.PALETTE[png.HALT]
LEFT, RIGHT = MARGIN, png.WIDTH - 1 - MARGIN


def test_both_curves_run_from_the_first_epoch_to_the_last_on_one_scale() -> None:
    image = read_picture(losses_picture([1.0, 0.5, 0.2], [0.9, 0.6, 0.7]))
    assert image.size == (png.WIDTH, HEIGHT)
    assert image.getpixel((LEFT, MARGIN)) == TEAL
    assert image.getpixel((RIGHT, HEIGHT - 1 - MARGIN)) == TEAL
    rows = [y for y in range(HEIGHT) if image.getpixel((RIGHT, y)) == ORANGE]
    share = (0.7 - 0.2) / (1.0 - 0.2)
    assert abs(sum(rows) / len(rows) - (HEIGHT - 1 - MARGIN - share * (HEIGHT - 1 - 2 * MARGIN))) < 1


def test_a_line_marks_the_best_epoch() -> None:
    markdown = losses_picture([1.0, 0.5, 0.2], [0.9, 0.6, 0.7])
    image = read_picture(markdown)
    grey = {x for x in range(png.WIDTH) if image.getpixel((x, 0)) == GREY}
    assert grey == {round((LEFT + RIGHT) / 2)}
    assert "losses 0.2 to 1 over 3 epochs, best after epoch 2" in markdown


def test_one_epoch_is_two_dots() -> None:
    image = read_picture(losses_picture([1.0], [0.5]))
    assert {image.getpixel((LEFT, MARGIN)), image.getpixel((LEFT, HEIGHT - 1 - MARGIN))} == {TEAL, ORANGE}


def test_losses_that_are_all_the_same_lie_in_the_middle() -> None:
    image = read_picture(losses_picture([1.0, 1.0], [1.0, 1.0]))
    assert image.getpixel((png.WIDTH // 3, round((HEIGHT - 1) / 2))) == ORANGE
