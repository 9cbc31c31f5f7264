"""Query parameters, read and refused as the exchange does."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from starlette.datastructures import QueryParams
from starlette.requests import Request

from crypto_assets.binance.typed_rows import MICROSECONDS_FROM
from crypto_assets.simulator.replies import ApiError

_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_INTEGER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """`startTime` and `endTime` in microseconds, both inclusive; None where not sent."""

    start_us: int | None
    end_us: int | None


def read_text(request: Request, name: str) -> str:
    """A mandatory parameter, or -1102."""
    value = request.query_params.get(name)
    if not value:
        raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    return value


def read_symbol(request: Request, known: Collection[str], *, name: str = "symbol") -> str:
    """The mandatory symbol; -1100 for wrong characters, -1121 for one that is not listed."""
    symbol = read_text(request, name)
    if not _SYMBOL.fullmatch(symbol):
        raise ApiError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[A-Z0-9-_.]{{1,20}}$'."
        )
    if symbol not in known:
        raise ApiError(-1121, "Invalid symbol.")
    return symbol


def read_optional_symbol(request: Request, known: Collection[str]) -> str | None:
    """The symbol where one was sent."""
    return read_symbol(request, known) if request.query_params.get("symbol") else None


def read_interval(request: Request, allowed: Collection[str]) -> str:
    """The mandatory interval, case-sensitive; -1120 for one that is not offered."""
    interval = read_text(request, "interval")
    if interval not in allowed:
        raise ApiError(-1120, "Invalid interval.")
    return interval


def read_integer(request: Request, name: str) -> int | None:
    """An optional non-negative integer, or -1100."""
    value = request.query_params.get(name)
    if value is None or value == "":
        return None
    if not _INTEGER.fullmatch(value):
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(value)


def read_limit(request: Request, *, default: int, largest: int, clamp: bool) -> int:
    """The number of rows: above `largest` spot gives `largest` (clamp), futures refuses with -1130; 0 is refused."""
    limit = read_integer(request, "limit")
    if limit is None:
        return default
    if limit == 0 or (limit > largest and not clamp):
        raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(limit, largest)


def limit_of(query: QueryParams, *, default: int) -> int:
    """The rows that a request is charged for, before it is looked at: the default where it names no number."""
    text = query.get("limit", "")
    return int(text) if _INTEGER.fullmatch(text) else default


def read_time_range(request: Request) -> TimeRange:
    """`startTime` and `endTime`, each in milliseconds or microseconds as its size says."""
    return TimeRange(_moment_us(read_integer(request, "startTime")), _moment_us(read_integer(request, "endTime"), 999))


def _moment_us(value: int | None, rest_us: int = 0) -> int | None:
    """Microseconds of a moment; `rest_us` completes a millisecond that ends an inclusive range."""
    if value is None or value >= MICROSECONDS_FROM:
        return value
    return value * 1000 + rest_us
