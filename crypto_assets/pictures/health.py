"""A day's health as one picture: minutes and gaps over the day, checks, storage and disk."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_assets.pictures import png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES, DPI = (10.0, 6.4), 90
HOURS = 24
MOST_BARS = 8
_COLOURS = {
    name: "#" + "".join(f"{channel:02x}" for channel in png.PALETTE[index])
    for name, index in {
        "present": png.PRESENT,
        "missing": png.MISSING,
        "filled": png.FILLED,
        "halt": png.HALT,
        "pale": png.LIGHT,
        "lost": png.UNUSABLE,
    }.items()
}


@dataclass(frozen=True, slots=True)
class Strip:
    """A row over the day; stretches are (start, end) in minutes from midnight."""

    label: str
    present: tuple[tuple[float, float], ...] = ()
    missing: tuple[tuple[float, float], ...] = ()
    halted: tuple[tuple[float, float], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPicture:
    """What is drawn."""

    title: str
    strips: Sequence[Strip]
    """A row for each symbol."""
    checks: Mapping[str, tuple[int, int, int]]
    """Passed, warned and failed results by group, the worst first."""
    lost: Mapping[str, float]
    """Minutes that a stream lost, the most first."""
    without_loss: str = "none"
    """What is said where none lost any."""
    layers: Mapping[str, int]
    """Bytes by layer, the largest first."""
    disk: str
    """Used and free in words."""


def health_picture(shown: HealthPicture) -> bytes:
    """The picture as a PNG of some ten kB, the same bytes for the same content."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=INCHES, dpi=DPI, layout="constrained")
    figure.suptitle(shown.title, x=0.01, ha="left", fontweight="bold", fontsize=12)
    places = figure.subplot_mosaic(
        [["day", "day"], ["checks", "lost"], ["checks", "layers"]], height_ratios=[1.2, 1, 1]
    )
    _draw_day(places["day"], shown.strips)
    _draw_checks(places["checks"], shown.checks)
    _draw_bars(
        places["lost"],
        shown.lost,
        title="Minutes that streams lost",
        unit="minutes",
        colour="lost",
        none=shown.without_loss,
    )
    megabytes = {layer: count / 1e6 for layer, count in shown.layers.items()}
    _draw_bars(
        places["layers"],
        megabytes,
        title=f"Storage by layer. {shown.disk}",
        unit="MB",
        colour="present",
        none="empty lake",
    )
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba())).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(64).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _draw_day(axes: Axes, strips: Sequence[Strip]) -> None:
    axes.set_title("Minutes of silver: teal there, red missing, grey a halt of the exchange", loc="left", fontsize=9)
    for row, strip in enumerate(strips):
        axes.broken_barh([(0, HOURS)], (row - 0.35, 0.7), facecolors=_COLOURS["pale"])
        for spans, name in ((strip.present, "present"), (strip.halted, "halt"), (strip.missing, "missing")):
            bars = [(start / 60, max(end - start, 2) / 60) for start, end in spans]
            axes.broken_barh(bars, (row - 0.35, 0.7), facecolors=_COLOURS[name])
        axes.text(HOURS + 0.15, row, strip.note, va="center", fontsize=8, clip_on=False)
    axes.set_yticks(range(len(strips)), [strip.label for strip in strips], fontsize=8)
    axes.set_ylim(max(1, len(strips)) - 0.5, -0.5)
    axes.set_xlim(0, HOURS)
    axes.set_xticks(range(0, HOURS + 1, 3), [f"{hour:02d}:00" for hour in range(0, HOURS + 1, 3)], fontsize=8)
    axes.set_xlabel("UTC", fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_checks(axes: Axes, checks: Mapping[str, tuple[int, int, int]]) -> None:
    axes.set_title("Checks: teal passed, yellow warned, red failed", loc="left", fontsize=9)
    groups = list(checks.items())[:MOST_BARS]
    left = [0] * len(groups)
    for place, name in enumerate(("present", "filled", "missing")):
        counts = [counts[place] for _, counts in groups]
        axes.barh(range(len(groups)), counts, left=left, color=_COLOURS[name], height=0.7)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    _finish_bars(axes, [name for name, _ in groups], unit="results", none="no check ran")


def _draw_bars(axes: Axes, bars: Mapping[str, float], *, title: str, unit: str, colour: str, none: str) -> None:
    axes.set_title(title, loc="left", fontsize=9)
    shown = list(bars.items())[:MOST_BARS]
    axes.barh(range(len(shown)), [value for _, value in shown], color=_COLOURS[colour], height=0.7)
    _finish_bars(axes, [name for name, _ in shown], unit=unit, none=none)


def _finish_bars(axes: Axes, names: Sequence[str], *, unit: str, none: str) -> None:
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(unit, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if not names:
        axes.text(0.5, 0.5, none, ha="center", va="center", transform=axes.transAxes, fontsize=9)
        axes.set_xticks([])
