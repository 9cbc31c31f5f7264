"""How a day of aggregates is made, published and added to Hive. No Dagster run is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from crypto_assets.assets.each_partition import Written
from crypto_assets.assets.share_metadata import describe_windows
from crypto_assets.errors import InputIncomplete
from crypto_assets.partitions import WholeDay
from crypto_assets.share.hive import HiveTable
from crypto_assets.share.live import LiveMinutes
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import USED, last_closes, price_windows
from crypto_assets.spans import day_span
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import FACT_TRADES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FROM_FACTS, FROM_STREAM = "facts", "stream"
"""What a day was made from."""


@dataclass(frozen=True, slots=True)
class LiveTrades:
    """Where the live trades are; what is a call starts a service or asks for one."""

    session: Callable[[], SparkSession]
    servers: Callable[[], str]
    exchange: str
    now: datetime
    """The exchange's clock."""


class AggregateDays:
    """Writes days of `price_aggregates`: past ones from facts, the one that runs from the stream."""

    def __init__(
        self, store: WarehouseStore, *, facts: Callable[[], WarehouseStore], live: LiveMinutes, trades: LiveTrades
    ) -> None:
        self._store = store
        self._facts = facts
        self._live = live
        self._trades = trades

    def write(self, partition: WholeDay) -> Written:
        """Make the windows of the day, publish and describe them.

        Raises InputIncomplete where a past day has no facts, or the stream no topic.
        """
        if partition.day < self._trades.now.astimezone(UTC).date():
            return self._from_facts(partition.day)
        return self._from_stream(partition.day)

    def _from_facts(self, day: date) -> Written:
        facts = self._facts().read(FACT_TRADES, day, columns=USED)
        if facts is None:
            raise InputIncomplete(
                f"{PRICE_AGGREGATES.name} {day}: there is no {FACT_TRADES.name} of the day. What there is of it stays. "
                f"Materialise {FACT_TRADES.name} first (job warehouse)."
            )
        windows = price_windows(facts, previous_close=self._closes_before(day))
        warning = None if windows.num_rows else "there were no trades in the facts of the day, so it has no windows"
        return self._publish(day, windows, made_from=FROM_FACTS, warning=warning)

    def _from_stream(self, day: date) -> Written:
        trades = self._trades
        advanced = self._live.advance(
            trades.session(), servers=trades.servers(), exchange=trades.exchange, now=trades.now
        )
        live = self._live.read(day)
        windows = price_windows(live.minutes, previous_close=self._closes_before(day), until=live.closed_until)
        metadata = {
            "closed_until": dg.MetadataValue.timestamp(live.closed_until),
            **asdict(advanced.taken),
            "late_today": live.taken.late,
            **({"begun_again": advanced.begun_again} if advanced.begun_again else {}),
        }
        warnings = [
            f"{live.taken.late} trades came after their minute was closed: they are in the facts, not here"
            if live.taken.late
            else "",
            f"{advanced.taken.unusable} messages say no trade" if advanced.taken.unusable else "",
            f"all that Kafka holds was read again: {advanced.begun_again}" if advanced.begun_again else "",
            # just after midnight no minute can have closed
            f"there were no trades from midnight to {live.closed_until:%H:%M}, so the day has no windows yet"
            if not windows.num_rows and live.closed_until > day_span(day).start
            else "",
        ]
        return self._publish(
            day,
            windows,
            made_from=FROM_STREAM,
            metadata=metadata,
            warning="; ".join(filter(None, warnings)) or None,
        )

    def _closes_before(self, day: date) -> dict[str, Decimal]:
        """Last prices of the day before: of its facts, else of its live minutes; none where neither is there."""
        before = day - timedelta(days=1)
        facts = self._facts().read(FACT_TRADES, before, columns=USED)
        return last_closes(self._live.read(before).minutes if facts is None else facts)

    def _publish(
        self,
        day: date,
        windows: pa.Table,
        *,
        made_from: str,
        metadata: dict[str, Any] | None = None,
        warning: str | None,
    ) -> Written:
        published = self._store.publish(PRICE_AGGREGATES, day, windows, notes={"made_from": made_from})
        described = describe_windows(windows, published, day=day, made_from=made_from)
        version = published.data_version
        return Written.of(published, {**described, **(metadata or {})}, data_version=version, warning=warning)


class HiveDays:
    """Adds days to the Hive table, which is made with the first one."""

    def __init__(self, store: WarehouseStore, open_table: Callable[[], HiveTable]) -> None:
        self._store = store
        self._open = open_table
        self._table: HiveTable | None = None

    def write(self, partition: WholeDay) -> Written:
        """Make the published day a partition. Raises InputIncomplete where it was not published."""
        manifest = self._store.manifest(PRICE_AGGREGATES, partition.day)
        if manifest is None:
            raise InputIncomplete(
                f"{PRICE_AGGREGATES.name} of {partition} was never published, so Hive has nothing to read. Materialise "
                f"{PRICE_AGGREGATES.name} first."
            )
        table = self._table = self._table or self._opened()
        location = table.add_day(partition.day)
        return Written(
            rows=manifest.rows,
            data_version=manifest.data_version,
            metadata={
                "dagster/row_count": manifest.rows,
                "dagster/uri": location,
                "dagster/table_name": table.name,
                "partition": f"year={partition.day:%Y}/month={partition.day:%m}/day={partition.day:%d}",
            },
        )

    def _opened(self) -> HiveTable:
        table = self._open()
        table.create()
        return table
