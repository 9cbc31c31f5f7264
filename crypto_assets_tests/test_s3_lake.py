"""The same graph on the S3 protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as pads
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import s3fs

from crypto_assets.lake.lake import Lake
from crypto_assets.simulator.process import start_simulator

PARTITION = "2024-08-05|BTCUSDT"


def _run(environment: dict[str, str]) -> None:
    """The README's command for a day."""
    command = [
        sys.executable, "-m", "dagster", "job", "execute", "-m", "crypto_assets.definitions", "-j", "medallion",
        "--tags", f'{{"dagster/partition": "{PARTITION}"}}',
    ]  # fmt: skip
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def _files(lake: Lake) -> dict[str, bytes]:
    names = [name for name in lake.files.names("") if not name.startswith(".locks")]
    found = {name: lake.files.read(name) for name in names}
    return {name: content for name, content in found.items() if content is not None}


def test_a_bucket_ends_up_with_the_files_of_a_folder(bucket: str, s3_endpoint: str, tmp_path: Path) -> None:
    with start_simulator(symbols=("BTCUSDT",)) as exchange:
        urls = dict.fromkeys(("BINANCE_ARCHIVE_URL", "BINANCE_SPOT_REST_URL", "BINANCE_FUTURES_REST_URL"), exchange.url)
        common = {**urls, "SYMBOLS": "BTCUSDT", "CAPTURE_URI": str(tmp_path), "DATA_DIR": str(tmp_path / "data")}
        _run({**common, "LAKE_URI": str(tmp_path / "lake")})
        _run({**common, "LAKE_URI": f"{bucket}/lake"})

    in_folder, in_bucket = _files(Lake(str(tmp_path / "lake"))), _files(Lake(f"{bucket}/lake"))
    assert in_bucket.keys() == in_folder.keys()
    assert in_bucket == in_folder
    assert any(name.endswith("features.parquet") for name in in_bucket)

    path = f"{bucket.removeprefix('s3://')}/lake/gold/features/symbol=BTCUSDT/date=2024-08-05/features.parquet"
    with s3fs.S3FileSystem().open(path) as opened:
        by_fsspec = pq.read_table(opened)
    arrow = pafs.S3FileSystem(endpoint_override=s3_endpoint, access_key="test", secret_key="test", region="us-east-1")
    by_arrow = pads.dataset(path, filesystem=arrow).to_table()
    assert by_fsspec.num_rows == 1440
    assert by_arrow.equals(by_fsspec)
