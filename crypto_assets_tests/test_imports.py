"""The rule of imports holds, and what import-linter cannot say: the code location loads light and without network."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

PAGES = {"streamlit", "altair"}
"""Libraries of the dashboard, which is a program of its own that nothing imports."""
HEAVY = {"tensorflow", "keras", "pyspark", "pandas_ta", "talib", "matplotlib", "sklearn", "statsmodels", *PAGES}
"""Libraries of seconds and hundreds of megabytes: imported inside the functions that need them."""


def modules() -> Iterator[tuple[str, Path]]:
    """Name without `crypto_assets.` and path of every module of the project, tests left out."""
    for top in ("crypto_assets", "resources", "sensors"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__").removeprefix("crypto_assets").lstrip(".")
            if name:
                yield name, path


def imported(path: Path, *, top_level: bool = False) -> set[str]:
    """Absolute names imported anywhere in a module, or with `top_level` those that importing it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _executed_on_import(tree) if top_level else ast.walk(tree)
    names: set[str] = set()
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=str(module), level=0, names=aliases):
                names |= {f"{module}.{alias.name}" for alias in aliases}
            case _:
                pass
    return names


def _executed_on_import(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        is_type_checking = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not is_type_checking:
            waiting += ast.iter_child_nodes(node)


def top_of(name: str) -> str:
    """First part of a dotted name, `crypto_assets.` left out."""
    return name.removeprefix("crypto_assets.").partition(".")[0]


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, Any]]:
    """The contracts of pyproject.toml by their id."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}


def test_the_rule_of_imports_is_kept() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    done = subprocess.run([*command, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_layer(contracts: dict[str, dict[str, Any]]) -> None:
    rooms = {room.strip("() ") for layer in contracts["layers"]["layers"] for room in layer.split("|")}
    assert sorted({top_of(name) for name, _ in modules()} - {top_of(room) for room in rooms}) == []


def test_the_rule_knows_every_package_of_dagster_that_is_imported(contracts: dict[str, dict[str, Any]]) -> None:
    """A package that the list lacks could be imported by those that must not know Dagster."""
    known = set(contracts["without-dagster"]["forbidden_modules"])
    taken = {top_of(other) for _, path in modules() for other in imported(path) if other.startswith("dagster")}
    assert taken - known == set()


def test_nothing_private_of_dagster_is_imported() -> None:
    paths = [*(path for _, path in modules()), *(ROOT / "bench").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    wrong = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in paths
        for other in sorted(imported(path))
        if other.startswith("dagster") and any(part.startswith("_") for part in other.split("."))
    ]
    assert wrong == []


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in sorted(imported(path, top_level=True))
        if top_of(other) in (HEAVY - PAGES if top_of(name) == "dashboard" else HEAVY)
    ]
    assert wrong == []


LOAD_WITHOUT_NETWORK = """
import json, socket, sys

def refuse(*arguments, **options):
    raise OSError("the code location asked for the network while it was loaded")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
import crypto_assets.definitions
assets = [spec.key.to_user_string() for spec in crypto_assets.definitions.defs().resolve_all_asset_specs()]
print(json.dumps({"assets": assets, "modules": sorted({name.split(".")[0] for name in sys.modules})}))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Assets and imported packages of the code location, loaded in a process that may not use the network."""
    folder = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-c", LOAD_WITHOUT_NETWORK]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "DATA_DIR": str(folder / "data")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_code_location_loads_without_network(loaded: dict[str, list[str]]) -> None:
    assert {"bronze_klines_1m", "silver_klines_1m", "gold_features"} <= set(loaded["assets"])


def test_the_code_location_loads_without_heavy_libraries(loaded: dict[str, list[str]]) -> None:
    assert HEAVY & set(loaded["modules"]) == set()


def test_loading_the_code_location_leaves_no_file(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-c", "import crypto_assets.definitions as d; d.defs()"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.iterdir()) == []
