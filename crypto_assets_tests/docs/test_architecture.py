"""The table of rooms is the rule of imports, told to people."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def layers() -> list[set[str]]:
    """Rooms of each layer that exist, from the outside in: `crypto_assets/lake`, `resources`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    rooms = [
        {room.strip("() ").replace(".", "/") for room in layer.split("|")} for layer in contracts["layers"]["layers"]
    ]
    return [{room for room in layer if (ROOT / room).is_dir() or (ROOT / f"{room}.py").is_file()} for layer in rooms]


def rows() -> list[list[str]]:
    """Rooms that each row of the table names, without their suffix."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| room | what it knows |")[2].partition("\n\n")[0]
    first_cells = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    return [re.findall(r"`([\w/]+?)(?:/|\.py)`", cell) for cell in first_cells]


def test_every_room_of_the_rule_has_a_row_and_every_row_is_a_room() -> None:
    named = [room for row in rows() for room in row]
    declared = {room for layer in layers() for room in layer}
    assert len(named) == len(set(named))
    assert declared - set(named) == set()
    assert {room for room in named if room not in declared and str(Path(room).parent) not in declared} == set()


def test_rows_go_from_the_outside_in() -> None:
    order = {room: index for index, layer in enumerate(layers()) for room in layer}
    ranks = [{order.get(room, order.get(str(Path(room).parent), -1)) for room in row} for row in rows()]
    assert [row for row, rank in zip(rows(), ranks, strict=True) if len(rank) != 1] == []
    flat = [rank.pop() for rank in ranks]
    assert flat == sorted(flat)
