"""Checks of the gap ledger, on what the lake holds of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from crypto_assets.checks.findings import WARN
from crypto_assets.endpoints import exchange_name
from crypto_assets.partitions import DaySymbol
from crypto_assets.stream.gap_table import GAP_LEDGER, gaps_of
from crypto_assets.stream.gaps import Gap
from resources.lake import LakeResource
from resources.market_stream import MarketStreamResource

REPAIRED_WITHIN = timedelta(minutes=15)
"""REST gives what is missing in seconds to minutes; longer means that it cannot be asked, or does not answer."""


def stream_checks(_: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The check of the gap ledger."""

    @dg.asset_check(
        asset=GAP_LEDGER.name,
        description=f"No gap is open for longer than {REPAIRED_WITHIN // timedelta(minutes=1)} minutes.",
    )
    def gaps_are_repaired(lake: LakeResource, market_stream: MarketStreamResource) -> dg.AssetCheckResult:
        now = datetime.now(UTC)
        table = lake.lake.read(GAP_LEDGER, exchange_name(market_stream.settings), now.date())
        if table is None:
            return dg.AssetCheckResult(
                passed=False, severity=WARN, description="The lake holds 0 ledgers: materialise gap_ledger first."
            )
        return judge_open(gaps_of(table), now=now)

    return [gaps_are_repaired]


def judge_open(gaps: Sequence[Gap], *, now: datetime) -> dg.AssetCheckResult:
    """The verdict on the gaps that are open at a moment; names the oldest."""
    still_open = [gap for gap in gaps if gap.state == "open"]
    late = sorted((gap for gap in still_open if now - gap.noticed_at > REPAIRED_WITHIN), key=lambda gap: gap.noticed_at)
    numbers = {"gaps": len(gaps), "open": len(still_open), "open_too_long": len(late)}
    if not late:
        sentence = f"{len(still_open)} of {len(gaps)} gaps are open, none for too long."
        return dg.AssetCheckResult(passed=True, metadata=numbers, description=sentence)
    oldest = late[0]
    minutes = (now - oldest.noticed_at) / timedelta(minutes=1)
    sentence = (
        f"{len(late)} of {len(gaps)} gaps are open for more than {REPAIRED_WITHIN / timedelta(minutes=1):.0f} minutes. "
        f"The oldest, {oldest.dataset} {oldest.symbol} from {oldest.start:%Y-%m-%d %H:%M:%S} ({oldest.cause}), for "
        f"{minutes:,.0f} minutes: {oldest.detail}. See whether the collector runs and REST answers it."
    )
    return dg.AssetCheckResult(passed=False, severity=WARN, metadata=numbers, description=sentence)
