"""How a day of the archive group is written: raw, landing, cleaned. No Dagster run is needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from crypto_assets.archive import landing, raw
from crypto_assets.archive.landing import Landing
from crypto_assets.archive.raw import RawDay, RawDays
from crypto_assets.archive.seconds import clean_seconds, read_seconds
from crypto_assets.assets.candle_metadata import describe_seconds
from crypto_assets.assets.each_partition import Written
from crypto_assets.assets.missing_inputs import never_materialised
from crypto_assets.errors import BadPayload
from crypto_assets.lake.files import Files
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.schemas import KLINES_1S


def write_raw(days: RawDays, partition: Partition) -> Written:
    """Publish the day's verified zip and describe it."""
    day = days.write(partition.symbol, partition.day)
    return Written(rows=1, data_version=day.origin.sha256, metadata=_describe_raw(day), warning=day.remark or None)


def _describe_raw(day: RawDay) -> dict[str, object]:
    origin = day.origin
    return {
        "dagster/uri": day.uri,
        "bytes": origin.bytes,
        "sha256": origin.sha256,
        "published_sha256": origin.published_sha256 or "none",
        "from": origin.path,
        "received_at": origin.received_at.isoformat(),
        "changed": day.changed,
        "downloaded": day.downloaded,
        "remark": day.remark or "none",
    }


def write_landed(files: Files, zone: Landing, partition: Partition) -> Written:
    """Land the day's zip; raises InputIncomplete where the raw zone has none."""
    found = raw.read_zip(files, partition.symbol, partition.day)
    if found is None:
        raise never_materialised(landing.NAME, partition, missing=raw.NAME)
    landed = zone.land(landing.path_of(partition.symbol, partition.day), found[0])
    metadata = {
        "dagster/uri": landed.uri,
        "bytes": landed.bytes,
        "sha256": landed.sha256,
        "replication": landed.replication,
        "changed": landed.changed,
    }
    return Written(rows=1, data_version=landed.sha256, metadata=metadata)


@dataclass(frozen=True, slots=True)
class SecondsDays:
    """Cleans days out of the landing zone into the lake; goes to Spark's executors as it is."""

    lake_uri: str
    landing_uri: str

    def __call__(self, partition: Partition) -> Written:
        """Clean the day, publish it with its gaps, keep what was rejected.

        Raises InputIncomplete where nothing has landed, BadPayload where what landed is no such file.
        """
        symbol, day = partition.symbol, partition.day
        content = Landing(self.landing_uri).read(landing.path_of(symbol, day))
        if content is None:
            raise never_materialised(KLINES_1S.name, partition, missing=landing.NAME)
        cleaned = clean_seconds(read_seconds(content, symbol=symbol, day=day), day=day)
        if not cleaned.table.num_rows:
            raise BadPayload(f"{KLINES_1S.name} {partition}: no line of the file is a candle; the former day stays.")
        lake, version = Lake(self.lake_uri), hashlib.sha256(content).hexdigest()
        if cleaned.rejected.num_rows:
            lake.publish_rejected(KLINES_1S, symbol, day, cleaned.rejected, version=version)
        notes = {**cleaned.notes(), "zip_sha256": version}
        published = lake.publish(KLINES_1S, symbol, day, cleaned.table, footer=notes)
        rejected = cleaned.rejected.num_rows
        kept = f"{rejected:,} lines are no candle; they are kept in {KLINES_1S.rejected_path(day)}."
        metadata = describe_seconds(cleaned, published, day=day)
        return Written.of(published, metadata, warning=kept if rejected else None)
