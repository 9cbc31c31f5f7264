"""Capture files: what a recorder of one day's streams would have written, at a pace that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from zlib_ng import zlib_ng

from crypto_assets.simulator.archive import file_reply
from crypto_assets.simulator.built_files import BuiltFiles
from crypto_assets.simulator.capture_lines import STREAMS, USUAL_STREAMS, capture_lines
from crypto_assets.simulator.clock import Clock, day_at, day_start_us
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import MissingDay, describe_target, parse_compact_day
from crypto_assets.simulator.market import Event, Venue
from crypto_assets.simulator.parameters import read_integer
from crypto_assets.simulator.replies import ApiError, error_reply, not_found
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.spans import DAY_US, HOUR_US, day_span, from_us

DEFAULT_PACE_MS = 1000
_SLOT_MS = 100
_SLOWEST_MS = 60_000
_GZIP = 31  # zlib's window bits of a gzip stream with a header that names no time
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """One capture file: a day of one symbol, and what the recorder listened to."""

    venue: Venue
    symbol: str
    day: date
    pace_ms: int
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ContentKey:
    request: CaptureRequest
    events: tuple[Event, ...]


class Captures:
    """Serves `/recordings/{spot,usdm}/<symbol>_<yyyymmdd>.gz` of days that are over."""

    def __init__(self, data: SimulatedData, *, clock: Clock, faults: FaultBook, built: BuiltFiles) -> None:
        self._data = data
        self._clock = clock
        self._faults = faults
        self._built = built

    def routes(self) -> list[Route]:
        """The one address of capture files."""
        return [Route("/recordings/{venue}/{name}", self.answer, methods=["GET"])]

    def answer(self, request: Request) -> Response:
        """A capture file."""
        path = request.url.path
        try:
            wanted = self._read(request)
        except ApiError as error:
            return error_reply(error)
        if wanted is None or self._faults.take(MissingDay, describe_target(path)):
            return not_found(path.lstrip("/"))
        key = _ContentKey(wanted, self._faults.market_events())
        built = self._built.get(key, lambda where: self._build(wanted, where))
        end = from_us(day_start_us(wanted.day) + DAY_US)
        return file_reply(built, modified=end, media_type="application/gzip")

    def _read(self, request: Request) -> CaptureRequest | None:
        """What is asked for; None where there is no such file, ApiError where it cannot be."""
        venue = next((v for v in get_args(Venue) if v == request.path_params["venue"]), None)
        stem, suffix, _ = request.path_params["name"].rpartition(".gz")
        symbol, _, digits = stem.rpartition("_")
        day = parse_compact_day(digits)
        if venue is None or not suffix or day is None or symbol != symbol.lower():
            return None
        symbol = symbol.upper()
        if symbol not in self._data.symbols(venue) or day >= day_at(self._clock.now_us()):
            return None
        if not self._data.life(symbol, venue).overlaps(day_span(day)):
            return None
        return CaptureRequest(venue, symbol, day, _read_pace(request), _read_streams(request, venue))

    def _build(self, wanted: CaptureRequest, path: Path) -> None:
        packer = zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, _GZIP)
        start_us = day_start_us(wanted.day)
        with path.open("wb") as file:
            for hour_us in range(start_us, start_us + DAY_US, HOUR_US):
                lines = capture_lines(
                    self._data, venue=wanted.venue, symbol=wanted.symbol, streams=wanted.streams,
                    start_us=hour_us, end_us=hour_us + HOUR_US, pace_us=wanted.pace_ms * 1000,
                )  # fmt: skip
                file.write(packer.compress(lines))
            file.write(packer.flush())


def _read_pace(request: Request) -> int:
    pace_ms = read_integer(request, "pace_ms")
    if pace_ms is None:
        return DEFAULT_PACE_MS
    if pace_ms % _SLOT_MS or not _SLOT_MS <= pace_ms <= _SLOWEST_MS:
        raise ApiError(-1130, f"pace_ms is a multiple of {_SLOT_MS} from {_SLOT_MS} to {_SLOWEST_MS}.")
    return pace_ms


def _read_streams(request: Request, venue: Venue) -> tuple[str, ...]:
    asked = request.query_params.get("streams")
    if not asked:
        return USUAL_STREAMS[venue]
    offered = STREAMS[venue]
    wanted = set(asked.split(","))
    if not wanted <= set(offered):
        raise ApiError(-1130, f"streams is a comma-separated choice of {', '.join(offered)}.")
    return tuple(stream for stream in offered if stream in wanted)
