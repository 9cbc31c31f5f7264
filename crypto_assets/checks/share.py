"""Checks of the shared aggregates: against the facts, live minutes against facts, and what Hive reads of a day."""

from collections.abc import Sequence

import dagster as dg
import polars as pl
import pyarrow as pa

from crypto_assets.assets.share import HIVE_PRICE_AGGREGATES, hive_table, live_minutes, share_store
from crypto_assets.assets.share_days import FROM_FACTS
from crypto_assets.checks.findings import WARN, Finding, not_there
from crypto_assets.checks.run_days import judge_each
from crypto_assets.cleaning.tables import table_of
from crypto_assets.config import read_settings
from crypto_assets.partitions import DaySymbol, WholeDay, WholeDays
from crypto_assets.share.hive import Figures, HiveTable, figures_of
from crypto_assets.share.live import LiveDay
from crypto_assets.share.tables import PRICE_AGGREGATES, WINDOWS
from crypto_assets.share.windows import price_windows
from crypto_assets.warehouse.tables import FACT_TRADES
from resources.lake import LakeResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

SUMS = {"trades": "trade_count", "volume": "total_quantity", "quote_volume": "total_trade_value"}
"""Columns whose sums over a day are the same in every timeframe, and what the facts call them."""
SHOWN, NAMED = 5, 3
"""Windows that differ, and columns of each, which a sentence names."""


def share_checks(days: DaySymbol) -> Sequence[dg.AssetChecksDefinition]:
    """Checks of price_aggregates and hive_price_aggregates; each looks at the days of its run."""
    every_day = days.whole_days
    return [_adds_up(every_day), _live_equals_facts(every_day), _reads_the_same(every_day)]


def _adds_up(days: WholeDays) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=PRICE_AGGREGATES.name,
        description="Trades, volume and quote volume of each symbol sum up to the same in every timeframe, and, of a "
        "past day, to those of fact_trades.",
    )
    def adds_up_to_facts(
        context: dg.AssetCheckExecutionContext, lake: LakeResource, warehouse: WarehouseResource
    ) -> dg.AssetCheckResult:
        store = share_store(lake.lake)

        def judge(partition: WholeDay) -> Finding:
            held = store.read_whole(PRICE_AGGREGATES, partition.day)
            if held is None:
                return not_there(PRICE_AGGREGATES.name)
            manifest, windows = held
            if manifest.notes.get("made_from") != FROM_FACTS:
                return Finding(True, f"{windows.num_rows} windows so far, made from the stream; the day still runs.")
            return judge_sums(windows, warehouse.store.read(FACT_TRADES, partition.day))

        return judge_each(context, days, judge)

    return adds_up_to_facts


def _live_equals_facts(days: WholeDays) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=PRICE_AGGREGATES.name,
        description="Windows that the live query closed are those that fact_trades make, to the last digit.",
    )
    def live_equals_facts(context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource) -> dg.AssetCheckResult:
        live = live_minutes(read_settings())

        def judge(partition: WholeDay) -> Finding:
            held = live.read(partition.day)
            if not held.minutes.num_rows:
                return Finding(True, "No live minutes are kept of this day, so there is nothing to compare.")
            return judge_live(held, warehouse.store.read(FACT_TRADES, partition.day))

        return judge_each(context, days, judge)

    return live_equals_facts


def _reads_the_same(days: WholeDays) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=HIVE_PRICE_AGGREGATES,
        description="Spark SQL counts as many rows in the partition, with the same sums, as the published file has.",
    )
    def reads_what_was_published(
        context: dg.AssetCheckExecutionContext, spark: SparkResource, lake: LakeResource
    ) -> dg.AssetCheckResult:
        store = share_store(lake.lake)
        opened: list[HiveTable] = []

        def judge(partition: WholeDay) -> Finding:
            published = store.read(PRICE_AGGREGATES, partition.day)
            if published is None:
                return not_there(PRICE_AGGREGATES.name)
            if not opened:
                opened.append(hive_table(spark, lake.lake))
            return judge_hive(figures_of(PRICE_AGGREGATES, published), opened[0].figures(partition.day))

        return judge_each(context, days, judge)

    return reads_what_was_published


