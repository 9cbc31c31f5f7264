"""The drawing of the graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tools.graph_svg import Node, draw, order_columns

DIAMOND = [
    Node("a", "bronze", ()),
    Node("b", "silver", ("a",)),
    Node("c", "silver", ("b",)),
    Node("d", "gold", ("a", "c")),
]


def names(columns: list[list[Node]]) -> list[list[str]]:
    return [[node.name for node in column if "~" not in node.name] for column in columns]


def test_a_node_stands_one_column_right_of_its_deepest_parent() -> None:
    assert names(order_columns(DIAMOND)) == [["a"], ["b"], ["c"], ["d"]]


def test_an_edge_over_several_columns_passes_through_a_bend_in_each() -> None:
    columns = order_columns(DIAMOND)
    assert [len(column) for column in columns] == [1, 2, 2, 1]


def test_parallel_chains_do_not_cross() -> None:
    parents = {"x2": "c", "y2": "a", "z2": "b"}
    nodes = [Node(name, "bronze", ()) for name in "abc"]
    nodes += [Node(name, "silver", (parent,)) for name, parent in parents.items()]
    (left, right) = names(order_columns(nodes))
    assert [parents[name] for name in right] == left


def test_a_node_without_edges_goes_last() -> None:
    nodes = [Node("alone", "bronze", ()), Node("b", "bronze", ()), Node("c", "silver", ("b",))]
    assert names(order_columns(nodes)) == [["b", "alone"], ["c"]]


def test_a_parent_outside_the_graph_is_left_out() -> None:
    assert names(order_columns([Node("a", "bronze", ("elsewhere",))])) == [["a"]]


@given(st.permutations(DIAMOND))
def test_the_drawing_does_not_depend_on_the_order_of_nodes(nodes: list[Node]) -> None:
    assert draw(nodes) == draw(DIAMOND)


def test_the_drawing_is_well_formed_and_names_every_node_and_group() -> None:
    root = ET.fromstring(draw([*DIAMOND, Node("<e>&", "gold", ("d",))]))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a", "b", "c", "d", "<e>&", "bronze", "silver", "gold"} <= set(texts)
