"""The gate before Redshift: a day of facts that contradicts itself or the exchange's candles is not loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType

import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.tables import frame_of
from crypto_assets.warehouse.gate_candles import Found, compare_with_candles, listed
from crypto_assets.warehouse.gate_report import LISTED, GateReport, Rule, Violation
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable


def gate_day(
    facts: pa.Table,
    *,
    day: date,
    dim_time: pa.Table,
    dim_symbol: pa.Table,
    candles: Mapping[str, pa.Table | None],
) -> GateReport:
    """The verdict on a day of FACT_TRADES with its dimensions, as they are stored.

    `candles` are the one-minute candles of the day by symbol, bronze or silver; None, or no entry, where there are
    none: such a symbol is not compared, and the report says so. Zero rows pass, unless candles count trades.
    """
    rows = frame_of(facts, FACT_TRADES.schema, name=FACT_TRADES.name)
    times = frame_of(dim_time, DIM_TIME.schema, name=DIM_TIME.name)
    symbols = frame_of(dim_symbol, DIM_SYMBOL.schema, name=DIM_SYMBOL.name)
    held = {symbol: table for symbol, table in candles.items() if table is not None}
    found: list[Found] = [
        *_table_rules(rows, FACT_TRADES),
        *_table_rules(times, DIM_TIME),
        *_table_rules(symbols, DIM_SYMBOL),
        *_fact_rules(rows, day=day),
        *_coverage(rows, times, symbols),
    ]
    for symbol, table in sorted(held.items()):
        of_symbol = rows.filter(pl.col("symbol") == symbol, pl.col("trade_minute").is_not_null())
        found += compare_with_candles(of_symbol, table, symbol=symbol, day=day)
    asked = {*candles, *rows["symbol"].drop_nulls().unique()}
    return _report(found, compared=held.keys(), not_compared=asked - held.keys())


def _report(found: Iterable[Found], *, compared: Iterable[str], not_compared: Iterable[str]) -> GateReport:
    by_rule: defaultdict[Rule, list[pl.DataFrame]] = defaultdict(list)
    for rule, rows in found:
        by_rule[rule].append(rows)
    whole = {rule: pl.concat(by_rule[rule]) for rule in Rule if rule in by_rule}
    violations = [Violation(rule, *row) for rule, rows in whole.items() for row in rows.head(LISTED).iter_rows()]
    counts = {rule: rows.height for rule, rows in whole.items() if rows.height}
    return GateReport(tuple(violations), tuple(sorted(compared)), tuple(sorted(not_compared)), MappingProxyType(counts))


def _table_rules(rows: pl.DataFrame, table: DayTable) -> Iterator[Found]:
    """Keys are unique and nothing is null."""
    symbol = pl.col("symbol") if "symbol" in rows.columns else pl.lit(None, pl.String)
    minute = next(
        (pl.col(f.name) for f in table.schema if pa.types.is_timestamp(f.type)), pl.lit(None, pl.Datetime("us"))
    )
    copies = rows.group_by(table.key).len("_copies").filter(pl.col("_copies") > 1)
    key = " and ".join(table.key)
    yield (
        Rule.KEYS_UNIQUE,
        listed(
            copies,
            pl.format("{} has {} rows of this {}", pl.lit(table.name), "_copies", pl.lit(key)),
            symbol=symbol,
            minute=minute,
        ),
    )
    nulls = [
        pl.when(pl.col(name).is_null()).then(pl.lit(f"{name} is null{_WHY_NULL.get(name, '')}"))
        for name in table.schema.names
    ]
    said = pl.concat_str(nulls, separator=", ", ignore_nulls=True)
    lacking = rows.with_columns(_sentence=said).filter(pl.col("_sentence") != "")
    yield (
        Rule.NO_NULLS,
        listed(lacking, pl.format("{}: {}", pl.lit(table.name), "_sentence"), symbol=symbol, minute=minute),
    )


_WHY_NULL = {"vwap": " because a trade has a quantity not above zero"}
"""What a null in a column of a fact says."""


def _fact_rules(facts: pl.DataFrame, *, day: date) -> Iterator[Found]:
    """Minutes are of the day, prices in order, and all amounts above zero."""
    minute, low, high = pl.col("trade_minute"), pl.col("min_price"), pl.col("max_price")
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - times of facts have no zone
    is_of_day = (minute >= start) & (minute < start + timedelta(days=1)) & (minute == minute.dt.truncate("1m"))
    yield Rule.WITHIN_DAY, _wrong(facts, [(~is_of_day, pl.format("{} is no minute of " + f"{day}", minute))])
    between = ("avg_price", "vwap", "open_price", "close_price")
    yield (
        Rule.PRICES_ORDERED,
        _wrong(
            facts,
            [(low > high, pl.format("min_price {} is above max_price {}", low, high))]
            + [
                (
                    (pl.col(name) < low) | (pl.col(name) > high),
                    pl.format("{} {} is not between {} and {}", pl.lit(name), pl.col(name), low, high),
                )
                for name in between
            ],
        ),
    )
    bought, total = pl.col("taker_buy_quantity"), pl.col("total_quantity")
    yield (
        Rule.ABOVE_ZERO,
        _wrong(
            facts,
            [
                (pl.col(name) <= 0, pl.format("{} is {}", pl.lit(name), pl.col(name)))
                for name in ("min_price", "total_quantity", "total_trade_value", "trade_count")
            ]
            + [
                (
                    (bought < 0) | (bought > total),
                    pl.format("taker_buy_quantity {} is not between 0 and total_quantity {}", bought, total),
                )
            ],
        ),
    )


def _coverage(facts: pl.DataFrame, times: pl.DataFrame, symbols: pl.DataFrame) -> Iterator[Found]:
    """Each symbol and minute of the facts has its row in the dimensions."""
    nobody = facts.select("symbol").unique().drop_nulls().join(symbols, on="symbol", how="anti")
    never = (
        facts.select("trade_minute")
        .unique()
        .drop_nulls()
        .join(times, left_on="trade_minute", right_on="datetime", how="anti")
    )
    no_symbol, no_minute = pl.lit(None, pl.String), pl.lit(None, pl.Datetime("us"))
    yield (
        Rule.DIMENSIONS_COVER,
        listed(nobody, pl.lit("has no row in dim_symbol"), symbol=pl.col("symbol"), minute=no_minute),
    )
    yield (
        Rule.DIMENSIONS_COVER,
        listed(never, pl.lit("has no row in dim_time"), symbol=no_symbol, minute=pl.col("trade_minute")),
    )


def _wrong(facts: pl.DataFrame, conditions: list[tuple[pl.Expr, pl.Expr]]) -> pl.DataFrame:
    """Facts for which a condition holds, each with the sentences of those that do; a null is none of them."""
    said = pl.concat_str(
        [pl.when(is_wrong).then(why) for is_wrong, why in conditions], separator=", ", ignore_nulls=True
    )
    rows = facts.with_columns(_said=said).filter(pl.col("_said") != "")
    return listed(rows, pl.col("_said"), symbol=pl.col("symbol"), minute=pl.col("trade_minute"))
