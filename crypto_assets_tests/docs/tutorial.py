"""Blocks of a page that a reader would type, and what the page shows of their output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

type Language = Literal["bash", "python"]

BY_HAND = "<!-- by hand -->"
"""Stands before a block that starts programs which stay, or installs: it is not run by a test."""
_FENCE = re.compile(r"^(<!-- by hand -->\n)?```(bash|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One block to be typed."""

    language: Language
    code: str
    shown: str
    """What the page shows of its output; `…` stands for anything."""
    by_hand: bool


def blocks_of(page: str) -> list[Block]:
    """Blocks of bash and Python in their order, each with the block of text that follows it."""
    blocks: list[Block] = []
    for by_hand, language, code in _FENCE.findall(page):
        if language == "text":
            last = blocks.pop()
            blocks.append(Block(last.language, last.code, code, last.by_hand))
        else:
            blocks.append(Block(cast("Language", language), code, "", bool(by_hand)))
    return blocks


def script_of(blocks: list[Block]) -> str:
    """One bash script of all blocks, which says before each that it begins."""
    lines = ["set -euo pipefail"]
    for number, block in enumerate(blocks):
        lines.append(f"echo '{mark(number)}'")
        lines.append(block.code if block.language == "bash" else f"python - <<'END'\n{block.code}END")
    return "\n".join(lines)


def mark(number: int) -> str:
    """The line that tells where the output of a block begins."""
    return f"=== block {number} ==="


def shows(output: str, shown: str) -> bool:
    """Whether an output is the one shown: lines in their order, `…` for any text and alone for any lines."""
    lines = [".*?" if line.strip() == "…" else _line(line) for line in shown.splitlines()]
    return re.search(r"^\s*" + r"\s*".join(lines), output.strip(), re.DOTALL) is not None


def _line(line: str) -> str:
    return "[^\n]*?".join(re.escape(part.strip()) for part in line.split("…")) + "[^\n]*?" * line.endswith("…")
