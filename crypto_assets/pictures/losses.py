"""A training as two curves: the loss of what was learnt from, and of what was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

from crypto_assets.pictures import png

HEIGHT, MARGIN = 150, 6
_DOT = 2


def losses_picture(training: Sequence[float], validation: Sequence[float]) -> str:
    """Markdown of both losses by epoch, training teal, validation orange; a grey line marks the lowest validation loss.

    Finite numbers, one an epoch, at least one. The scale runs from the lowest to the highest of both.
    """
    low, high = min(*training, *validation), max(*training, *validation)
    image = png.blank(HEIGHT)
    draw = ImageDraw.Draw(image)
    across = np.linspace(MARGIN, png.WIDTH - 1 - MARGIN, len(validation)).round().astype(int).tolist()
    best = int(np.argmin(validation))
    draw.line((across[best], 0, across[best], HEIGHT - 1), fill=png.HALT)
    for losses, colour in ((training, png.PRESENT), (validation, png.DOWN)):
        rows = png.to_rows(losses, low=low, high=high, top=MARGIN, bottom=HEIGHT - 1 - MARGIN)
        points = list(zip(across, rows, strict=True))
        if len(points) > 1:
            draw.line(points, fill=colour, width=2)
        for x, y in points:
            draw.ellipse((x - _DOT, y - _DOT, x + _DOT, y + _DOT), fill=colour)
    alt = f"losses {low:.5g} to {high:.5g} over {len(validation)} epochs, best after epoch {best + 1}"
    return png.as_markdown(image, alt=alt)
