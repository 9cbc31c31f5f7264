"""What the gate said of a published day: kept beside the day, and worth nothing for any other rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import pyarrow as pa

from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.warehouse.gate import gate_day
from crypto_assets.warehouse.gate_report import Rule
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES

CANDLES_PRESENT = "candles_present"
"""The rule beside those of the gate: what nothing was compared with is not loaded either."""

RULES: dict[str, str] = {
    Rule.KEYS_UNIQUE.value: "A symbol has one row a minute, and dimensions one row a key.",
    Rule.NO_NULLS.value: "No value is null.",
    Rule.WITHIN_DAY.value: "Every minute is one of the day, and a whole one.",
    Rule.PRICES_ORDERED.value: "min ≤ avg ≤ max, and open, close and vwap lie between as well.",
    Rule.ABOVE_ZERO.value: "Prices, quantities and counts are above zero.",
    Rule.DIMENSIONS_COVER.value: "Each symbol and minute has its row in the dimensions.",
    CANDLES_PRESENT: "There are 1m candles of each symbol to compare with.",
    Rule.MINUTES_COMPLETE.value: "Every minute in which the candles count trades has a row, and no other.",
    Rule.MINUTES_EQUAL_CANDLES.value: "Prices, volumes and counts of a minute equal its 1m candle to the last digit.",
    Rule.TOTALS_EQUAL_CANDLES.value: "Volume, quote volume and count of the day equal those of its 1m candles.",
}
"""What must hold of a day before it is loaded, by the name of its check."""


class Verdict(msgspec.Struct, frozen=True):
    """The judgement of the facts of a day."""

    data_version: str
    """Of the facts that were judged."""
    rows: int
    broken: dict[str, str]
    """By rule, what is wrong: the first minutes, and how many more."""
    counts: dict[str, int]
    """By rule, in how many places."""
    compared: tuple[str, ...]
    """Symbols that were held against candles."""

    @property
    def passed(self) -> bool:
        """Whether the day may be loaded."""
        return not self.broken

    @property
    def why_not(self) -> str:
        """All that is wrong, in a sentence."""
        return f"{'; '.join(self.broken.values())}."


def judge_day(store: WarehouseStore, lake: Lake, day: date, *, symbols: Sequence[str]) -> Verdict | None:
    """Judge the published facts of a day and keep the verdict; None where the day was never published.

    `symbols` are those whose candles count, beside those of the facts. Silver's candles are taken, which stay, or else
    bronze's. A dimension that was never published covers nothing. Raises LakeError.
    """
    found = store.read_whole(FACT_TRADES, day)
    if found is None:
        return None
    manifest, facts = found
    held: set[str] = set(facts["symbol"].unique().to_pylist())
    times, names = store.read(DIM_TIME, day), store.read(DIM_SYMBOL, day)
    report = gate_day(
        facts,
        day=day,
        dim_time=DIM_TIME.schema.empty_table() if times is None else times,
        dim_symbol=DIM_SYMBOL.schema.empty_table() if names is None else names,
        candles={symbol: read_candles(lake, symbol, day) for symbol in sorted({*symbols, *held})},
    )
    broken = {rule.value: report.of_rule(rule) for rule in report.counts}
    counts = {rule.value: count for rule, count in report.counts.items()}
    if lacking := [symbol for symbol in report.not_compared if symbol in held]:
        asked = ", ".join(f"{day}|{symbol}" for symbol in lacking)
        broken[CANDLES_PRESENT] = f"{CANDLES_PRESENT}: the lake has none; materialise silver_klines_1m of {asked}"
        counts[CANDLES_PRESENT] = len(lacking)
    verdict = Verdict(manifest.data_version, manifest.rows, broken, counts, report.compared_symbols)
    store.files.publish(_path(day), msgspec.json.encode(verdict))
    return verdict


def read_verdict(store: WarehouseStore, day: date, *, data_version: str) -> Verdict | None:
    """The verdict on exactly these facts; None where none was given, or only on others."""
    content = store.files.read(_path(day))
    verdict = None if content is None else msgspec.json.decode(content, type=Verdict)
    return verdict if verdict is not None and verdict.data_version == data_version else None


def read_candles(lake: Lake, symbol: str, day: date) -> pa.Table | None:
    """1m candles of the day in silver, else in bronze; None where neither has any."""
    for dataset in (SILVER_KLINES["1m"], BRONZE_KLINES["1m"]):
        candles = lake.read(dataset, symbol, day)
        if candles is not None and candles.num_rows:
            return candles
    return None


def _path(day: date) -> str:
    return f"_verdicts/{FACT_TRADES.name}/{day}.json"
