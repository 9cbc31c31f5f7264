"""Draws every secret that `.env` lacks, as `.env.example` lists them: `python3 deploy/draw_secrets.py`.

Needs nothing but Python. What `.env` holds already is left as it is; the file is readable by its owner only.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EMPTY = re.compile(r"^([A-Z0-9_]*(?:PASSWORD|SECRET|SECRET_KEY))=\s*$", re.MULTILINE)
BYTES = 24


def main() -> int:
    """Write `.env` beside `.env.example`, and say which secrets were drawn, never what they are."""
    example, target = ROOT / ".env.example", ROOT / ".env"
    before = target.read_text(encoding="utf-8") if target.exists() else example.read_text(encoding="utf-8")
    text, names = with_secrets(before, draw=lambda: secrets.token_hex(BYTES))
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    target.chmod(0o600)
    print(f"{target.name}: drew {', '.join(names)}" if names else f"{target.name} lacks no secret")
    return 0


def with_secrets(text: str, *, draw: Callable[[], str]) -> tuple[str, list[str]]:
    """The text with each empty secret drawn, and the names of those; secrets only are touched."""
    names = EMPTY.findall(text)
    return EMPTY.sub(lambda found: f"{found[1]}={draw()}", text), names


if __name__ == "__main__":
    sys.exit(main())
