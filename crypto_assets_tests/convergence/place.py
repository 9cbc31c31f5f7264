"""A small world to converge in: a lake, an archive in a folder, and a REST interface that answers as told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.parsed import Parsed
from crypto_assets.convergence.converge import Convergence, converge
from crypto_assets.convergence.sources import Sources
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_KLINES, REJECTED
from crypto_assets.spans import Span, day_span, to_us
from crypto_assets_tests.convergence.archive_folder import DAY

KLINES = BRONZE_KLINES["1m"]
LATER = datetime(2024, 8, 20, tzinfo=UTC)
START = day_span(DAY).start


@dataclass
class Rest:
    """Answers klines and funding rates as scripted, and remembers what it was asked for."""

    minutes: set[int] = field(default_factory=set)
    funding_hours: set[int] = field(default_factory=set)
    close: str = "61000.20"
    error: Exception | None = None
    asked: list[Span] = field(default_factory=list)

    def klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        self._ask(start, end)
        opened = [START + timedelta(minutes=m) for m in sorted(self.minutes)]
        opened = [t for t in opened if start <= t < end]
        count = len(opened)
        amounts = dict.fromkeys(KLINES.payload.names[1:], [self.close] * count)
        rows = pl.DataFrame({**amounts, "open_time": opened, "count": [1] * count}).with_columns(
            close_time=pl.Series(opened, dtype=pl.Datetime("us", "UTC")) + timedelta(milliseconds=59_999)
        )
        return Parsed(_payload(rows, KLINES.payload), REJECTED.empty_table())

    def funding_rates(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        self._ask(start, end)
        times = [START + timedelta(hours=h) for h in sorted(self.funding_hours)]
        times = [t for t in times if start <= t < end]
        rows = pl.DataFrame(
            {
                "funding_time": pl.Series(times, dtype=pl.Datetime("us", "UTC")),
                "funding_rate": ["0.0001"] * len(times),
                "mark_price": ["61000"] * len(times),
                "interval_hours": pl.Series([None] * len(times), dtype=pl.Int32),
            }
        )
        return Parsed(_payload(rows, BRONZE_FUNDING_RATE.payload), REJECTED.empty_table())

    def _ask(self, start: datetime, end: datetime) -> None:
        self.asked.append(Span(start, end))
        if self.error:
            raise self.error


def _payload(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    if not frame.height:
        return schema.empty_table()
    return frame.select(schema.names).to_arrow().cast(schema)


@dataclass
class Place:
    """A lake, an archive folder and a REST interface."""

    lake: Lake
    archive: Path
    rest: Rest
    sources: Sources

    def converge(self, *, now: datetime = LATER, day: date = DAY) -> Convergence:
        sources = replace(self.sources, now=lambda: now)
        return converge(KLINES, symbol="BTCUSDT", day=day, lake=self.lake, sources=sources)

    def minutes(self) -> list[int]:
        table = self.lake.read(KLINES, "BTCUSDT", DAY)
        assert table is not None
        return sorted((to_us(t) - to_us(START)) // 60_000_000 for t in table["open_time"].to_pylist())

    def contents(self) -> dict[str, tuple[bytes, int]]:
        root = Path(self.lake.uri)
        files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
        return {str(path.relative_to(root)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def make_place(folder: Path) -> Place:
    """An empty lake, an empty archive and a REST interface without candles."""
    archive = folder / "archive"
    archive.mkdir()
    rest = Rest()
    sources = Sources(
        exchange="simulator-7",
        spot=rest,  # type: ignore[arg-type]
        futures=rest,  # type: ignore[arg-type]
        archive=ArchiveClient(archive.as_uri(), downloads=folder / "downloads"),
        captures=None,
        now=lambda: LATER,
    )
    return Place(Lake(str(folder / "lake")), archive, rest, sources)
