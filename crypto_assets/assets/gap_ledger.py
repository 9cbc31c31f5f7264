"""The gap ledger: what disconnections, restarts and full disks cost, and what became of it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.assets.streams import GROUP
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import DaySymbol
from crypto_assets.pictures.gaps import gaps_picture
from crypto_assets.refusal import refuse
from crypto_assets.stream.gap_table import GAP_LEDGER, STATES, gap_table
from crypto_assets.stream.gaps import Gap
from resources.lake import LakeResource
from resources.market_stream import MarketStreamResource

LISTED = 20
"""Open gaps in the table of the metadata; the count beside it is of all."""


def gap_ledger_assets(_: DaySymbol) -> list[dg.AssetsDefinition]:
    """The asset of the ledger; it has no partitions, for a gap may lie across days and be of any."""

    @dg.asset(
        name=GAP_LEDGER.name,
        group_name=GROUP,
        kinds={"kafka", "parquet"},
        description=(
            "Every gap of the streams in its newest state: open until REST has given what is missing (repaired) or has "
            "confirmed that there is nothing (halted); what cannot be had again is unrecoverable. The collector writes "
            "it; the sensor gaps materializes it after each change."
        ),
        metadata=table_metadata(GAP_LEDGER),
    )
    def gap_ledger(lake: LakeResource, market_stream: MarketStreamResource) -> dg.MaterializeResult:
        now = datetime.now(UTC)
        try:
            gaps = market_stream.gaps()
            exchange = exchange_name(market_stream.settings)
            published = lake.lake.publish(GAP_LEDGER, exchange, now.date(), gap_table(gaps))
        except CryptoAssetsError as error:
            refuse(str(error))
        metadata = {**published_metadata(published), **describe(gaps, now=now)}
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(published.sha256))

    return [gap_ledger]


def describe(gaps: Sequence[Gap], *, now: datetime) -> dict[str, Any]:
    """Counts, a table of what is open, and a picture."""
    states = Counter(gap.state for gap in gaps)
    metadata: dict[str, Any] = {state: states[state] for state in STATES}
    metadata["recovered_rows"] = sum(gap.recovered for gap in gaps)
    metadata["by_dataset"] = dg.MetadataValue.md(_by_dataset(gaps))
    still_open = sorted((gap for gap in gaps if gap.state == "open"), key=lambda gap: gap.noticed_at)
    metadata["open_gaps"] = dg.MetadataValue.md(_open(still_open[:LISTED], now=now))
    if picture := gaps_picture(gaps, now=now):
        metadata["timeline"] = dg.MetadataValue.md(picture)
    return metadata


def _by_dataset(gaps: Sequence[Gap]) -> str:
    counts = Counter((gap.dataset, gap.state) for gap in gaps)
    lines = [f"| dataset | {' | '.join(STATES)} |", f"|---|{'--:|' * len(STATES)}"]
    lines += [
        f"| {dataset} | {' | '.join(str(counts[dataset, state]) for state in STATES)} |"
        for dataset in sorted({gap.dataset for gap in gaps})
    ]
    return "\n".join(lines)


def _open(gaps: Sequence[Gap], *, now: datetime) -> str:
    if not gaps:
        return "none"
    lines = ["| dataset | symbol | from | to | cause | open for | |", "|---|---|---|---|---|--:|---|"]
    lines += [
        f"| {gap.dataset} {gap.timeframe or ''} | {gap.symbol} | {gap.start:%Y-%m-%d %H:%M:%S} "
        f"| {gap.end:%Y-%m-%d %H:%M:%S} | {gap.cause} | {(now - gap.noticed_at).total_seconds() / 60:,.0f} min "
        f"| {gap.detail} |"
        for gap in gaps
    ]
    return "\n".join(lines)