def judge_sums(windows: pa.Table, facts: pa.Table | None) -> Finding:
    """Whether PRICE_AGGREGATES rows of a whole day add up, in each timeframe, to FACT_TRADES of the day."""
    if facts is None:
        return Finding(False, "fact_trades of this day is gone, so there is nothing to compare with.", severity=WARN)
    totals = _frame(facts).group_by("symbol").agg(pl.col(name).sum().alias(ours) for ours, name in SUMS.items())
    declared = totals.join(pl.DataFrame({"timeframe": list(WINDOWS)}), how="cross")
    found = _frame(windows).group_by("symbol", "timeframe").agg(pl.col(*SUMS).sum())
    both = declared.join(found, on=["symbol", "timeframe"], how="full", coalesce=True, suffix="_found")
    wrong = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_found")) for name in SUMS))
    doubled = windows.num_rows - _frame(windows).select(PRICE_AGGREGATES.key).n_unique()
    numbers = {"windows": windows.num_rows, "symbols": totals.height, "wrong": wrong.height, "doubled": doubled}
    if doubled:
        return Finding(False, f"{doubled} windows are there twice. Materialise price_aggregates again.", numbers)
    if wrong.height:
        row = wrong.sort("symbol", "timeframe").row(0, named=True)
        said = ", ".join(f"{name} {row[f'{name}_found']} of {row[name]}" for name in SUMS)
        sentence = f"{wrong.height} timeframes do not add up; {row['symbol']} {row['timeframe']} has {said}"
        return Finding(False, f"{sentence}. Materialise price_aggregates again: the facts have changed since.", numbers)
    return Finding(True, f"{windows.num_rows} windows of {totals.height} symbols add up to the facts.", numbers)


def judge_live(live: LiveDay, facts: pa.Table | None) -> Finding:
    """Whether the windows of the closed live minutes are those of the facts, of the time in which there are both."""
    if facts is None:
        sentence = f"{live.minutes.num_rows} live minutes; fact_trades of the day is not there yet to compare with."
        return Finding(True, sentence, {"live_minutes": live.minutes.num_rows})
    key = list(PRICE_AGGREGATES.key)
    values = [name for name in PRICE_AGGREGATES.schema.names if name not in key]
    ours, theirs = (_closed_windows(minutes, live) for minutes in (live.minutes, facts))
    both = ours.join(theirs, on=key, suffix="_facts", how="full", coalesce=True)
    differ = both.filter(pl.any_horizontal(pl.col(v).ne_missing(pl.col(f"{v}_facts")) for v in values))
    numbers = {
        "live_windows": ours.height,
        "fact_windows": theirs.height,
        "different": differ.height,
        "late_trades": live.taken.late,
    }
    if differ.height:
        order = pl.col("timeframe").cast(pl.Enum(list(WINDOWS)))
        first = differ.sort(order, "symbol", "window_start").head(SHOWN)
        listed = "; ".join(_difference(row, values) for row in first.iter_rows(named=True))
        more = f"; and {differ.height - SHOWN} more" if differ.height > SHOWN else ""
        sentence = (
            f"{differ.height} windows differ: {listed}{more}. A past day is shared from its facts. Trades that came "
        )
        return Finding(False, f"{sentence}later than the query waits are only there.", numbers, WARN)
    return Finding(True, f"{ours.height} live windows equal those of the facts to the last digit.", numbers)


def judge_hive(published: Figures, read: Figures | None) -> Finding:
    """Whether Hive reads of a day what was published."""
    if read is None:
        return Finding(False, "Hive has no partition of this day. Materialise hive_price_aggregates.")
    numbers = {"rows": published.rows, "rows_in_hive": read.rows}
    if read == published:
        return Finding(True, f"Hive reads {read.rows} rows with the sums of the published file.", numbers)
    sums = [f"{n} {read.sums.get(n)} of {s}" for n, s in published.sums.items() if read.sums.get(n) != s]
    sentence = f"Hive reads {read.rows} of {published.rows} rows; sums that differ: {', '.join(sums) or 'none'}"
    return Finding(False, f"{sentence}. Materialise hive_price_aggregates again.", numbers)


def _frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(table))


def _closed_windows(minutes: pa.Table, live: LiveDay) -> pl.DataFrame:
    """Windows of FACT_TRADES rows that lie wholly in the time of which the live query knows every trade."""
    since = live.since.replace(tzinfo=None)
    known = _frame(minutes).filter(pl.col("trade_minute") >= since)
    windows = _frame(price_windows(table_of(known, FACT_TRADES.schema), until=live.closed_until))
    return windows.filter(pl.col("window_start") >= since)


def _difference(row: dict[str, object], values: list[str]) -> str:
    where = f"{row['symbol']} {row['timeframe']} {row['window_start']:%Y-%m-%d %H:%M}"
    if row["trades"] is None or row["trades_facts"] is None:
        return f"{where} is only {'in the facts' if row['trades'] is None else 'live'}"
    named = [f"{v} {row[v]} live, {row[f'{v}_facts']} in the facts" for v in values if row[v] != row[f"{v}_facts"]]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{where} has {', '.join(named[:NAMED])}{more}"
