"""Bronze: what the exchange sent, as complete as can be known now."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.streams import streams_of
from crypto_assets.convergence.converge import Convergence, converge
from crypto_assets.convergence.live_ranges import Ends, decode_ends
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.refusal import refuse
from crypto_assets.schemas import BRONZE, Dataset
from crypto_assets.spans import Span
from crypto_assets.stream.feeds import FEEDS
from resources.exchange import ExchangeResource
from resources.lake import LakeResource

GROUP = "bronze"
OFFSETS_TAG = "crypto_assets/offsets"
"""Tag of a run that flushes the live topics: where it stops in each, as `encode_ends` writes it."""
POOL = "exchange"
"""Assets that ask the exchange share it: `dagster instance concurrency set exchange N` says how many do so at once."""

DESCRIPTIONS = {
    "bronze_klines_1m": "One-minute candles of the spot market.",
    "bronze_klines_5m": "Five-minute candles of the spot market.",
    "bronze_klines_15m": "Quarter-hour candles of the spot market.",
    "bronze_orderbook": "Ten levels of the spot order book, from captures: exchanges publish no history of it.",
    "bronze_funding_rate": "Funding payments of the perpetual.",
    "bronze_open_interest": "Open interest and long/short ratios of the perpetual, every five minutes.",
    "bronze_mark_price": "Mark and index price of the perpetual, from captures or one-minute klines.",
    "bronze_liquidations": "Liquidation orders of the perpetual, from captures: at most one a second is published.",
    "bronze_trades": "Every spot trade. Large (gigabytes a month of one symbol), so it is materialised when asked for.",
}

CONVERGES = (
    "Materialising a day makes it as complete as can be known now: the archive if it is published, captures where "
    "there are any, what the live topic holds beyond what was taken, REST for just what is missing. A repeat with "
    "nothing to do writes nothing."
)


def bronze_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """An asset for each bronze dataset."""
    return [_bronze_asset(dataset, days) for dataset in BRONZE]


def _bronze_asset(dataset: Dataset, days: DaySymbol) -> dg.AssetsDefinition:
    @day_asset(
        dataset.name,
        days,
        group=GROUP,
        kinds={"binance", "parquet"},
        description=f"{DESCRIPTIONS[dataset.name]}\n\n{CONVERGES}",
        metadata=table_metadata(dataset),
        deps=streams_of(FEEDS.get(dataset.name)),
        pool=POOL,
    )
    def bronze(
        context: dg.AssetExecutionContext, lake: LakeResource, exchange: ExchangeResource
    ) -> dg.MaterializeResult:
        def begin(_: datetime) -> Callable[[Partition], Written]:
            sources = exchange.sources
            ends = _ends_of(context.run.tags)

            def write(partition: Partition) -> Written:
                symbol, day = partition.symbol, partition.day
                found = converge(dataset, symbol=symbol, day=day, lake=lake.lake, sources=sources, ends=ends)
                return describe(found, uri=lake.lake.uri_of(dataset, symbol, day))

            return write

        return materialize_each(context, days, begin)

    return bronze


def _ends_of(tags: Mapping[str, str]) -> Ends | None:
    """Up to where a run reads the live topics; None where it is no flush. Fails the step where the tag is damaged."""
    text = tags.get(OFFSETS_TAG)
    try:
        return None if text is None else decode_ends(text)
    except ValueError as error:
        refuse(f"The tag {OFFSETS_TAG} of this run cannot be read: {error}. Leave it out to read all there is.")


def describe(found: Convergence, *, uri: str) -> Written:
    """What a converged day holds and what each source answered."""
    held = found.manifest
    return Written(
        rows=held.rows,
        data_version=held.data_version,
        metadata={
            "dagster/row_count": held.rows,
            "dagster/uri": uri,
            "bytes": held.bytes,
            "changed": found.changed,
            "rejected": held.rejected,
            "duplicates": held.duplicates,
            "missing_minutes": sum(span.minutes for span in found.missing),
            "halt_minutes": sum(span.minutes for span in held.halts),
            "missing": _listed(found.missing),
            "halts": _listed(held.halts),
            "answers": dg.MetadataValue.md("\n".join(f"- {answer}" for answer in found.answers)),
            **_by_source(found),
        },
        warning=None if held.rows else " ".join(found.answers),
    )


def _by_source(found: Convergence) -> dict[str, Any]:
    held: dict[str, int] = {}
    for part in found.manifest.parts:
        held[part.source] = held.get(part.source, 0) + part.rows
    return {
        **{f"rows_{source}": rows for source, rows in sorted(held.items())},
        **{f"added_{source}": rows for source, rows in sorted(found.added.items())},
    }


def _listed(spans: Sequence[Span]) -> str:
    return ", ".join(map(str, spans)) or "none"
