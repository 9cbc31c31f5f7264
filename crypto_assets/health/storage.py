"""What the lake weighs, what the disk has left, and what the same would cost in a cloud."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from crypto_assets.health.words import money, size
from crypto_assets.lake.files import Listed
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE, decode_manifest

GIBIBYTE = 1024**3
LEAST_FREE = 0.10
"""Share of a disk below which it is about to be full."""
WRITES_PER_FILE, READS_PER_FILE = 4.3, 8.9
"""Requests for each file that comes to be: a day of a symbol through the medallion with its checks, on a server of the
S3 protocol, wrote 44 files by 44 PUT, 144 LIST (stores charge a listing like a write), 264 HEAD and 127 GET."""


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
    variable: str = "DATA_DIR"
    """That names the folder."""

    @property
    def used(self) -> int:
        """What is not free, of whoever it is."""
        return self.total - self.free

    @property
    def free_share(self) -> float:
        """Free over total, 0 to 1."""
        return self.free / self.total if self.total else 0.0

    @property
    def is_low(self) -> bool:
        """Whether it is about to be full."""
        return self.free_share < LEAST_FREE

    @property
    def sentence(self) -> str:
        """Used and free, and where it is low what to do."""
        return self.advice if self.is_low else f"{self._said}."

    @property
    def advice(self) -> str:
        """Used and free, and what to do for more."""
        return f"{self._said}: free space, lower BRONZE_RETENTION_DAYS, or point DATA_DIR or LAKE_URI elsewhere."

    @property
    def _said(self) -> str:
        return f"{self.path}: {size(self.free)} of {size(self.total)} free ({100 * self.free_share:.0f} %)"


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
    """The price list."""
    read_on: date
    """As of when it is quoted."""


PRICES: Mapping[str, PriceTable] = {
    "s3": PriceTable(
        name="Amazon S3 Standard, us-east-1",
        currency="USD",
        gigabyte_month=0.023,
        thousand_writes=0.005,
        thousand_reads=0.0004,
        source="aws.amazon.com/s3/pricing",
        read_on=date(2024, 4, 29),
    ),
    "gs": PriceTable(
        name="Google Cloud Storage Standard, us-central1",
        currency="USD",
        gigabyte_month=0.020,
        thousand_writes=0.005,
        thousand_reads=0.0004,
        source="cloud.google.com/storage/pricing",
        read_on=date(2026, 9, 20),
    ),
    "r2": PriceTable(
        name="Cloudflare R2 Standard",
        currency="USD",
        gigabyte_month=0.015,
        thousand_writes=0.0045,
        thousand_reads=0.00036,
        source="developers.cloudflare.com/r2/pricing",
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
    files_written: int
    """In the month so far, as far as the lake tells; see `month_usage`."""
    writes: int
    """PUT and LIST for them; an estimate."""
    reads: int
    """GET and HEAD; an estimate."""


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

    @property
    def sentence(self) -> str:
        """Both amounts, what they are of, and whose prices they are."""
        return (
            f"{money(self.storage, self.currency)} a month to keep {size(self.usage.bytes)}, and about "
            f"{money(self.requests, self.currency)} since {self.usage.month} for some {self.usage.writes:,} writes and "
            f"{self.usage.reads:,} reads (an estimate from {self.usage.files_written:,} files written), by the prices "
            f"of {self.prices.name} as of {self.prices.read_on}."
        )


def sizes_of(files: Iterable[Listed]) -> list[DatasetSize]:
    """What each dataset weighs, by layer and name, of all files of a lake."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for file in files:
        found[dataset_of(file.path)].append(file.bytes)
    return [DatasetSize(*place, len(held), sum(held)) for place, held in sorted(found.items())]


def layers_of(sizes: Iterable[DatasetSize]) -> list[DatasetSize]:
    """What each layer weighs, the largest first; they name no dataset."""
    found: defaultdict[str, list[DatasetSize]] = defaultdict(list)
    for each in sizes:
        found[each.layer].append(each)
    layers = (
        DatasetSize(layer, "", sum(each.files for each in held), sum(each.bytes for each in held))
        for layer, held in found.items()
    )
    return sorted(layers, key=lambda layer: -layer.bytes)


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
    return layer, dataset.removeprefix(f"{layer}_")


def disk(path: Path, *, variable: str = "DATA_DIR") -> Disk:
    """The file system of a folder, or of the nearest one above it that exists."""
    usage = shutil.disk_usage(_existing(path))
    return Disk(path, usage.total, usage.free, variable)


def disks(data_dir: Path, *, lake: str) -> list[Disk]:
    """The file system of DATA_DIR, and that of a lake, a URI, where it is another one of this machine."""
    found, uri = [disk(data_dir)], lake.removeprefix("file://")
    if "://" not in uri and _existing(Path(uri)).stat().st_dev != _existing(data_dir).stat().st_dev:
        found.append(disk(Path(uri), variable="LAKE_URI"))
    return found


def _existing(path: Path) -> Path:
    return next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))


def prices_of(uri: str) -> PriceTable:
    """The table of a lake's store by the scheme of its URI; for a folder that of S3, to compare."""
    return PRICES.get(uri.partition("://")[0], PRICES["s3"])


def month_usage(lake: Lake, files: Iterable[Listed], *, now: datetime) -> MonthUsage:
    """Bytes kept now, and an estimate of the requests of the month of `now` so far; `files` are all of the lake.

    Counted are files that were last written in the month, and those of bronze days that were merged into them since,
    as their manifests tell. What was overwritten, deleted, or looked at and found unchanged leaves no trace: the
    estimate is a lower bound. Raises LakeError.
    """
    month = datetime(now.year, now.month, 1, tzinfo=UTC)
    held = list(files)
    written = [file for file in held if file.written_at >= month]
    manifests = (lake.files.read(f.path) for f in written if f.path.endswith(f"/{MANIFEST_FILE}"))
    merged = sum(len(part.holds) - 1 for raw in manifests if raw for part in decode_manifest(raw).parts)
    count = len(written) + merged
    return MonthUsage(
        month=month.date(),
        bytes=sum(file.bytes for file in held),
        files_written=count,
        writes=round(count * WRITES_PER_FILE),
        reads=round(count * READS_PER_FILE),
    )


def month_cost(usage: MonthUsage, prices: PriceTable) -> MonthCost:
    """What a month costs by a price table."""
    storage = usage.bytes / GIBIBYTE * prices.gigabyte_month
    requests = usage.writes / 1000 * prices.thousand_writes + usage.reads / 1000 * prices.thousand_reads
    return MonthCost(prices, usage, storage, requests)
