"""Files of the archive to tables: exact values, times by their own unit, and every bad row with its bytes.

A file holds one CSV of the columns named below, with a header or without. What cannot be the file it is named after is
refused as a whole with BadPayload: a corrupt zip, another member, a missing or an unknown column, an empty file. Within
a file that can, each line that is not blank becomes a row or a rejected one. A row outside the time that the *file's
name* gives is rejected; one inside it, but outside [start, end), is left out silently, good or bad, so that a monthly
file can be read by day. A bad line without a time of the file counts as one of the file's first moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from crypto_assets.binance.archive_paths import NamedFile, read_file_name
from crypto_assets.binance.archive_zip import read_blocks
from crypto_assets.binance.csv_rows import Layout, TextRows, blank_head, find_layout, split_block
from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.binance.typed_rows import Column, TypedRows, as_table, in_span, read_rows, rejected_rows, utc_time
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import (
    AGG_TRADES,
    BOOK_DEPTH,
    BRONZE_FUNDING_RATE,
    BRONZE_KLINES,
    BRONZE_OPEN_INTEREST,
    BRONZE_TRADES,
)
from crypto_assets.spans import Span

METRICS_LABEL_SWITCH = datetime(2026, 6, 25, tzinfo=UTC)
"""From the file of this day on, a metrics row is labelled by the start of its five minutes instead of the end."""
METRICS_PERIOD = timedelta(minutes=5)

KLINE_COLUMNS = (
    Column("open_time", "time"),
    Column("open", "amount"),
    Column("high", "amount"),
    Column("low", "amount"),
    Column("close", "amount"),
    Column("volume", "amount"),
    Column("close_time", "time"),
    Column("quote_volume", "amount", ("quote_volume", "quote_asset_volume")),
    Column("count", "count", ("count", "number_of_trades")),
    Column("taker_buy_volume", "amount", ("taker_buy_volume", "taker_buy_base_asset_volume")),
    Column("taker_buy_quote_volume", "amount", ("taker_buy_quote_volume", "taker_buy_quote_asset_volume")),
    Column("ignore", "unused"),
)
_IS_BEST_MATCH = Column("is_best_match", "unused", ("is_best_match", "isbestmatch"))
_TRADE_COLUMNS = (
    Column("trade_id", "count", ("id", "trade_id")),
    Column("price", "amount"),
    Column("quantity", "amount", ("qty", "quantity")),
    Column("quote_quantity", "amount", ("quote_qty", "quoteqty", "quote_quantity")),
    Column("time", "time"),
    Column("is_buyer_maker", "flag", ("is_buyer_maker", "isbuyermaker")),
)
_AGG_TRADE_COLUMNS = (
    Column("agg_trade_id", "count", ("agg_trade_id", "agg_id")),
    Column("price", "amount"),
    Column("quantity", "amount", ("quantity", "qty")),
    Column("first_trade_id", "count", ("first_trade_id", "first_id")),
    Column("last_trade_id", "count", ("last_trade_id", "last_id")),
    Column("time", "time", ("transact_time", "time")),
    Column("is_buyer_maker", "flag"),
)
_METRICS_COLUMNS = (
    Column("label", "clock", ("create_time",)),
    Column("symbol", "text"),
    Column("open_interest", "wide_amount", ("sum_open_interest",), blank=True),
    Column("open_interest_value", "wide_amount", ("sum_open_interest_value",), blank=True),
    Column("top_trader_account_ratio", "wide_amount", ("count_toptrader_long_short_ratio",), blank=True),
    Column("top_trader_position_ratio", "wide_amount", ("sum_toptrader_long_short_ratio",), blank=True),
    Column("account_ratio", "wide_amount", ("count_long_short_ratio",), blank=True),
    Column("taker_volume_ratio", "wide_amount", ("sum_taker_long_short_vol_ratio",), blank=True),
)
_FUNDING_COLUMNS = (
    Column("funding_time", "time", ("calc_time",)),
    Column("interval_hours", "hours", ("funding_interval_hours",), blank=True),
    Column("funding_rate", "amount", ("last_funding_rate",)),
)
_BOOK_DEPTH_COLUMNS = (
    Column("time", "clock", ("timestamp",)),
    Column("percentage", "amount"),
    Column("depth", "wide_amount"),
    Column("notional", "wide_amount"),
)


def parse_klines(path: Path, *, timeframe: str, start: datetime, end: datetime) -> Parsed:
    """Candles that open in [start, end), payload of BRONZE_KLINES; spot or USD-M, also of mark, index and premium.

    Raises BadPayload also where the file's name gives another timeframe.
    """
    named = _named(path)
    if named.what != ("1mo" if timeframe == "1M" else timeframe):
        raise BadPayload(f"{path.name} holds candles of {named.what}, not of {timeframe}")
    payload = BRONZE_KLINES["1m"].payload
    return _parse(path, _Recipe(payload, (KLINE_COLUMNS,), "open_time"), Span(start, end))


def parse_trades(path: Path, *, start: datetime, end: datetime) -> Parsed:
    """Trades matched in [start, end), payload of BRONZE_TRADES; spot or USD-M."""
    layouts = ((*_TRADE_COLUMNS, _IS_BEST_MATCH), _TRADE_COLUMNS)
    return _parse(path, _Recipe(BRONZE_TRADES.payload, layouts, "time"), Span(start, end))


def parse_agg_trades(path: Path, *, start: datetime, end: datetime) -> Parsed:
    """Aggregated trades matched in [start, end), AGG_TRADES; spot or USD-M."""
    layouts = ((*_AGG_TRADE_COLUMNS, _IS_BEST_MATCH), _AGG_TRADE_COLUMNS)
    return _parse(path, _Recipe(AGG_TRADES, layouts, "time"), Span(start, end))


def parse_metrics(path: Path, *, start: datetime, end: datetime) -> Parsed:
    """Figures *known* in [start, end), payload of BRONZE_OPEN_INTEREST, in the file's order, which may be any.

    The file of a day ends with the row known at the next midnight, so that rows known on a day lie in its own file and
    in the one before. Until the file of 2026-06-24 a label is the moment its figures were known, since then it lies
    five minutes before.
    """
    named = _named(path)
    lead = METRICS_PERIOD if named.span.start >= METRICS_LABEL_SWITCH else timedelta()

    def finish(rows: TypedRows) -> TypedRows:
        known = rows.values.with_columns((pl.col("label") + pl.lit(lead)).alias("time"))
        other = pl.format("is of symbol {}, not {}", pl.col("symbol"), pl.lit(named.symbol))
        return TypedRows(known, rows.faults).reject(pl.col("symbol") != named.symbol, other)

    recipe = _Recipe(BRONZE_OPEN_INTEREST.payload, (_METRICS_COLUMNS,), "time", finish, includes_next_midnight=True)
    return _parse(path, recipe, Span(start, end))


def parse_funding_rates(path: Path, *, start: datetime, end: datetime) -> Parsed:
    """Rates settled in [start, end), payload of BRONZE_FUNDING_RATE; the archive gives no mark price."""
    return _parse(path, _Recipe(BRONZE_FUNDING_RATE.payload, (_FUNDING_COLUMNS,), "funding_time"), Span(start, end))


def parse_book_depth(path: Path, *, start: datetime, end: datetime) -> Parsed:
    """Depth measured in [start, end), BOOK_DEPTH."""
    return _parse(path, _Recipe(BOOK_DEPTH, (_BOOK_DEPTH_COLUMNS,), "time"), Span(start, end))


def _unchanged(rows: TypedRows) -> TypedRows:
    return rows


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How the rows of one kind of file are read."""

    payload: pa.Schema
    layouts: tuple[tuple[Column, ...], ...]
    time: str
    finish: Callable[[TypedRows], TypedRows] = _unchanged
    includes_next_midnight: bool = False


