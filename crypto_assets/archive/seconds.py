"""One-second candles of a day, cleaned by the rules of silver, and the minutes that they add up to."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from crypto_assets.archive.raw import TIMEFRAME, file_of
from crypto_assets.binance.archive_tables import parse_klines
from crypto_assets.binance.parsed import Parsed
from crypto_assets.cleaning import rules
from crypto_assets.cleaning.aggregate import COMPARED, merge_candles
from crypto_assets.cleaning.deduplicate import FIELDS, deduplicate_klines, is_incomplete
from crypto_assets.cleaning.disagreements import DISAGREEMENTS, OTHER, list_differences, list_one_sided
from crypto_assets.cleaning.gaps import Gap
from crypto_assets.cleaning.klines import Day, clean_loaded
from crypto_assets.cleaning.steps import CleaningSteps
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.schemas import KLINE_FIELDS, KLINES_1S, TIMEFRAMES
from crypto_assets.spans import Span, day_span

SECOND = timedelta(seconds=1)
SECONDS_OF_DAY = 86_400
ARCHIVE, MINUTES = "klines_1s", "bronze_klines_1m"
"""How a difference names the two sides."""

_CANDLE = pa.schema(KLINE_FIELDS)


@dataclass(frozen=True, slots=True)
class CleanedSeconds:
    """A day of candles of a second, what was done to get them, and where there are none."""

    table: pa.Table
    """KLINES_1S, ascending and unique in `open_time`."""
    steps: CleaningSteps
    gaps: tuple[Gap, ...]
    """Within the day. Their cause is "not received": the file does not say why it has no row."""
    rejected: pa.Table
    """REJECTED: lines that are no candle of the day, as bytes, with the reason."""

    def notes(self) -> dict[str, str]:
        """What the file carries beside its rows."""
        gaps = [{"start": gap.start.isoformat(), "end": gap.end.isoformat()} for gap in self.gaps]
        return {"gaps": json.dumps(gaps), "steps": json.dumps(self.steps.as_metadata())}


def gaps_of(notes: dict[str, str]) -> tuple[Span, ...]:
    """The gaps that a file's notes tell of."""
    return tuple(
        Span(datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"]))
        for gap in json.loads(notes.get("gaps", "[]"))
    )


def read_seconds(content: bytes, *, symbol: str, day: date) -> Parsed:
    """Candles in a day's zip, in the order of its lines, times in microseconds whatever the file's unit.

    Raises BadPayload for what is no zip of one CSV with the columns of candles.
    """
    span = day_span(day)
    with tempfile.TemporaryDirectory(prefix="klines-1s-") as folder:
        path = Path(folder) / file_of(symbol, day).name
        path.write_bytes(content)
        return parse_klines(path, timeframe=TIMEFRAME, start=span.start, end=span.end)


def clean_seconds(parsed: Parsed, *, day: date) -> CleanedSeconds:
    """The eight steps of silver for candles of a second, but for the filling: a second without a row stays a gap.

    Copies of an open time: the complete one is kept, then the first of the file. Rows are flagged, not deleted.
    """
    cleaned = clean_loaded(
        _with_provenance(parsed.rows),
        Day(TIMEFRAME, day_span(day)),
        received=parsed.rows.num_rows + parsed.rejected.num_rows,
        schema=KLINES_1S.schema,
    )
    return CleanedSeconds(cleaned.table, cleaned.steps, cleaned.gaps, parsed.rejected)


def minutes_of_seconds(seconds: pa.Table) -> pa.Table:
    """Candles of a minute that usable candles of a second (KLINES_1S) add up to: KLINE_FIELDS, by open time."""
    rows = frame_of(seconds, KLINES_1S.schema, name=KLINES_1S.name)
    return table_of(merge_candles(rows, TIMEFRAMES["1m"]), _CANDLE)


def compare_with_minutes(seconds: pa.Table, bronze_1m: pa.Table) -> pa.Table:
    """Every field in which a minute of the seconds is not the candle of bronze, exactly: DISAGREEMENTS.

    Of copies of a minute in bronze the one is compared that silver keeps. A minute that just one side has differs in
    `open_time`, but for one without trades that the seconds lack: a halt is no loss. Close times are not compared.
    """
    ours = _side(minutes_of_seconds(seconds), ARCHIVE)
    stored = deduplicate_klines(pl.DataFrame(pl.from_arrow(bronze_1m))).rows.select(FIELDS)
    theirs = _side(table_of(stored.filter(~is_incomplete()), _CANDLE), MINUTES)
    pairs = ours.join(theirs, on="open_time", suffix=OTHER)
    traded = theirs.filter(~rules.no_trades())
    differences = pl.concat(
        [
            list_differences(pairs, fields=COMPARED),
            list_one_sided(ours, theirs, kept_source=ARCHIVE, other_source=MINUTES),
            list_one_sided(traded, ours, kept_source=MINUTES, other_source=ARCHIVE),
        ]
    )
    return table_of(differences.sort("open_time", "field"), DISAGREEMENTS)


def _side(candles: pa.Table, source: str) -> pl.DataFrame:
    return frame_of(candles, _CANDLE, name=source).with_columns(source=pl.lit(source))


def _with_provenance(rows: pa.Table) -> pl.DataFrame:
    """The rows with what deduplication orders copies by: their place in the file."""
    frame = frame_of(rows, _CANDLE, name=KLINES_1S.name)
    return frame.with_row_index("offset").with_columns(
        source=pl.lit("archive"),
        exchange=pl.lit(""),
        received_at=pl.lit(None, frame.schema["open_time"]),
        topic=pl.lit(None, pl.String),
        partition=pl.lit(None, pl.Int32),
    )
