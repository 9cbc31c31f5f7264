"""Commands that pages name can be typed: their targets, programs, subcommands, jobs and assets exist."""

from __future__ import annotations

import re
import shlex
import warnings
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer.main
from typer.core import TyperGroup

from crypto_assets.cli.main import app
from crypto_assets.definitions import defs
from crypto_assets_tests.docs.pages import PAGES, ROOT, code_of

OURS = ("crypto_assets", "resources", "sensors", "tools", "bench")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def graph() -> dg.Definitions:
    """The graph of the defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return defs()


def named(path: Path, pattern: str) -> set[str]:
    """What a pattern finds in the code of a page."""
    return {found for line in code_of(path.read_text(encoding="utf-8")) for found in re.findall(pattern, line)}


def words(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a line of a longer quotation
        return line.split()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_targets_of_make_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert named(path, r"^make ([a-z]+)") - targets == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_programs_that_are_started_by_python_exist(path: Path) -> None:
    programs = {name for name in named(path, r"python(?:3\.12)? -m ([\w.]+)") if name.split(".")[0] in OURS}
    missing = {
        name
        for name in programs
        if (spec := find_spec(name)) is None or (spec.submodule_search_locations and not find_spec(f"{name}.__main__"))
    }
    assert missing == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_subcommands_and_options_of_the_command_line_exist(path: Path) -> None:
    lines = [line for line in code_of(path.read_text(encoding="utf-8")) if line.startswith("crypto-assets ")]
    assert [problem for line in lines if (problem := _problem(line))] == []


def _problem(line: str) -> str | None:
    """What of a line that begins with `crypto-assets` there is not; None where all of it is."""
    command: Any = typer.main.get_command(app)
    for word in takewhile(lambda word: word not in {"|", ">", "&&", "#"}, words(line)[1:]):
        if isinstance(command, TyperGroup) and not word.startswith("-"):
            if word.isupper() or word == "…":
                return None
            if word not in command.commands:
                return f"{line}: there is no {word}"
            command = command.commands[word]
        elif word.startswith("--") and not command.ignore_unknown_options:
            options = {
                option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
            }
            if word.partition("=")[0] not in options | {"--help"}:
                return f"{line}: there is no option {word}"
    return None


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_jobs_that_are_executed_exist(path: Path, graph: dg.Definitions) -> None:
    jobs = {job.name for job in graph.jobs or ()} | {"NAME"}
    assert named(path, r"(?:^| )-j (\w+)") - jobs == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_assets_that_are_selected_exist(path: Path, graph: dg.Definitions) -> None:
    specs = graph.resolve_all_asset_specs()
    known = {spec.key.to_user_string() for spec in specs} | {f"group:{spec.group_name}" for spec in specs}
    selected = {one for text in named(path, r"--select '?([\w:,]+)") for one in text.split(",")}
    assert selected - known == set()


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert _problem("crypto-assets backfil BTCUSDT") == "crypto-assets backfil BTCUSDT: there is no backfil"
    assert _problem("crypto-assets gaps --opened") == "crypto-assets gaps --opened: there is no option --opened"
    assert _problem("crypto-assets model promote BTCUSDT 2026-11-20 --force-with-reason x") is None


def test_code_is_what_stands_in_blocks_and_between_backticks() -> None:
    page = "a `make ui` b\n\n    make up\n\n```bash\nx \\\n    y\n```\nmake no\n"
    assert code_of(page) == ["x y", "make up", "make ui"]