def _named(path: Path) -> NamedFile:
    named = read_file_name(path.name)
    if named is None:
        raise BadPayload(f"{path.name} is not the name of an archive file, such as BTCUSDT-1m-2024-08-01.zip")
    return named


def _parse(path: Path, recipe: _Recipe, wanted: Span) -> Parsed:
    file = _named(path)
    parts = [
        _parse_block(block, layout, first_line, recipe=recipe, file=file, wanted=wanted, origin=path.name)
        for block, layout, first_line in _read_layout(path, recipe.layouts)
    ]
    return join_parsed(parts, payload=recipe.payload)


def _read_layout(path: Path, layouts: Sequence[tuple[Column, ...]]) -> Iterator[tuple[bytes, Layout, int]]:
    """Blocks of data lines, the file's layout, and the number of each block's first line."""
    layout: Layout | None = None
    line = 1
    for whole_block in read_blocks(path):
        block = whole_block
        if layout is None:
            blank = blank_head(block)
            line += block.count(b"\n", 0, blank)
            block = block[blank:]
            if not block:
                continue
            layout = find_layout(block, layouts, name=path.name)
            if layout.header is not None:
                block = block[len(layout.header) + 1 :]
                line += 1
        yield block, layout, line
        line += block.count(b"\n")


def _parse_block(
    block: bytes, layout: Layout, first_line: int, *, recipe: _Recipe, file: NamedFile, wanted: Span, origin: str
) -> Parsed:
    text = split_block(block, width=len(layout.columns))
    rows = recipe.finish(read_rows(text.texts, columns=layout.columns))
    rows = _reject_other_days(rows, recipe=recipe, file=file)
    bad = _bad_lines(text, rows, recipe=recipe, file=file, wanted=wanted)
    return Parsed(
        rows=as_table(rows.accepted().filter(in_span(recipe.time, wanted)), schema=recipe.payload),
        rejected=rejected_rows([(text.raw(line), reason, line + first_line) for line, reason in bad], origin=origin),
    )


def _bad_lines(
    text: TextRows, rows: TypedRows, *, recipe: _Recipe, file: NamedFile, wanted: Span
) -> list[tuple[int, str]]:
    """Index and reason of the lines of the wanted span that are no rows."""
    bad = text.irregular if wanted.start <= file.span.start < wanted.end else []
    if rejected := rows.rejected():
        has_time = pl.col(recipe.time).is_not_null() & ~_of_other_day(recipe, file)
        counts_at = pl.when(has_time).then(pl.col(recipe.time)).otherwise(utc_time(file.span.start))
        is_wanted = rows.values.select(counts_at.alias(recipe.time)).select(in_span(recipe.time, wanted)).to_series()
        bad = bad + [(int(text.regular[row]), reason) for row, reason in rejected if is_wanted[row]]
    return sorted(bad)


def _of_other_day(recipe: _Recipe, file: NamedFile) -> pl.Expr:
    time, start, end = pl.col(recipe.time), utc_time(file.span.start), utc_time(file.span.end)
    return (time <= start) | (time > end) if recipe.includes_next_midnight else (time < start) | (time >= end)


def _reject_other_days(rows: TypedRows, *, recipe: _Recipe, file: NamedFile) -> TypedRows:
    time = pl.col(recipe.time)
    reason = pl.format("{} {} is of another day: the file covers {}", pl.lit(recipe.time), time, pl.lit(str(file.span)))
    return rows.reject(_of_other_day(recipe, file), reason)
