"""Facts against the exchange's one-minute candles of the same day: made from the same trades, by somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.deduplicate import deduplicate_klines
from crypto_assets.cleaning.tables import frame_of
from crypto_assets.flags import has_flag
from crypto_assets.schemas import AMOUNT, BRONZE_KLINES
from crypto_assets.warehouse.gate_report import Rule
from crypto_assets.warehouse.tables import VALUE

type Found = tuple[Rule, pl.DataFrame]
"""Violations of a rule: `symbol`, `minute` (null of the whole day) and `sentence`, ordered."""

_CANDLES = BRONZE_KLINES["1m"]
_SAME = {
    "open_price": "open",
    "max_price": "high",
    "min_price": "low",
    "close_price": "close",
    "total_quantity": "volume",
    "trade_count": "count",
    "taker_buy_quantity": "taker_buy_volume",
}
"""Columns of a fact, and the column of a candle that each must equal to the last digit."""
_SUMS = ("total_quantity", "trade_count", "taker_buy_quantity")

_UNPRINTED = 10 ** (VALUE.scale - AMOUNT.scale)
"""Last digits of a value in the last digit that the exchange prints."""


def compare_with_candles(facts: pl.DataFrame, candles: pa.Table, *, symbol: str, day: date) -> Iterator[Found]:
    """What the facts of one symbol and its candles of the day contradict each other in.

    Every candle with trades has facts and no other minute has; their prices, volumes and counts are equal to the last
    digit, minute by minute and over the day. A quote volume is printed with 8 decimals, and a product of price and
    quantity may have 16: where no value of the day has more than 8, they must be equal; else each trade may have lost
    less than one unit of the last printed digit, and so a minute less than one for each of its trades.
    """
    sent, filled = _as_sent(candles, day=day)
    traded = sent.filter(pl.col("count") > 0)
    first = facts.unique("trade_minute", keep="first", maintain_order=True)
    pairs = first.join(traded, left_on="trade_minute", right_on="open_time", how="inner", maintain_order="left")
    is_exact = not first.select((pl.col("total_trade_value").to_physical() % _UNPRINTED != 0).any()).item()
    yield Rule.MINUTES_COMPLETE, _one_sided(first, sent, filled, symbol=symbol)
    yield Rule.MINUTES_EQUAL_CANDLES, _different(pairs, is_exact=is_exact, symbol=symbol)
    yield Rule.TOTALS_EQUAL_CANDLES, _totals(facts, traded, is_exact=is_exact, symbol=symbol)


def listed(rows: pl.DataFrame, sentence: pl.Expr, *, symbol: pl.Expr, minute: pl.Expr) -> pl.DataFrame:
    """Violations of rows, in the order of symbols and minutes."""
    return rows.select(
        symbol.alias("symbol"), minute.cast(pl.Datetime("us")).alias("minute"), sentence.alias("sentence")
    ).sort("symbol", "minute", "sentence", nulls_last=True)


def _as_sent(candles: pa.Table, *, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One candle a minute of the day as the exchange sent it, and the minutes that were interpolated.

    `candles` are bronze, of whose copies the most trusted counts, or silver; a time that is no minute's start is
    nobody's candle.
    """
    schema = _CANDLES.payload
    if set(_CANDLES.schema.names) <= set(candles.column_names):
        rows = deduplicate_klines(frame_of(candles, _CANDLES.schema, name="candles")).rows
    else:
        rows = frame_of(candles, schema, name="candles").with_columns(
            flags=pl.Series(candles["flags"], dtype=pl.Int32)
            if "flags" in candles.column_names
            else pl.lit(0, pl.Int32)
        )
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - times of facts have no zone
    opens = pl.col("open_time")
    rows = rows.with_columns(opens.dt.replace_time_zone(None)).filter(
        opens >= start, opens < start + timedelta(days=1), opens == opens.dt.truncate("1m")
    )
    of_minute = rows.unique("open_time", keep="first", maintain_order=True)
    return of_minute.filter(~has_flag("filled")), of_minute.filter(has_flag("filled")).select("open_time")


def _one_sided(facts: pl.DataFrame, sent: pl.DataFrame, filled: pl.DataFrame, *, symbol: str) -> pl.DataFrame:
    """Minutes of which only one side has trades."""
    lacking = sent.filter(pl.col("count") > 0).join(facts, left_on="open_time", right_on="trade_minute", how="anti")
    lack = pl.format("its candle counts {} trades and there are no facts", "count")
    extra = (
        facts.join(sent.select("open_time", "count"), left_on="trade_minute", right_on="open_time", how="left")
        .filter(pl.col("count").fill_null(0) == 0)
        .with_columns(is_filled=pl.col("trade_minute").is_in(filled["open_time"].implode()))
    )
    why = (
        pl.when("is_filled")
        .then(pl.lit("its candle is missing and was interpolated"))
        .when(pl.col("count").is_null())
        .then(pl.lit("there is no candle of it"))
        .otherwise(pl.lit("its candle counts none"))
    )
    surplus = pl.format("there are facts of {} trades and {}", "trade_count", why)
    return pl.concat(
        [
            listed(lacking, lack, symbol=pl.lit(symbol), minute=pl.col("open_time")),
            listed(extra, surplus, symbol=pl.lit(symbol), minute=pl.col("trade_minute")),
        ]
    ).sort("minute")


def _different(pairs: pl.DataFrame, *, is_exact: bool, symbol: str) -> pl.DataFrame:
    """Minutes whose facts differ from their candle, with each value that does."""
    wrong = pairs.with_columns(_said=_differences(_SAME, is_exact=is_exact)).filter(pl.col("_said") != "")
    return listed(wrong, pl.col("_said"), symbol=pl.lit(symbol), minute=pl.col("trade_minute"))


def _totals(facts: pl.DataFrame, traded: pl.DataFrame, *, is_exact: bool, symbol: str) -> pl.DataFrame:
    """Sums over all facts and all candles of the day that differ, as one violation of the day."""
    ours = facts.select(pl.col(*_SUMS, "total_trade_value").sum())
    theirs = traded.select(pl.col(*(_SAME[name] for name in _SUMS), "quote_volume").sum())
    pair = pl.concat([ours, theirs], how="horizontal")
    wrong = pair.with_columns(_said=_differences(_SUMS, is_exact=is_exact)).filter(pl.col("_said") != "")
    said = pl.format("over the day {}", "_said")
    return listed(wrong, said, symbol=pl.lit(symbol), minute=pl.lit(None, pl.Datetime("us")))


def _differences(names: Iterable[str], *, is_exact: bool) -> pl.Expr:
    """Each value that is not the candle's, in words; empty where none."""
    value, printed = pl.col("total_trade_value"), pl.col("quote_volume")
    pairs = [(pl.col(name), pl.col(_SAME[name]), pl.col(name) != pl.col(_SAME[name])) for name in names]
    pairs.append((value, printed, _is_other_value(value, printed, pl.col("trade_count"), is_exact=is_exact)))
    said = [
        pl.when(is_other).then(
            pl.format("{} {} in the facts and {} in the candles", pl.lit(theirs.meta.output_name()), ours, theirs)
        )
        for ours, theirs, is_other in pairs
    ]
    return pl.concat_str(said, separator=", ", ignore_nulls=True)


def _is_other_value(value: pl.Expr, printed: pl.Expr, trades: pl.Expr, *, is_exact: bool) -> pl.Expr:
    """Whether a value is not the one that was printed with fewer decimals."""
    apart = (value.to_physical() - printed.to_physical() * _UNPRINTED).abs()
    return apart != 0 if is_exact else apart >= trades.cast(pl.Int128) * _UNPRINTED
