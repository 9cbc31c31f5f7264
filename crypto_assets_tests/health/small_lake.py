"""Days put into a lake by hand, of which every figure is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from crypto_assets.cleaning.gaps import Gap as SilverGap
from crypto_assets.cleaning.gaps import GapCause, gaps_as_json
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Part
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES, Dataset
from crypto_assets.spans import Span, day_span
from crypto_assets.stream.gaps import Gap, State

DAY = date(2024, 8, 5)
SYMBOL = "BTCUSDT"
NEXT_MORNING = datetime(2024, 8, 6, 5, tzinfo=UTC)


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    """A moment of the day."""
    return day_span(day).start + timedelta(hours=hour, minutes=minute)


def put_silver(
    lake: Lake,
    *,
    symbol: str = SYMBOL,
    day: date = DAY,
    minutes: Iterable[int] = range(1440),
    flags: Mapping[int, int] | None = None,
    halts: Sequence[tuple[datetime, datetime]] = (),
    known_until: datetime | None = None,
    dataset: Dataset = SILVER_KLINES["1m"],
    step: int = 1,
) -> None:
    """Publish candles that open in these minutes of the day, with their flags."""
    table = klines(dataset, day, [n * step for n in minutes], flags=flags)
    gaps = [SilverGap(start, end, GapCause.EXCHANGE_HALT) for start, end in halts]
    footer = {"gaps": gaps_as_json(gaps)}
    if known_until is not None:
        footer["known_until"] = known_until.isoformat()
    lake.publish(dataset, symbol, day, table, footer=footer)


def klines(dataset: Dataset, day: date, minutes: Iterable[int], *, flags: Mapping[int, int] | None = None) -> pa.Table:
    """Candles with the stored columns of a dataset of klines, all prices 1."""
    opened = [day_span(day).start + timedelta(minutes=n) for n in minutes]
    rows = len(opened)
    columns: dict[str, object] = {f.name: [1] * rows for f in dataset.schema if not pa.types.is_timestamp(f.type)}
    columns |= dict.fromkeys(("open_time", "close_time", "received_at"), opened)
    columns |= {"source": ["rest"] * rows, "exchange": ["binance"] * rows, "topic": [None] * rows}
    columns["flags"] = [(flags or {}).get(round((t - day_span(day).start).total_seconds() / 60), 0) for t in opened]
    return pa.table({name: columns[name] for name in dataset.schema.names}, schema=dataset.schema)


def put_bronze(
    lake: Lake,
    minutes: Sequence[int],
    *,
    symbol: str = SYMBOL,
    day: date = DAY,
    sources: Sequence[str] = ("rest",),
    halts: Sequence[tuple[datetime, datetime]] = (),
) -> None:
    """Publish a part of these minutes from each source."""
    dataset = BRONZE_KLINES["1m"]
    table = klines(dataset, day, minutes)
    parts: list[Part] = []
    for source in sources:
        parts += lake.write_part(dataset, symbol, day, table, source=source, origin=source, version=source * 8)
    manifest = Manifest(parts=tuple(parts), halts=tuple(Span(start, end) for start, end in halts))
    lake.publish_manifest(dataset, symbol, day, manifest)


def gold(*, rows: int = 1440, columns: Mapping[str, Sequence[object]] | None = None) -> pa.Table:
    """Warm rows of features, each value in its range, but for the columns given."""
    opened = [day_span(DAY).start + timedelta(minutes=n) for n in range(rows)]
    bounds = {f.name: f.low if f.low is not None else f.high if f.high is not None else 0.0 for f in FEATURES}
    values: dict[str, object] = {
        "open_time": opened,
        "as_of": [t + timedelta(minutes=1) for t in opened],
        **{f.name: [f.name != "filled"] * rows for f in GOLD_FEATURES.schema if pa.types.is_boolean(f.type)},
        **{name: np.full(rows, value) for name, value in bounds.items()},
        **(columns or {}),
    }
    arrays = [pa.array(values[field.name]).cast(field.type) for field in GOLD_FEATURES.schema]
    return pa.table(arrays, schema=GOLD_FEATURES.schema)


def gap(
    start: datetime, end: datetime, *, state: State, dataset: str = "trades", symbol: str = SYMBOL, number: int = 0
) -> Gap:
    """An entry of the ledger."""
    return Gap(
        gap_id=f"{dataset}:{symbol}:{start.isoformat()}:{state}:{number}",
        dataset=dataset,
        symbol=symbol,
        timeframe="1m" if dataset == "klines" else None,
        start=start,
        end=end,
        cause="disconnect",
        state=state,
        detail="",
        noticed_at=end,
        changed_at=end,
    )
