"""Imports point one way, pure packages touch nothing, and the code location loads light and without network."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "spans"),
    ("schemas", "config"),
    ("cleaning", "features", "binance", "lake", "processes", "dagster_home", "endpoints", "postgres"),
    ("spark", "forecast"),
    ("simulator", "stream", "warehouse", "archive"),
    ("convergence", "pictures", "share"),
    ("history", "health", "reading"),
    ("alerts", "metrics"),
    ("resources",),
    ("partitions", "refusal"),
    ("automation",),
    ("assets",),
    ("checks",),
    ("jobs", "retention"),
    ("schedules", "sensors"),
    ("definitions",),
    ("demo", "ui", "dashboard"),
    ("live",),
    ("cli",),
)
"""Packages and modules from the inside out: each may import those above it and itself, none beside it."""

PURE = ("errors", "spans", "schemas", "cleaning", "features", "simulator.market", "forecast.judge")
FORBIDDEN_IN_PURE = {"dagster", "os", "io", "pathlib", "shutil", "socket", "subprocess", "tempfile", "time", "random"}
FORBIDDEN_IN_PURE |= {"httpx", "requests", "urllib", "fsspec", "s3fs", "filelock", "pydantic_settings", "starlette"}
WITHOUT_DAGSTER = (
    *("binance", "lake", "convergence", "history", "simulator", "pictures", "config", "processes"),
    *("endpoints", "postgres", "stream", "warehouse", "share", "archive", "forecast", "reading"),
)
WORKERS = {("forecast.worker", "dagster_pipes")}
"""A program that Dagster starts, and the small library by which it is spoken with."""
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
    """Package, or module directly in `crypto_assets`, that a dotted name belongs to."""
    return name.removeprefix("crypto_assets.").partition(".")[0]


def layer_of(name: str) -> int | None:
    return next((index for index, layer in enumerate(LAYERS) if top_of(name) in layer), None)


def is_part_of(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def is_ours(name: str) -> bool:
    return name.partition(".")[0] in {"crypto_assets", "resources", "sensors"}


def test_every_module_has_a_layer() -> None:
    assert sorted({top_of(name) for name, _ in modules() if layer_of(name) is None}) == []


def test_imports_point_from_the_outer_layers_to_the_inner_ones() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        for other in sorted(filter(is_ours, imported(path)))
        if not _may_import(name, other)
    ]
    assert wrong == []


def _may_import(name: str, other: str) -> bool:
    inner, own = layer_of(other), layer_of(name)
    return top_of(name) == top_of(other) or (inner is not None and own is not None and inner < own)


def test_pure_packages_import_no_dagster_and_nothing_that_reads_or_writes() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        if is_part_of(name, PURE)
        for other in sorted(imported(path))
        if top_of(other) in FORBIDDEN_IN_PURE
    ]
    assert wrong == []


def test_what_a_user_may_take_without_dagster_imports_none() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in modules()
        if is_part_of(name, WITHOUT_DAGSTER)
        for other in sorted(imported(path))
        if top_of(other).startswith("dagster") and (name, top_of(other)) not in WORKERS
    ]
    assert wrong == []


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
        if top_of(other) in (HEAVY - PAGES if is_part_of(name, ("dashboard",)) else HEAVY)
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
