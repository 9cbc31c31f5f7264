"""Names of streams, and the addresses at which the exchange offers them."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.market.klines import SECONDS

type Access = Literal["spot", "public", "market"]
"""What an address serves: all spot streams; of USD-M the books, or everything else."""

MILLISECOND_US = 1_000

_SYMBOL = re.compile(r"[a-z0-9_]+")
_BOOK_CHANNEL = re.compile(r"depth(5|10|20)?(@\d+ms)?|bookTicker")
_LEVELS = ("depth", "depth5", "depth10", "depth20")
_SPOT_CHANNELS = frozenset(
    {"trade", "aggTrade", "ticker", "miniTicker", "bookTicker"}
    | {f"kline_{interval}" for interval in SECONDS}
    | {f"{depth}{pace}" for depth in _LEVELS for pace in ("", "@100ms", "@1000ms")}
)
_FUTURES_CHANNELS = frozenset(
    {"aggTrade", "ticker", "miniTicker", "bookTicker", "markPrice", "markPrice@1s", "forceOrder"}
    | {f"kline_{interval}" for interval in SECONDS if interval != "1s"}
    | {f"{depth}{pace}" for depth in _LEVELS for pace in ("", "@100ms", "@250ms", "@500ms")}
)


class StreamKey(NamedTuple):
    """One stream: what it is of, what it carries, and the microseconds in its unit of time."""

    venue: Venue
    symbol: str
    channel: str
    """The name after the symbol, such as `kline_1m` or `depth10@100ms`."""
    unit_us: int = MILLISECOND_US


class Address(NamedTuple):
    """What the address of a connection asks for."""

    access: Access
    combined: bool
    """Whether messages come with the name of their stream around them."""
    unit_us: int
    streams: tuple[str, ...]
    pace: float | None
    """Of a replay: how many times faster than recorded; 0 is as fast as the reader takes it."""

    @property
    def venue(self) -> Venue:
        """The market behind the address."""
        return "spot" if self.access == "spot" else "usdm"


def parse_address(target: str) -> Address | None:
    """What `/ws/<streams>`, `/stream?streams=` and the same under `/public` and `/market` mean; None for others."""
    parts = urlsplit(target)
    query = parse_qs(parts.query)
    head, _, rest = parts.path.strip("/").partition("/")
    access: Access = "spot"
    if head in ("public", "market"):
        access = "public" if head == "public" else "market"
        head, _, rest = rest.partition("/")
    if head == "stream" and not rest:
        names = ",".join(query.get("streams", [])).replace(",", "/")
    elif head == "ws":
        names = unquote(rest)
    else:
        return None
    in_microseconds = access == "spot" and query.get("timeUnit", [""])[-1].upper() == "MICROSECOND"
    unit_us = 1 if in_microseconds else MILLISECOND_US
    streams = tuple(dict.fromkeys(name for name in names.split("/") if name))
    try:
        pace = float(query["pace"][-1]) if "pace" in query else None
    except ValueError:
        return None
    if pace is not None and not pace >= 0:
        return None
    return Address(access, head == "stream", unit_us, streams, pace)


def parse_stream(name: str, *, access: Access, unit_us: int = MILLISECOND_US) -> StreamKey | None:
    """The stream of a name such as `btcusdt@kline_1m`; None for one that is silent at this address."""
    symbol, _, channel = name.partition("@")
    venue: Venue = "spot" if access == "spot" else "usdm"
    known = _SPOT_CHANNELS if venue == "spot" else _FUTURES_CHANNELS
    if channel not in known or not _SYMBOL.fullmatch(symbol) or not is_offered(channel, access=access):
        return None
    return StreamKey(venue, symbol.upper(), channel, unit_us)


def is_offered(channel: str, *, access: Access) -> bool:
    """Whether the address serves such a channel: on USD-M books come at `/public` only, all else at `/market` only."""
    return access == "spot" or (_BOOK_CHANNEL.fullmatch(channel) is not None) == (access == "public")
