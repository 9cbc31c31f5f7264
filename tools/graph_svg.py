"""A layered drawing of an asset graph as SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

NODE_WIDTH, NODE_HEIGHT = 190, 30
COLUMN_GAP, ROW_GAP, MARGIN = 90, 14, 20
TITLE_HEIGHT = 34
SWEEPS = 8  # of the ordering; the small graphs drawn here stop changing after three

FILLS = ("#f2c48d", "#cfd6de", "#f3dc7a", "#a8d5ba", "#b7c9f2", "#e3b8d8")
"""A light fill for each group, in order of appearance; the text on it is always dark."""
TEXT, LINE = "#1c2128", "#8b949e"  # the line's grey has contrast above 3:1 on white and on GitHub's dark page


@dataclass(frozen=True, slots=True)
class Node:
    """One asset: its name, its group, and the names of what it depends on."""

    name: str
    group: str
    parents: tuple[str, ...]


def draw(nodes: Sequence[Node]) -> str:
    """The SVG document: a column for each layer, sources on the left."""
    columns = order_columns(nodes)
    height = MARGIN * 2 + TITLE_HEIGHT + max(map(len, columns)) * (NODE_HEIGHT + ROW_GAP)
    width = MARGIN * 2 + len(columns) * NODE_WIDTH + (len(columns) - 1) * COLUMN_GAP
    places = _places(columns, height=height)
    groups = list(dict.fromkeys(node.group for column in columns for node in column))
    fills = {group: FILLS[index % len(FILLS)] for index, group in enumerate(groups)}
    edges = [_edge(places[parent], places[node.name]) for node in nodes for parent in sorted(node.parents)]
    boxes = [_box(node, places[node.name], fill=fills[node.group]) for column in columns for node in column]
    titles = [_title(index, column) for index, column in enumerate(columns)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">',
            "<title>The asset graph</title>",
            *edges,
            *boxes,
            *titles,
            "</svg>",
            "",
        ]
    )


def order_columns(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes by layer (one more than the deepest parent), ordered within it so that few edges cross.

    Parents that are not among the nodes are left out of account. The result does not depend on the order of `nodes`.
    """
    by_name = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
    layers = {name: _layer(name, by_name) for name in by_name}
    columns: list[list[Node]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for name, node in by_name.items():
        columns[layers[name]].append(node)
    children = {name: [n.name for n in by_name.values() if name in n.parents] for name in by_name}
    parents = {name: list(node.parents) for name, node in by_name.items()}
    for sweep in range(SWEEPS):
        neighbours = parents if sweep % 2 == 0 else children
        heights = {node.name: (row + 0.5) / len(column) for column in columns for row, node in enumerate(column)}
        for column in columns:
            column.sort(key=lambda node: (_mean_height(neighbours[node.name], heights, heights[node.name]), node.name))
    return columns


def _layer(name: str, by_name: Mapping[str, Node]) -> int:
    return max((1 + _layer(parent, by_name) for parent in by_name[name].parents if parent in by_name), default=0)


def _mean_height(names: Sequence[str], heights: Mapping[str, float], own: float) -> float:
    known = [heights[name] for name in names if name in heights]
    return sum(known) / len(known) if known else own


def _places(columns: Sequence[Sequence[Node]], *, height: int) -> dict[str, tuple[float, float]]:
    """Left top corner of each node; columns are centred on each other."""
    usable = height - MARGIN * 2 - TITLE_HEIGHT
    places: dict[str, tuple[float, float]] = {}
    for index, column in enumerate(columns):
        x = MARGIN + index * (NODE_WIDTH + COLUMN_GAP)
        top = MARGIN + TITLE_HEIGHT + (usable - len(column) * (NODE_HEIGHT + ROW_GAP)) / 2
        places |= {node.name: (x, top + row * (NODE_HEIGHT + ROW_GAP)) for row, node in enumerate(column)}
    return places


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + NODE_WIDTH, start[1] + NODE_HEIGHT / 2
    x2, y2 = end[0], end[1] + NODE_HEIGHT / 2
    bend = (x2 - x1) / 2
    path = f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - bend:g},{y2:g} {x2:g},{y2:g}"
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.2"/>'


def _box(node: Node, place: tuple[float, float], *, fill: str) -> str:
    x, y = place
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="6" fill="{fill}"/>'
        f'<text x="{x + NODE_WIDTH / 2:g}" y="{y + NODE_HEIGHT / 2 + 4.5:g}" text-anchor="middle" fill="{TEXT}">'
        f"{escape(node.name)}</text>"
    )


def _title(index: int, column: Sequence[Node]) -> str:
    groups = escape(" · ".join(dict.fromkeys(node.group for node in column)))
    x = MARGIN + index * (NODE_WIDTH + COLUMN_GAP) + NODE_WIDTH / 2
    return f'<text x="{x:g}" y="{MARGIN + 14}" text-anchor="middle" fill="{LINE}" font-weight="bold">{groups}</text>'
