"""The little that Streamlit's themes do not say: parts that are dimmed, small tables, and a phone's width."""

from __future__ import annotations

from PIL import Image, ImageDraw

from crypto_assets.dashboard.flags import ORANGE, TEAL

STYLE = """<style>
/* a fragment that runs again fades what it replaces: live figures would flicker */
[data-stale="true"] { opacity: 1 !important; transition: none !important; }
[data-testid="stStatusWidget"] { display: none; }
[class*="st-key-dimmed-"], [class*="st-key-down-"] { opacity: .45; filter: saturate(.4); }
.stMainBlockContainer { padding-top: 4.25rem; padding-bottom: 3rem; max-width: 110rem; }
.ca-scroll { overflow-x: auto; }
table.ca { width: 100%; border-collapse: collapse; font-size: .82rem; line-height: 1.5; white-space: nowrap; }
table.ca, .ca-cards, .ca-line { font-variant-numeric: tabular-nums; }
table.ca th { text-align: left; font-weight: 400; opacity: .65; padding: .1rem .5rem; border: 0; }
table.ca td { padding: .06rem .5rem; border: 0; }
.ca-quiet { opacity: .65; }
.ca-balance { display: flex; height: .5rem; border-radius: .25rem; overflow: hidden; }
.ca-balance span { display: block; transition: width .3s; }
.ca-line { display: flex; justify-content: space-between; gap: .5rem; font-size: .82rem; margin-top: .25rem; }
.ca-cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .75rem; }
.ca-card { border: 1px solid rgba(128, 140, 160, .35); border-radius: .5rem; padding: .6rem .9rem; }
.ca-card.on { border-color: TEAL; box-shadow: inset 0 0 0 1px TEAL; }
.ca-card .name { font-size: .8rem; opacity: .75; display: flex; justify-content: space-between; }
.ca-card .value { font-size: 1.45rem; font-weight: 600; line-height: 1.35; white-space: nowrap; }
.ca-card .value small { font-size: .75rem; font-weight: 400; opacity: .7; }
.ca-card .foot { font-size: .8rem; display: flex; justify-content: space-between; gap: .5rem; flex-wrap: wrap; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: .75rem; padding-right: .75rem; }
  .ca-cards { grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; }
  .ca-card { padding: .45rem .6rem; }
  .ca-card .value { font-size: 1.15rem; }
}
</style>""".replace("TEAL", TEAL)


def icon() -> Image.Image:
    """Two candles for the browser's tab: drawn here, because every named icon is fetched from another host."""
    image = Image.new("RGBA", (64, 64))
    draw = ImageDraw.Draw(image)
    for left, top, bottom, colour in ((10, 20, 50, ORANGE), (38, 8, 40, TEAL)):
        draw.line((left + 8, top - 6, left + 8, bottom + 10), fill=colour, width=4)
        draw.rounded_rectangle((left, top, left + 16, bottom), radius=3, fill=colour)
    return image
