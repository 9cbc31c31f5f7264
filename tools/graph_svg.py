"""A layered drawing of an asset graph as SVG, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import escape

NODE_WIDTH, NODE_HEIGHT = 190, 30
COLUMN_GAP, ROW_GAP, MARGIN = 90, 14, 20
LEGEND_HEIGHT, LEGEND_WIDTH, SWATCH = 40, 130, 14
BEND = "~"  # begins the name of a node that is only a bend of an edge
SWEEPS = 8  # of the ordering; the small graphs drawn here stop changing after three

FILLS = {"bronze": "#f2c48d", "silver": "#cfd6de", "gold": "#f3dc7a"}
OTHER_FILLS = ("#a8d5ba", "#b7c9f2", "#e3b8d8", "#a9dbe3", "#f4b6b0", "#d3c4ee", "#cfe0a3")
"""Light fills by group, those of other groups in order of appearance; the text on them is always dark."""
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
    height = MARGIN * 2 + LEGEND_HEIGHT + max(sum(map(_height, column)) for column in columns)
    width = MARGIN * 2 + len(columns) * NODE_WIDTH + (len(columns) - 1) * COLUMN_GAP
    places = _places(columns, height=height)
    drawn = [node for column in columns for node in column]
    groups = list(dict.fromkeys(node.group for node in drawn if not _is_bend(node)))
    others = [group for group in groups if group not in FILLS]
    fills = FILLS | {group: OTHER_FILLS[index % len(OTHER_FILLS)] for index, group in enumerate(others)}
    edges = [_edge(places[parent], places[node.name]) for node in drawn for parent in sorted(node.parents)]
    bends = [_bend(places[node.name]) for node in drawn if _is_bend(node)]
    boxes = [_box(node, places[node.name], fill=fills[node.group]) for node in drawn if not _is_bend(node)]
    legend = [_legend(index, group, fill=fills[group]) for index, group in enumerate(groups)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:g}" role="img" '
            'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13">',
            "<title>The asset graph</title>",
            *edges,
            *bends,
            *boxes,
            *legend,
            "</svg>",
            "",
        ]
    )


def order_columns(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes by layer (one more than the deepest parent), ordered within it so that few edges cross.

    An edge over several layers passes through a nameless node in each, so that it goes between the boxes. Parents that
    are not among the nodes are left out. The result does not depend on the order of `nodes`.
    """
    by_name = _with_bends({node.name: node for node in sorted(nodes, key=lambda node: node.name)})
    layers = {name: _layer(name, by_name) for name in by_name}
    columns: list[list[Node]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for name, node in by_name.items():
        columns[layers[name]].append(node)
    parents = {name: list(node.parents) for name, node in by_name.items()}
    children = {name: [n.name for n in by_name.values() if name in n.parents] for name in by_name}
    for sweep in range(SWEEPS):
        neighbours = parents if sweep % 2 == 0 else children
        for column in columns if neighbours is parents else reversed(columns):
            heights = {node.name: (row + 0.5) / len(other) for other in columns for row, node in enumerate(other)}
            column.sort(key=partial(_rank, neighbours=neighbours, heights=heights))
    for column in columns:
        column.sort(key=lambda node: not (parents[node.name] or children[node.name]))  # nodes without edges go last
    return columns


def _with_bends(by_name: Mapping[str, Node]) -> dict[str, Node]:
    """The nodes, with chains of nameless ones where a parent is more than one layer away."""
    layers = {name: _layer(name, by_name) for name in by_name}
    result: dict[str, Node] = {}
    for name, node in by_name.items():
        near: list[str] = []
        for parent in node.parents:
            last = parent
            for layer in range(layers.get(parent, layers[name]) + 1, layers[name]):
                bend = Node(f"{BEND}{parent}{BEND}{name}{BEND}{layer}", "", (last,))
                result[bend.name] = bend
                last = bend.name
            if parent in by_name:
                near.append(last)
        result[name] = replace(node, parents=tuple(near))
    return result


def _layer(name: str, by_name: Mapping[str, Node]) -> int:
    return max((1 + _layer(parent, by_name) for parent in by_name[name].parents if parent in by_name), default=0)


def _rank(node: Node, *, neighbours: Mapping[str, Sequence[str]], heights: Mapping[str, float]) -> tuple[float, str]:
    known = [heights[name] for name in neighbours[node.name]]
    return (sum(known) / len(known) if known else heights[node.name], node.name)


def _is_bend(node: Node) -> bool:
    return node.name.startswith(BEND)


def _height(node: Node) -> float:
    return ROW_GAP if _is_bend(node) else NODE_HEIGHT + ROW_GAP


def _places(columns: Sequence[Sequence[Node]], *, height: float) -> dict[str, tuple[float, float]]:
    """Middle of the left side of each node; columns are centred on each other."""
    usable = height - MARGIN * 2 - LEGEND_HEIGHT
    places: dict[str, tuple[float, float]] = {}
    for index, column in enumerate(columns):
        x = MARGIN + index * (NODE_WIDTH + COLUMN_GAP)
        y = MARGIN + LEGEND_HEIGHT + (usable - sum(map(_height, column))) / 2
        for node in column:
            places[node.name] = (x, y + _height(node) / 2)
            y += _height(node)
    return places


def _edge(start: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = start[0] + NODE_WIDTH, start[1]
    x2, y2 = end
    bend = (x2 - x1) / 2
    path = f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - bend:g},{y2:g} {x2:g},{y2:g}"
    return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.2"/>'


def _bend(place: tuple[float, float]) -> str:
    x, y = place
    return f'<path d="M{x:g},{y:g} h{NODE_WIDTH}" fill="none" stroke="{LINE}" stroke-width="1.2"/>'


def _box(node: Node, place: tuple[float, float], *, fill: str) -> str:
    x, y = place
    return (
        f'<rect x="{x:g}" y="{y - NODE_HEIGHT / 2:g}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="6" '
        f'fill="{fill}"/>'
        f'<text x="{x + NODE_WIDTH / 2:g}" y="{y + 4.5:g}" text-anchor="middle" fill="{TEXT}">'
        f"{escape(node.name)}</text>"
    )


def _legend(index: int, group: str, *, fill: str) -> str:
    x = MARGIN + index * LEGEND_WIDTH
    return (
        f'<rect x="{x}" y="{MARGIN}" width="{SWATCH}" height="{SWATCH}" rx="3" fill="{fill}"/>'
        f'<text x="{x + SWATCH + 8}" y="{MARGIN + 11.5:g}" fill="{LINE}" font-weight="bold">{escape(group)}</text>'
    )
