"""The little that Streamlit's themes do not say: parts that are dimmed, and a phone's width."""

from __future__ import annotations

from PIL import Image, ImageDraw

from crypto_assets.dashboard.flags import ORANGE, TEAL

STYLE = """<style>
/* a fragment that runs again fades what it replaces: live figures would flicker */
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
[class*="st-key-dimmed-"], [class*="st-key-down-"] { opacity: .45; filter: saturate(.4); }
.block-container { padding-top: 4.25rem; padding-bottom: 3rem; max-width: 110rem; }
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; }
table { font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  .block-container { padding-left: .75rem; padding-right: .75rem; }
}
</style>"""


def icon() -> Image.Image:
    """Two candles for the browser's tab: drawn here, because every named icon is fetched from another host."""
    image = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(image)
    for left, top, bottom, colour in ((10, 20, 50, ORANGE), (38, 8, 40, TEAL)):
        draw.line((left + 8, top - 6, left + 8, bottom + 10), fill=colour, width=4)
        draw.rounded_rectangle((left, top, left + 16, bottom), radius=3, fill=colour)
    return image
