"""What the lake weighs, what the disk has left, and what the same would cost in a cloud."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from crypto_assets.lake.files import Listed
from crypto_assets.lake.lake import Lake

GIBIBYTE = 1024**3
READS_PER_WRITE = 4.0


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """Files of a dataset of a layer, of all symbols and days, with their manifests."""

    layer: str
    dataset: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a folder lies on, in bytes."""

    path: Path
    total: int
    free: int
    """What this user may still write."""

    @property
    def used(self) -> int:
        """What is not free, of whoever it is."""
        return self.total - self.free

    @property
    def free_share(self) -> float:
        """Free over total, 0 to 1."""
        return self.free / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What a store charges, as its price list said on a day; without traffic, taxes, tiers and free allowances."""

    name: str
    currency: str
    gigabyte_month: float
    """A gibibyte kept for a month."""
    thousand_writes: float
    """PUT, COPY, POST and LIST; what Google and Cloudflare call class A."""
    thousand_reads: float
    """GET and HEAD; class B."""
    source: str
    read_on: date
    """When the price list said so."""


PRICES: Mapping[str, PriceTable] = {
    "s3": PriceTable(
        name="Amazon S3 Standard, us-east-1",
        currency="USD",
        gigabyte_month=0.023,
        thousand_writes=0.005,
        thousand_reads=0.0004,
        source="https://aws.amazon.com/s3/pricing/",
        read_on=date(2024, 4, 29),
    ),
    "gs": PriceTable(
        name="Google Cloud Storage Standard, us-central1",
        currency="USD",
        gigabyte_month=0.020,
        thousand_writes=0.005,
        thousand_reads=0.0004,
        source="https://cloud.google.com/storage/pricing",
        read_on=date(2026, 9, 20),
    ),
    "r2": PriceTable(
        name="Cloudflare R2 Standard",
        currency="USD",
        gigabyte_month=0.015,
        thousand_writes=0.0045,
        thousand_reads=0.00036,
        source="https://developers.cloudflare.com/r2/pricing/",
        read_on=date(2026, 8, 3),
    ),
}
"""Price tables by the scheme of a lake's URI; `r2` speaks S3's protocol and is there to compare."""


@dataclass(frozen=True, slots=True)
class MonthUsage:
    """What a month of a lake comes to in the units that stores charge for."""

    month: date
    """Its first day."""
    bytes: int
    """Kept now."""
    writes: int
    """An estimate, see `month_usage`."""
    reads: int
    """An estimate."""


@dataclass(frozen=True, slots=True)
class MonthCost:
    """What a month costs by a price table."""

    prices: PriceTable
    usage: MonthUsage
    storage: float
    """A whole month of the bytes that are kept now."""
    requests: float
    """Those of the month so far; an estimate."""

    @property
    def currency(self) -> str:
        """Of all amounts."""
        return self.prices.currency

    @property
    def total(self) -> float:
        """Storage and requests."""
        return self.storage + self.requests


def sizes(lake: Lake) -> list[DatasetSize]:
    """What each dataset weighs, by layer and name; empty for an empty lake. It lists every file of the lake once."""
    return sizes_of(lake.files.listed())


def sizes_of(files: Iterable[Listed]) -> list[DatasetSize]:
    """The same of files that were listed already."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for file in files:
        found[dataset_of(file.path)].append(file.bytes)
    return [DatasetSize(*place, len(held), sum(held)) for place, held in sorted(found.items())]


def dataset_of(path: str) -> tuple[str, str]:
    """Layer and dataset of a file by its path: `silver` and `klines_1m` of `silver/symbol=…/klines_1m.parquet`.

    A folder names the dataset where one does, else the file.
    """
    layer, *inner, file = ["", *path.split("/")] if "/" not in path else path.split("/")
    named = [part for part in inner if "=" not in part and part != "_inputs"]
    if "_rejected" in named:
        return layer, "_rejected"
    timeframe = next((part.partition("=")[2] for part in inner if part.startswith("timeframe=")), "")
    dataset = "_".join(filter(None, (*named, timeframe))) or file.partition(".")[0]
    return layer, dataset


def disk(path: Path) -> Disk:
    """The file system of a folder, or of the nearest one above it that exists."""
    at = next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))
    usage = shutil.disk_usage(at)
    return Disk(path, usage.total, usage.free)


def month_usage(lake: Lake, *, now: datetime) -> MonthUsage:
    """Bytes kept now, and an estimate of the requests of the month of `now` so far."""
    return usage_of(lake.files.listed(), now=now)


def usage_of(files: Iterable[Listed], *, now: datetime) -> MonthUsage:
    """The same of files that were listed already."""
    month = datetime(now.year, now.month, 1, tzinfo=UTC)
    held = list(files)
    writes = sum(file.written_at >= month for file in held)
    return MonthUsage(month.date(), sum(f.bytes for f in held), writes, round(writes * READS_PER_WRITE))


def month_cost(usage: MonthUsage, prices: PriceTable) -> MonthCost:
    """What a month costs by a price table."""
    storage = usage.bytes / GIBIBYTE * prices.gigabyte_month
    requests = usage.writes / 1000 * prices.thousand_writes + usage.reads / 1000 * prices.thousand_reads
    return MonthCost(prices, usage, storage, requests)
