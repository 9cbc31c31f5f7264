"""Columns of kline files as people publish them, read as the exchange's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.typed_rows import Column, Kind, as_table, read_rows, rejected_rows
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import AMOUNT, BRONZE_KLINES
from crypto_assets.spans import MICROSECOND

SYMBOL = "symbol"
KLINES = BRONZE_KLINES["1m"].payload

ALIASES: Mapping[str, tuple[str, ...]] = {
    "open_time": ("opentime", "timestamp", "time", "date", "datetime", "unix", "ts", "t"),
    "open": ("o", "open_price"),
    "high": ("h", "high_price"),
    "low": ("l", "low_price"),
    "close": ("c", "close_price"),
    "volume": ("vol", "v", "base_volume", "base_asset_volume"),
    "close_time": ("closetime",),
    "quote_volume": ("quote_asset_volume", "quotevolume", "quote_vol"),
    "count": ("trades", "number_of_trades", "num_trades", "trade_count", "tradecount", "n_trades"),
    "taker_buy_volume": ("taker_buy_base", "taker_buy_base_volume", "taker_buy_base_asset_volume", "taker_base_vol"),
    "taker_buy_quote_volume": ("taker_buy_quote", "taker_buy_quote_asset_volume", "taker_quote_vol"),
    SYMBOL: ("pair", "ticker"),
}
"""Other spellings of each column, in lower case with anything but letters and digits as an underscore."""

EXCHANGE_ORDER = (*KLINES.names, "ignore")
"""Columns of the exchange's own files, which may have no header."""

OPTIONAL = ("close_time", SYMBOL)
_US_PER_SECOND = 1_000_000
_CLOCK_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d")


def find_columns(names: Sequence[str], *, mapping: Mapping[str, str], origin: str) -> dict[str, str]:
    """For each of our columns, what the file calls it.

    `mapping` (ours to the file's) has the last word. Raises BadPayload that lists what is missing and what there is.
    """
    unknown = set(mapping) - set(ALIASES)
    if unknown:
        raise BadPayload(f"columns maps {', '.join(sorted(unknown))}, which is none of {', '.join(ALIASES)}.")
    spelled = {re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_"): name for name in names}
    found: dict[str, str] = {}
    for ours, aliases in ALIASES.items():
        theirs = mapping.get(ours) or next((spelled[a] for a in (ours, *aliases) if a in spelled), None)
        if theirs is not None and theirs in names:
            found[ours] = theirs
    missing = [name for name in ALIASES if name not in found and name not in OPTIONAL]
    if missing:
        raise BadPayload(
            f"{origin} has no column for {', '.join(missing)}; it has {', '.join(names)}. "
            "Name them in `columns`, ours to the file's; a file without these figures cannot stand for klines."
        )
    return found


def read_klines(
    frame: pl.DataFrame,
    *,
    columns: Mapping[str, str],
    timeframe: timedelta,
    symbol: str,
    origin: str,
    first_line: int,
) -> Parsed:
    """Rows of one symbol of a frame in any types as kline payload; what cannot be read is rejected with its line.

    Times are seconds, ms, us or ns by their value, or written out (UTC). Floats are rounded to the exchange's 8
    decimals; text is taken exactly. A missing close time is the last millisecond of the candle.
    """
    numbered = frame.with_row_index("_line", offset=first_line)
    if SYMBOL in columns:
        numbered = numbered.filter(pl.col(columns[SYMBOL]).cast(pl.String).str.replace_all(r"[-/_]", "") == symbol)
    texts = numbered.select(_as_text(numbered, columns[name], name) for name in KLINES.names if name in columns)
    if "close_time" not in columns:
        last = timeframe // MICROSECOND - 1000
        texts = texts.with_columns(
            (pl.col("open_time").cast(pl.Int64, strict=False) + last).cast(pl.String).alias("close_time")
        )
    texts = texts.select(KLINES.names)
    typed = read_rows(texts, columns=[Column(field.name, _kind(field)) for field in KLINES])
    lines = numbered["_line"]
    bad = [(_raw(frame, lines[row] - first_line), reason, lines[row]) for row, reason in typed.rejected()]
    return Parsed(rows=as_table(typed.accepted(), schema=KLINES), rejected=rejected_rows(bad, origin=origin))


def _raw(frame: pl.DataFrame, row: int) -> bytes:
    return ",".join("" if value is None else str(value) for value in frame.row(row)).encode()


def _kind(field: pa.Field) -> Kind:
    if field.type == AMOUNT:
        return "amount"
    return "count" if field.name == "count" else "time"


def _as_text(frame: pl.DataFrame, theirs: str, ours: str) -> pl.Expr:
    kind = frame.schema[theirs]
    column = pl.col(theirs)
    if ours.endswith("_time"):
        return _micros(column, kind).cast(pl.String).fill_null(column.cast(pl.String)).alias(ours)
    if ours == "count" and kind.is_float():
        return column.cast(pl.Int64, strict=False).cast(pl.String).alias(ours)
    if kind.is_float():
        return column.round(AMOUNT.scale).cast(pl.String).alias(ours)
    return column.cast(pl.String).str.strip_chars().alias(ours)


def _micros(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Microseconds since 1970 of a column of times in whatever form; null where it is none."""
    if isinstance(kind, pl.Datetime):
        return column.dt.epoch("us")
    if isinstance(kind, pl.Date):
        return column.cast(pl.Datetime("us")).dt.epoch("us")
    number = column.cast(pl.Float64, strict=False) if kind.is_float() else column.cast(pl.Int64, strict=False)
    whole = number.cast(pl.Int64, strict=False)
    scaled = (
        pl.when(whole < 10**11)
        .then(whole * _US_PER_SECOND)
        .when(whole < 10**14)
        .then(whole * 1000)
        .when(whole < 10**17)
        .then(whole)
        .otherwise(whole // 1000)
    )
    if kind != pl.String:
        return scaled
    plain = column.str.strip_chars().str.replace(r"(Z|\+00:?00| UTC)$", "")
    written = [plain.str.to_datetime(f, strict=False, time_unit="us").dt.epoch("us") for f in _CLOCK_FORMATS]
    return pl.coalesce(scaled, *written)
