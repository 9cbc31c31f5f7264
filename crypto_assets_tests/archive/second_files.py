"""Files of one-second candles, written by hand."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import date
from pathlib import Path

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.spans import day_span, to_us

SYMBOL = "BTCUSDT"


def line(time_us: int, *, close: str = "60000.00", traded: bool = True, unit_us: int = 1000) -> str:
    """A candle of the second; without a trade it repeats its close."""
    volume, quote, count = ("0.50000000", "30000.00000000", 7) if traded else ("0.00000000", "0.00000000", 0)
    opened, closed = time_us // unit_us, (time_us + 1_000_000 - unit_us) // unit_us
    half = "0.25000000,15000.00000000" if traded else "0.00000000,0.00000000"
    return f"{opened},{close},{close},{close},{close},{volume},{closed},{quote},{count},{half},0\n"


def second(day: date, number: int) -> int:
    """Start of a second of the day, in microseconds."""
    return to_us(day_span(day).start) + number * 1_000_000


def lines_of(day: date, numbers: range = range(86_400), *, unit_us: int = 1000) -> str:
    """Candles of those seconds of the day."""
    return "".join(line(second(day, number), traded=number % 3 != 1, unit_us=unit_us) for number in numbers)


def zipped(file: ArchiveFile, text: str) -> bytes:
    """A zip as the archive publishes it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{Path(file.name).stem}.csv", text)
    return sink.getvalue()


def unzipped(file: ArchiveFile, content: bytes) -> str:
    """The text in the zip's only member."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        assert name == f"{Path(file.name).stem}.csv"
        return archive.read(name).decode()


def publish(root: Path, file: ArchiveFile, content: bytes, *, sha256: str | None = None) -> None:
    """Lay a file and its checksum into an archive of files."""
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{sha256}  {file.name}\n")
