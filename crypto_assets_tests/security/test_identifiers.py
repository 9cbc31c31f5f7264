"""What somebody types or sends as a symbol, a day or a path can be nothing else."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient

from crypto_assets.assets.history import history_assets
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.config import Settings
from crypto_assets.errors import LakeError
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.identifiers import checked_day, checked_symbol
from crypto_assets.lake.files import Files
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.simulator.app import create_app
from crypto_assets.simulator.options import SimulatorOptions
from resources.lake import LakeResource

DAY = date(2024, 8, 1)
FOREIGN = [
    "../../etc",
    "BTC/USDT",
    "btcusdt",
    "B",
    "A" * 21,
    "币安人生USDT",
    "BTCUSDT\n",
    "BTC USDT",
    "",
    "BTC%2F",
    "ＢＴＣ",
]
anything = st.one_of(st.text(max_size=30), st.sampled_from(FOREIGN), st.from_regex(r"[./\\A-Z0-9%]{0,12}"))


@given(text=anything)
def test_a_symbol_is_2_to_20_capitals_and_digits(text: str) -> None:
    if re.fullmatch(r"[A-Z0-9]{2,20}", text):
        assert checked_symbol(text) == text
        assert Settings.model_validate({"symbols": text}).symbols == (text,)
    else:
        with pytest.raises(ValueError, match="is no symbol: 2 to 20 capital letters and digits"):
            checked_symbol(text)


@pytest.mark.parametrize("text", [text for text in FOREIGN if text.strip() == text and " " not in text])
def test_settings_take_no_other_symbols(text: str) -> None:
    with pytest.raises(ValidationError, match="SYMBOLS must be distinct symbols of 2 to 20 capital letters and digits"):
        Settings.model_validate({"symbols": text})


@given(text=st.one_of(st.text(max_size=12), st.dates().map(str)))
@example(text="20240801")
@example(text="2024-W31-4")
@example(text="٢٠٢٤-٠٨-٠١")
@example(text="2024-02-30")
def test_a_day_is_written_in_one_way(text: str) -> None:
    if _is_a_day(text):
        assert checked_day(text).isoformat() == text
    else:
        with pytest.raises(ValueError, match=r"is no day: write it as 2024-08-01|is a day that no calendar has"):
            checked_day(text)


def _is_a_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@given(symbol=anything)
def test_no_symbol_leads_out_of_the_lake_or_the_models(symbol: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "lake"
    lake, models = Lake(str(root)), Checkpoints(str(root / "ckpts"))
    dataset = SILVER_KLINES["1m"]
    if re.fullmatch(r"[A-Z0-9]{2,20}", symbol):
        assert lake.read(dataset, symbol, DAY) is None
        return
    for act in (
        lambda: lake.read(dataset, symbol, DAY),
        lambda: lake.publish(dataset, symbol, DAY, dataset.schema.empty_table()),
        lambda: models.read(symbol, DAY),
        lambda: models.uri_of(symbol, DAY),
    ):
        with pytest.raises(ValueError, match="is no symbol"):
            act()


PATHS = st.lists(st.sampled_from(["a", "..", ".", "", "b.parquet", "c\\..\\d", "\0", "e\n"]), min_size=1, max_size=5)


@given(parts=PATHS)
@example(parts=["..", "outside"])
@example(parts=["", "etc", "passwd"])
def test_no_path_leads_out_of_a_root(parts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("base")
    files, path = Files(str(base / "root")), "/".join(parts)
    if all(re.fullmatch(r"[a-z][a-z.]*", part) for part in parts):
        files.publish(path, b"x")
        assert files.read(path) == b"x"
    elif path:
        for act in (
            lambda: files.publish(path, b"x"),
            lambda: files.read(path),
            lambda: files.remove(path),
            lambda: files.names(path),
            lambda: files.folders(path),
            lambda: files.size(path),
            lambda: files.local_path(path),
            lambda: files.alone(path).__enter__(),
        ):
            with pytest.raises(LakeError, match="is no path of the lake: nothing was read or written"):
                act()
    assert {found.name for found in base.iterdir()} <= {"root"}


@given(symbol=anything, name=anything)
def test_no_path_of_the_archive_names_a_file_outside(symbol: str, name: str) -> None:
    file = ArchiveFile.parse(f"data/spot/daily/klines/{symbol}/1m/{name}.zip")
    if file is not None:
        assert ".." not in file.path
        assert Path("/downloads", file.path).resolve().is_relative_to("/downloads/data/spot/daily/klines")


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """A replay of a folder beside which lies a secret."""
    base = tmp_path_factory.mktemp("replay")
    (base / "secret.zip").write_bytes(b"secret")
    (base / "folder" / "archive" / "data").mkdir(parents=True)
    (base / "folder" / "recordings" / "spot").mkdir(parents=True)
    (base / "folder" / "recordings" / "spot" / "out.gz").symlink_to(base / "secret.zip")
    return TestClient(create_app(SimulatorOptions(replay=base / "folder")))


@pytest.mark.parametrize(
    "path",
    [
        "/data/../../secret.zip",
        "/data/..%2f..%2f..%2fsecret.zip",
        "/data/%2e%2e/%2e%2e/%2e%2e/secret.zip",
        "/recordings/spot/..%2f..%2f..%2fsecret.zip",
        "/recordings/spot/out.gz",
        "/recordings//etc/passwd",
        "/data//etc/passwd",
        "/data/spot%00.zip",
        "/api/v3/klines?symbol=..%2F..%2F..&interval=1m",
        "/api/v3/klines?symbol=..&interval=1m",
        "/api/v3/klines?symbol=%2A&interval=1m",
    ],
)
def test_a_replay_serves_nothing_from_beside_its_folder(path: str, replayed: TestClient) -> None:
    answer = replayed.get(path)
    assert answer.status_code in (400, 404)
    assert b"secret" not in answer.content.replace(b"secret.zip", b"")
    assert b"root:" not in answer.content


@pytest.mark.parametrize("symbol", ["../../BTC", "BTC/USDT", "币安人生USDT"])
def test_a_loader_of_files_takes_no_other_symbol(symbol: str, tmp_path: Path) -> None:
    (asset,) = history_assets(DaySymbol(date(2024, 1, 1), ("BTCUSDT",)))
    (tmp_path / "a.csv").write_text("1722816000000,1,2,1,2,5,1722816059999,7,3,2,3\n")
    config = {"ops": {"history_klines": {"config": {"files": str(tmp_path / "a.csv"), "symbol": symbol}}}}
    with pytest.raises(dg.Failure, match="is no symbol"):
        dg.materialize([asset], run_config=config, resources={"lake": LakeResource(uri=str(tmp_path / "lake"))})
    assert not (tmp_path / "lake").exists()
