"""Faults by script: what goes wrong, for which requests, how often. `docs/simulator.md` shows each with an example."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec

from crypto_assets.binance.archive_paths import CHECKSUM_SUFFIX, ArchiveFile
from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.market.events import FlashCrash, Halt, Instant
from crypto_assets.simulator.stream_faults import AnyStreamFault

type Source = Literal["archive", "rest"]
type _Count = Annotated[int, msgspec.Meta(ge=1)]
type _Index = Annotated[int, msgspec.Meta(ge=0)]
type _Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]

_HIGHEST_PRICE = 10**9
_REST_DATASETS = {
    "/api/v3/klines": "spot/klines",
    "/api/v3/aggTrades": "spot/aggTrades",
    "/api/v3/trades": "spot/trades",
    "/api/v3/historicalTrades": "spot/trades",
    "/fapi/v1/klines": "futures/um/klines",
    "/fapi/v1/markPriceKlines": "futures/um/markPriceKlines",
    "/fapi/v1/indexPriceKlines": "futures/um/indexPriceKlines",
    "/fapi/v1/premiumIndexKlines": "futures/um/premiumIndexKlines",
    "/fapi/v1/aggTrades": "futures/um/aggTrades",
    "/fapi/v1/trades": "futures/um/trades",
    "/fapi/v1/fundingRate": "futures/um/fundingRate",
    "/futures/data/openInterestHist": "futures/um/metrics",
}


class Target(msgspec.Struct, frozen=True):
    """What a request is about, as far as its address says."""

    path: str
    dataset: str | None = None
    symbol: str | None = None
    interval: str | None = None
    day: date | None = None


class RequestFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    """Common to all faults of requests: which are meant (all conditions must hold), and how many are acted on."""

    path: str | None = None
    """Glob on the path of the address, such as `/api/v3/*`."""
    dataset: str | None = None
    """Folder of the archive such as `spot/klines`, or its last part; `recordings` for capture files."""
    symbol: str | None = None
    interval: str | None = None
    """Interval of candles as REST spells it."""
    day: date | None = None
    """Day of a daily archive file or of a capture file."""
    times: _Count | None = None
    """How many requests it acts on; for ever where absent. Content faults count downloads of the zip."""

    def matches(self, target: Target) -> bool:
        """Whether the request is one that this fault is meant for."""
        return (
            (self.path is None or fnmatchcase(target.path, self.path))
            and (self.dataset is None or self.dataset in _names_of(target.dataset))
            and (self.symbol is None or self.symbol == target.symbol)
            and (self.interval is None or self.interval == target.interval)
            and (self.day is None or self.day == target.day)
        )


class Status(RequestFault, frozen=True, tag="status"):
    """Answer with this HTTP status instead."""

    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    headers: dict[str, str] = {}
    body: str = '{"code":-1000,"msg":"A scripted fault."}'


class Slow(RequestFault, frozen=True, tag="slow"):
    """Send the body at this pace."""

    bytes_per_second: _Count


class Cut(RequestFault, frozen=True, tag="cut"):
    """Close the connection after this many bytes of the body, although more were announced."""

    after_bytes: _Index = 0


class MissingDay(RequestFault, frozen=True, tag="missing_day"):
    """The archive or capture file is 404."""


class BadChecksum(RequestFault, frozen=True, tag="bad_checksum"):
    """The published checksum is not that of the zip. Counts requests of the checksum."""


class ForeignChecksum(RequestFault, frozen=True, tag="checksum_of_another_file"):
    """The checksum line names another file. Counts requests of the checksum."""


class ContentFault(RequestFault, frozen=True):
    """Changes the zip; the published checksum is that of the changed zip. Counts downloads of the zip."""


class TruncatedZip(ContentFault, frozen=True, tag="truncated_zip"):
    """The zip ends early; its checksum is that of what is there, so that only unpacking tells."""

    keep: _Share = 0.5


class MalformedRow(ContentFault, frozen=True, tag="malformed_row"):
    """One line, or one value of it, is replaced."""

    row: _Index = 0
    """From 0, a header not counted."""
    column: _Index | None = None
    """Which value, from 0; the whole line where absent."""
    value: str = "not,a,row"


class ExtraColumn(ContentFault, frozen=True, tag="extra_column"):
    """A further value at the end of one line, or of every line where `row` is absent."""

    row: _Index | None = None
    value: str = "0"


class MissingColumn(ContentFault, frozen=True, tag="missing_column"):
    """Every line lacks its last value."""


class UnsortedRows(ContentFault, frozen=True, tag="unsorted_rows"):
    """The lines come in the reverse order."""


class EmptyFile(ContentFault, frozen=True, tag="empty_file"):
    """The CSV in the zip has no byte."""


class Republished(ContentFault, frozen=True, tag="republished"):
    """The first `times` downloads get only the first hours of the file; then all of it is there, with a new sum."""

    first_hours: Annotated[int, msgspec.Meta(ge=1, le=23)] = 7
    times: _Count | None = 1


class MissingMinutes(ContentFault, frozen=True, tag="missing_minutes"):
    """Rows whose time lies in [start, end) are absent."""

    start: Instant
    end: Instant
    sources: tuple[Source, ...] = ("archive",)


class DuplicateRows(ContentFault, frozen=True, tag="duplicate_rows"):
    """Rows whose time lies in [start, end) come twice; with `differing`, the last amount of the second is another."""

    start: Instant
    end: Instant
    differing: bool = False
    sources: tuple[Source, ...] = ("archive",)


Fault = (
    Status | Slow | Cut | MissingDay | BadChecksum | ForeignChecksum | TruncatedZip | MalformedRow | ExtraColumn
    | MissingColumn | UnsortedRows | EmptyFile | Republished | MissingMinutes | DuplicateRows | Halt | FlashCrash
    | AnyStreamFault
)  # fmt: skip


class FaultScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of faults."""

    faults: tuple[Fault, ...]


