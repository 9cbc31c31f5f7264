"""Parsers of files: the archive's zips, recordings, and tables that a user brings."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import fsspec
import polars as pl

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.archive_tables import (
    parse_agg_trades,
    parse_book_depth,
    parse_funding_rates,
    parse_klines,
    parse_metrics,
    parse_trades,
)
from crypto_assets.binance.capture.files import CaptureFile, read_capture
from crypto_assets.binance.capture.messages import CaptureMarket
from crypto_assets.binance.parsed import Parsed
from crypto_assets.errors import BadPayload
from crypto_assets.history.columns import find_columns, read_klines
from crypto_assets.history.files import HistoryFile, read_pieces
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.simulator.archive_rows import archive_frames, columns_of, csv_lines
from crypto_assets.simulator.capture_lines import USUAL_STREAMS, capture_lines
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.spans import to_us
from proof.fuzz.target import Target, Try, picked

DAY = date(2024, 8, 1)
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
SEED_ROWS = 12
_SNAPSHOT = (
    b'1722470400000000000 {"lastUpdateId":100,"bids":[["61000.00","1.5"],["60999.00","2"]],"asks":[["61001.00","1"]]}'
)
_CHANGE = (
    b'1722470400%d000000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1722470400%d,"s":"BTCUSDT",'
    b'"U":%d,"u":%d,"b":[["60999.00","0"],["60998.00","3.25"]],"a":[["61002.00","%d"]]}}'
)
DEPTH_CHANGES = b"\n".join([_SNAPSHOT, *(_CHANGE % (n, n, n, n, n) for n in range(101, 106))]) + b"\n"


def simulated() -> SimulatedData:
    """A market whose files and messages are the seeds."""
    return SimulatedData(seed=7, symbols=("BTCUSDT",), faults=FaultBook())


_KINDS: tuple[tuple[ArchiveFile, Callable[[Path], Parsed]], ...] = (
    (
        ArchiveFile.spot_klines("BTCUSDT", "1m", DAY),
        lambda path: parse_klines(path, timeframe="1m", start=FIRST, end=LAST),
    ),
    (
        ArchiveFile.spot_klines("BTCUSDT", "1s", DAY),
        lambda path: parse_klines(path, timeframe="1s", start=FIRST, end=LAST),
    ),
    (ArchiveFile.spot_trades("BTCUSDT", DAY), lambda path: parse_trades(path, start=FIRST, end=LAST)),
    (ArchiveFile.futures_agg_trades("BTCUSDT", DAY), lambda path: parse_agg_trades(path, start=FIRST, end=LAST)),
    (ArchiveFile.metrics("BTCUSDT", DAY), lambda path: parse_metrics(path, start=FIRST, end=LAST)),
    (ArchiveFile.funding_rate("BTCUSDT", "2024-08"), lambda path: parse_funding_rates(path, start=FIRST, end=LAST)),
    (ArchiveFile.book_depth("BTCUSDT", DAY), lambda path: parse_book_depth(path, start=FIRST, end=LAST)),
)


def _archive_csvs() -> Iterator[bytes]:
    data = simulated()
    for number, (file, _) in enumerate(_KINDS):
        header = columns_of(file).names.encode() + b"\n"
        lines = csv_lines(file, next(archive_frames(file, data)).head(SEED_ROWS))
        yield bytes([number]) + lines
        yield bytes([number]) + header + lines


def _try_archive_csv(folder: Path) -> Try:
    """Every line of the file that is not blank comes back, as a row or as a rejected one, and nothing else does."""

    def attempt(data: bytes) -> None:
        (file, parse), text = picked(_KINDS, data)
        path = folder / file.name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(f"{path.stem}.csv", text)
        try:
            parsed = parse(path)
        except BadPayload:
            return
        lines = [line for line in text.split(b"\n") if line.strip()]
        has_header = lines[0][:1].isalpha() or lines[0].startswith(b"\xef\xbb\xbf")
        expected = len(lines) - has_header
        assert parsed.rows.num_rows + parsed.rejected.num_rows == expected, (parsed.rows, parsed.rejected, expected)

    return attempt


def _archive_zips() -> Iterator[bytes]:
    for number, csv in enumerate(_archive_csvs()):
        (file, _), text = picked(_KINDS, csv)
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED) as archive:
            archive.writestr(f"{Path(file.name).stem}.csv", text)
        yield csv[:1] + content.getvalue()


def _try_archive_zip(folder: Path) -> Try:
    """Rows, or BadPayload."""

    def attempt(data: bytes) -> None:
        (file, parse), content = picked(_KINDS, data)
        path = folder / file.name
        path.write_bytes(content)
        try:
            parse(path)
        except BadPayload:
            return

    return attempt


_MARKETS: tuple[CaptureMarket, ...] = ("spot", "usdm")


def _recordings() -> Iterator[bytes]:
    data = simulated()
    start_us = to_us(datetime(2024, 8, 1, tzinfo=UTC))
    for number, venue in enumerate(_MARKETS):
        lines = capture_lines(
            data,
            venue=venue,
            symbol="BTCUSDT",
            streams=USUAL_STREAMS[venue],
            start_us=start_us,
            end_us=start_us + 3_000_000,
            pace_us=1_000_000,
        )
        yield bytes([number]) + lines
    yield b"\0" + DEPTH_CHANGES


def _try_recording(_: Path) -> Try:
    """Each line is read once, in whatever order: rows, rejected lines, or counted as skipped."""

    def attempt(data: bytes) -> None:
        market, lines = picked(_MARKETS, data)
        _read_recording(gzip.compress(lines, compresslevel=0), market)

    return attempt


def _try_gzip(_: Path) -> Try:
    """Whatever of it can be read."""

    def attempt(data: bytes) -> None:
        market, content = picked(_MARKETS, data)
        _read_recording(content, market)

    return attempt


def _read_recording(content: bytes, market: CaptureMarket) -> None:
    found = read_capture(
        [CaptureFile("fuzzed", io.BytesIO(content))], symbol="BTCUSDT", market=market, start=FIRST, end=LAST
    )
    for parsed in (found.orderbook, found.trades, found.mark_price, found.liquidations):
        parsed.rows.validate(full=True)
        parsed.rejected.validate(full=True)


_LINE_END = re.compile(rb"\r\n|\r|\n")
_TABLES = ("klines.csv", "klines.csv.gz", "klines.zip", "klines.parquet")


def _tables() -> Iterator[bytes]:
    texts = [csv[1:] for csv in list(_archive_csvs())[:2]]
    frame = pl.read_csv(texts[1])
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    for text in texts:
        yield b"\0" + text
        yield b"\1" + gzip.compress(text)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("klines.csv", texts[1])
    yield b"\2" + zipped.getvalue()
    yield b"\3" + parquet.getvalue()


def _try_table(folder: Path) -> Try:
    """Every row of a piece comes back, as a candle or as a rejected row; or BadPayload."""
    fs = fsspec.filesystem("file")

    def attempt(data: bytes) -> None:
        name, content = picked(_TABLES, data)
        path = folder / name
        path.write_bytes(content)
        came = 0
        try:
            for piece in read_pieces(HistoryFile(fs, str(path))):
                came += piece.frame.height + len(piece.torn)
                parsed = read_klines(
                    piece.frame,
                    columns=find_columns(piece.frame.columns, mapping={}, origin=name),
                    timeframe=TIMEFRAMES["1m"],
                    symbol="BTCUSDT",
                    origin=name,
                    first_line=piece.first_line,
                )
                assert parsed.rows.num_rows + parsed.rejected.num_rows == piece.frame.height
        except BadPayload:
            return
        if name.endswith(".csv") and b'"' not in content:
            has_header = not content.decode("utf-8-sig", errors="replace").strip()[:1].isdigit()
            lines = sum(1 for line in _LINE_END.split(content) if line.strip()) - has_header
            assert came == lines, f"{came} of {lines} lines"

    return attempt


FILES = (
    Target("archive-csv", "lines of the archive's files", _archive_csvs, _try_archive_csv),
    Target("archive-zip", "the archive's zips", _archive_zips, _try_archive_zip),
    Target("recording", "lines of recordings", _recordings, _try_recording, longest_bytes=16_384),
    Target("recording-gzip", "compressed recordings", lambda: map(_pressed, _recordings()), _try_gzip),
    Target("history", "tables that a user brings", _tables, _try_table, longest_bytes=16_384),
)


def _pressed(lines: bytes) -> bytes:
    return lines[:1] + gzip.compress(lines[1:])
