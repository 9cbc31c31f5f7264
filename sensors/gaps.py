"""After a change of the gap ledger: converges the bronze days whose gaps were repaired, and shows the ledger anew."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec

from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import BRONZE
from crypto_assets.stream.feeds import datasets_fed_by
from crypto_assets.stream.gap_table import GAP_LEDGER
from crypto_assets.stream.gaps import Gap
from resources.lake import LakeResource
from resources.market_stream import MarketStreamResource

INTERVAL_S = 60
SETTLED = ("repaired", "halted")
MOST_CHANGES = 50
"""Acted on by one tick; the rest follows with the next ones."""
LATE = timedelta(minutes=10)
"""How far behind a newer entry an older one may be written: the collector repairs several gaps at once."""
LOOKED_AT_AGAIN = timedelta(minutes=15)
"""While a gap is open the ledger is shown, and checked, this often although nothing changed."""


class Seen(msgspec.Struct, frozen=True):
    """Cursor: what was asked for before."""

    newest: datetime | None = None
    """Newest change of the ledger that was acted on."""
    recent: dict[str, datetime] = {}
    """By gap the changes acted on that came at most LATE before it."""
    shown: str = ""
    """Digest of the ledger that `gap_ledger` was last materialised for."""


def gaps_sensor(days: DaySymbol) -> dg.SensorDefinition:
    """Runs by default; without `make up` there is no ledger, and it says so."""

    @dg.sensor(
        name="gaps",
        target=dg.AssetSelection.groups("bronze") | dg.AssetSelection.assets(GAP_LEDGER.name),
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Reads the gap ledger. A gap that was repaired, or confirmed as a halt, asks for its days of bronze to be "
            "converged, once for each change; silver and gold follow by themselves."
        ),
    )
    def gaps(
        context: dg.SensorEvaluationContext, market_stream: MarketStreamResource, lake: LakeResource
    ) -> dg.SensorResult | dg.SkipReason:
        if "kafka" in market_stream.missing_services():
            return dg.SkipReason("0 gap ledgers to read: no Kafka runs. `make up` starts one.")
        try:
            ledger = market_stream.gaps()
        except CryptoAssetsError as error:
            return dg.SkipReason(str(error))
        seen = msgspec.json.decode(context.cursor, type=Seen) if context.cursor else Seen()
        exchange = exchange_name(market_stream.settings)
        return _ask(ledger, seen, days, lake=lake.lake, exchange=exchange, now=datetime.now(UTC))

    return gaps


def _ask(
    ledger: Sequence[Gap], seen: Seen, days: DaySymbol, *, lake: Lake, exchange: str, now: datetime
) -> dg.SensorResult:
    changed, rest = news(ledger, seen)
    touched = partitions_touched(changed, days, today=now.date())
    requests = [
        request
        for partition, names in touched.items()
        if (request := _request(partition, names, changed, lake=lake)) is not None
    ]
    still_open = sum(gap.state == "open" for gap in ledger)
    window = int(now.timestamp() // LOOKED_AT_AGAIN.total_seconds()) if still_open else 0
    digest = _digest([(str(window),), *((gap.gap_id, gap.changed_at.isoformat()) for gap in ledger)])
    if digest != seen.shown and ledger:
        key = dg.AssetKey(GAP_LEDGER.name)
        requests.append(dg.RunRequest(run_key=f"{exchange} ledger {digest}", asset_selection=[key]))
    cursor = msgspec.json.encode(_after(changed, seen, shown=digest)).decode()
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    reason = (
        f"The ledger holds {len(ledger)} gaps, {still_open} of them open; {len(changed)} changed since the last look, "
        f"{rest} wait for the next, and 0 bronze days want to be converged."
    )
    return dg.SensorResult(skip_reason=reason, cursor=cursor)


def news(ledger: Iterable[Gap], seen: Seen) -> tuple[list[Gap], int]:
    """Gaps that were settled and not acted on yet, oldest change first, and how many more there are."""
    settled = (gap for gap in ledger if gap.state in SETTLED)
    fresh = [
        gap
        for gap in sorted(settled, key=lambda gap: (gap.changed_at, gap.gap_id))
        if seen.newest is None
        or (gap.changed_at > seen.newest - LATE and seen.recent.get(gap.gap_id) != gap.changed_at)
    ]
    return fresh[:MOST_CHANGES], len(fresh[MOST_CHANGES:])


def partitions_touched(gaps: Iterable[Gap], days: DaySymbol, *, today: date) -> dict[Partition, set[str]]:
    """For each day of a symbol that a gap lies in, the bronze datasets that lacked something."""
    touched: dict[Partition, set[str]] = {}
    for gap in gaps:
        if gap.symbol not in days.symbols:
            continue
        names = datasets_fed_by(gap.dataset, timeframe=gap.timeframe)
        last = max(gap.start, gap.end - timedelta(microseconds=1)).date()  # the end is no part of it
        day = max(gap.start.date(), days.first_day)
        while names and day <= min(last, today):
            touched.setdefault(Partition(gap.symbol, day), set()).update(names)
            day += timedelta(days=1)
    return touched


def _request(partition: Partition, names: set[str], changed: Iterable[Gap], *, lake: Lake) -> dg.RunRequest | None:
    """One run for the datasets of a day; None where none of them was ever made: nobody asked for it."""
    held = {d.name for d in BRONZE if d.name in names and lake.has(d, partition.symbol, partition.day)}
    if not held:
        return None
    digest = _digest((gap.gap_id, gap.changed_at.isoformat()) for gap in changed if gap.symbol == partition.symbol)
    return dg.RunRequest(
        run_key=f"{partition.key} repaired {digest}",
        partition_key=partition.key,
        asset_selection=[dg.AssetKey(name) for name in sorted(held)],
    )


def _after(changed: Sequence[Gap], seen: Seen, *, shown: str) -> Seen:
    known = seen.recent | {gap.gap_id: gap.changed_at for gap in changed}
    newest = max(known.values(), default=seen.newest)
    recent = {gap_id: moment for gap_id, moment in known.items() if newest and moment > newest - LATE}
    return Seen(newest, recent, shown)


def _digest(parts: Iterable[tuple[str, ...]]) -> str:
    return hashlib.sha256("\n".join("\t".join(part) for part in sorted(parts)).encode()).hexdigest()[:16]
