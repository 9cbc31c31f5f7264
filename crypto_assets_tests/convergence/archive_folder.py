"""An archive laid out in a folder, for clients that read `file://`."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.spans import day_span, to_us


def kline_line(day: date, minute: int, *, close: str = "61000.20") -> str:
    """A line of a spot kline file in ms."""
    opened = to_us(day_span(day).start) // 1000 + minute * 60_000
    return f"{opened},61000.10,61010.00,60990.00,{close},1.50000000,{opened + 59_999},91500.25,12,0.70000000,42700.10,0"


def put_file(root: Path, file: ArchiveFile, lines: Iterable[str], *, checksum: str | None = None) -> Path:
    """Publish a file of these lines, with its true checksum or the one given."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        member = zipfile.ZipInfo(file.name.replace(".zip", ".csv"), date_time=(2024, 8, 6, 1, 0, 0))
        zipped.writestr(member, "".join(f"{line}\n" for line in lines))
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed.getvalue())
    sum_ = checksum or hashlib.sha256(packed.getvalue()).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{sum_}  {file.name}\n")
    return path


def put_klines(
    root: Path, day: date, minutes: Iterable[int], *, symbol: str = "BTCUSDT", close: str = "61000.20"
) -> Path:
    """Publish one-minute candles of these minutes of the day."""
    file = ArchiveFile.spot_klines(symbol, "1m", day)
    return put_file(root, file, [kline_line(day, minute, close=close) for minute in minutes])


def withdraw(path: Path) -> None:
    """Take a file and its checksum out of the archive."""
    path.unlink()
    path.with_name(f"{path.name}.CHECKSUM").unlink()


DAY = date(2024, 8, 5)
YESTERDAY = DAY - timedelta(days=1)
