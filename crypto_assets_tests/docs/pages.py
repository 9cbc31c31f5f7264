"""What pages tell a reader to type."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_CONTINUED = re.compile(r"[ \t]*\\\n\s*")


def code_of(page: str) -> list[str]:
    """Lines of a page's blocks, joined where one goes on with a backslash, and what stands between backticks."""
    bare = _FENCED.sub("\n", page)
    blocks = [*_FENCED.findall(page), *_INDENTED.findall(bare)]
    lines = [line.strip() for block in blocks for line in _CONTINUED.sub(" ", block).splitlines()]
    return [*lines, *_INLINE.findall(_INDENTED.sub("\n", bare))]