def parse_faults_yaml(text: str | bytes) -> tuple[Fault, ...]:
    """The faults of a script; raises ConfigurationError with the place of what cannot be read."""
    try:
        # In two steps, so that a time may be written with quotes as well as without.
        return _checked(msgspec.convert(msgspec.yaml.decode(text), FaultScript).faults)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"The fault script cannot be used: {error}") from error


def parse_faults_json(body: bytes) -> tuple[Fault, ...]:
    """One fault or `{"faults": […]}` as JSON; raises ConfigurationError like `parse_faults_yaml`."""
    try:
        whole = msgspec.json.decode(body)
        many = whole["faults"] if isinstance(whole, dict) and "faults" in whole else [whole]
        return _checked(msgspec.convert(many, tuple[Fault, ...]))
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"The faults cannot be used: {error}") from error


def describe_target(path: str, query: Mapping[str, str] | None = None) -> Target:
    """What an address is about, with its query."""
    file = ArchiveFile.parse(path.lstrip("/").removesuffix(CHECKSUM_SUFFIX))
    if file is not None:
        day = file.period if isinstance(file.period, date) else None
        return Target(path, file.dataset, file.symbol, file.timeframe, day)
    if path.startswith("/recordings/"):
        capture, _, digits = path.rpartition("/")[2].removesuffix(".gz").rpartition("_")
        return Target(path, "recordings", capture.upper(), day=parse_compact_day(digits))
    asked = query or {}
    symbol = asked.get("symbol") or asked.get("pair")
    return Target(path, _REST_DATASETS.get(path), symbol, asked.get("interval"))


def parse_compact_day(digits: str) -> date | None:
    """The day that `yyyymmdd` means, or None."""
    try:
        return date.fromisoformat(digits) if len(digits) == 8 else None
    except ValueError:
        return None


def _names_of(dataset: str | None) -> tuple[str, ...]:
    return () if dataset is None else (dataset, dataset.rpartition("/")[2])


def _checked(faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
    for fault in faults:
        if isinstance(fault, MissingMinutes | DuplicateRows | Halt) and fault.start >= fault.end:
            raise ConfigurationError(f"{type(fault).__name__}: start {fault.start} is not before end {fault.end}")
        if isinstance(fault, FlashCrash) and not 0 < fault.price < _HIGHEST_PRICE:
            raise ConfigurationError(f"FlashCrash: price {fault.price} is not between 0 and {_HIGHEST_PRICE:,}")
    return faults
