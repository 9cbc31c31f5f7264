"""An evaluation as skill by fold and regime: what the model is worth over the last price, and how surely."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import ImageDraw, ImageFont

from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.figures import Cell, Regime
from crypto_assets.pictures import png

HEIGHT, MARGIN, LABEL_HEIGHT = 170, 6, 28
LEAST_EDGE, LARGEST_EDGE = 0.005, 1.0
"""Skill at the edges of the picture, at least and at most; what is beyond is drawn there."""
_BAR, _DOT = 3, 2
_LETTERS: dict[Regime | None, str] = {None: "all", "quiet": "q", "usual": "u", "wild": "w"}


def skill_picture(evaluation: Evaluation) -> str:
    """Markdown of the skill at the primary horizon, against persistence, for each fold and regime.

    A column for all rows of a fold, then for its quiet, usual and wild rows (by volatility before the forecast). A
    bar is the interval of the first seed's skill, teal where it lies above zero, orange below, grey where zero lies in
    it; dots are the skills of all seeds. The newest fold, on the right, decides.
    """
    horizon = evaluation.horizons[evaluation.options.judge.primary]
    columns: list[tuple[int, Regime | None, list[Cell]]] = [
        (fold.number, regime, list(_cells(evaluation, horizon=horizon, fold=fold.number, regime=regime)))
        for fold in evaluation.folds
        for regime in _LETTERS
    ]
    edge = _edge([cell for _, _, cells in columns for cell in cells])
    image = png.blank(HEIGHT + LABEL_HEIGHT)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=11)
    draw.fontmode = "1"  # a palette has no shades between text and background
    zero = _row(0.0, edge=edge)
    draw.line((0, zero, png.WIDTH - 1, zero), fill=png.HALT)
    for place, (fold, regime, cells) in enumerate(columns):
        x = round((place + 0.5) * png.WIDTH / len(columns))
        _draw_column(draw, cells, x, edge=edge)
        draw.text((x, HEIGHT), _LETTERS[regime], fill=png.HALT, font=font, anchor="ma")
        if regime is None:
            left = round(place * png.WIDTH / len(columns))
            draw.line((left, 0, left, image.height - 1), fill=png.LIGHT)
            draw.text((left + 4, HEIGHT + LABEL_HEIGHT // 2), f"fold {fold}", fill=png.HALT, font=font)
    return png.as_markdown(
        image,
        alt=f"skill over persistence by fold and regime, {horizon} rows ahead, edges at {100 * edge:.3g} %",
    )


def _cells(evaluation: Evaluation, *, horizon: int, fold: int, regime: Regime | None) -> Iterator[Cell]:
    """Of each seed; none where a fold has no rows of the regime."""
    for seed in evaluation.seeds:
        try:
            yield evaluation.model(horizon=horizon, seed=seed, fold=fold, regime=regime)
        except LookupError:
            return


def _draw_column(draw: ImageDraw.ImageDraw, cells: list[Cell], x: int, *, edge: float) -> None:
    interval = cells[0].errors.interval if cells and cells[0].errors else None
    if interval is not None:
        colour = png.PRESENT if interval.low > 0 else png.DOWN if interval.high < 0 else png.HALT
        high, low = _row(interval.high, edge=edge), _row(interval.low, edge=edge)
        draw.rectangle((x - _BAR, high, x + _BAR, max(high, low)), fill=png.LIGHT, outline=colour)
    for cell in cells:
        if cell.errors is not None and cell.errors.skill is not None:
            y = _row(cell.errors.skill, edge=edge)
            colour = png.PRESENT if cell.errors.skill > 0 else png.DOWN
            draw.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), fill=colour)


def _edge(cells: list[Cell]) -> float:
    known = [cell.errors for cell in cells if cell.errors is not None]
    reach = [abs(errors.skill) for errors in known if errors.skill is not None]
    reach += [abs(end) for errors in known if errors.interval for end in (errors.interval.low, errors.interval.high)]
    return min(LARGEST_EDGE, max([LEAST_EDGE, *reach]))


def _row(skill: float, *, edge: float) -> int:
    """Row of pixels of a skill: `edge` at the top, -`edge` at the bottom."""
    return png.to_rows([skill], low=-edge, high=edge, top=MARGIN, bottom=HEIGHT - 1 - MARGIN)[0]
