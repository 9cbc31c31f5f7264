"""A newcomer who types the tutorial sees what it shows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_assets_tests.docs.tutorial import Block, blocks_of, mark, script_of, shows

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
pytestmark = pytest.mark.timeout(900)  # eight programs, one after the other, on however busy a machine
TYPED = [block for block in blocks_of(TUTORIAL.read_text(encoding="utf-8")) if not block.by_hand]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of the tutorial prints, typed in one shell in a folder where nothing was run before."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(sys.prefix)
    environment = {
        **{"PATH": os.defpath, "HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", "TZ": "UTC"},
        **{"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
    }
    done = subprocess.run(
        ["bash", "-c", script_of(TYPED)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(path.read_text()[-1500:] for path in sorted(folder.glob(".data/tutorial/*.log")))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + logs
    rest, found = done.stdout, []
    for number in range(1, len(TYPED)):
        before, _, rest = rest.partition(f"{mark(number)}\n")
        found.append(before.partition("===\n")[2] if number == 1 else before)
    return [*found, rest]


def test_the_tutorial_can_be_typed_and_prints_what_it_shows(outputs: list[str]) -> None:
    wrong = [
        f"{block.code}\nshows\n{block.shown}\nbut printed\n{output}"
        for block, output in zip(TYPED, outputs, strict=True)
        if block.shown and not shows(output, block.shown)
    ]
    assert wrong == []


def test_most_of_the_tutorial_is_typed_by_the_test() -> None:
    blocks = blocks_of(TUTORIAL.read_text(encoding="utf-8"))
    assert len(TYPED) >= 7
    assert {line.split()[0] for b in blocks if b.by_hand for line in b.code.splitlines()} <= {"make", "rm"}


def test_an_output_is_compared_line_by_line_but_for_what_is_left_out() -> None:
    assert shows("a 1\nb\nc\n", "a …\n…\nc\n")
    assert shows("a\nx\ny\nb\n", "a\n…\nb\n")
    assert not shows("a\nx\nb\n", "a\nb\n")
    assert not shows("a 1\nb 2\n", "a …\nb 3\n")


def test_a_block_of_text_belongs_to_the_block_before_it() -> None:
    page = "x\n```bash\nls\n```\n\n```text\na\n```\n<!-- by hand -->\n```bash\nmake ui\n```\n"
    assert blocks_of(page) == [
        Block("bash", "ls\n", "a\n", by_hand=False),
        Block("bash", "make ui\n", "", by_hand=True),
    ]
