"""What is subscribed to: kinds of streams, the topic of each, its normal pace, and which share a connection."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crypto_assets.binance.archive_paths import Market
from crypto_assets.endpoints import ExchangeUrls
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.topics import (
    BOOK_TICKERS,
    DEPTH_UPDATES,
    KLINES,
    LIQUIDATIONS,
    MARK_PRICE,
    ORDERBOOK,
    TICKERS,
    TRADES,
    Topic,
)

MOST_STREAMS = 200  # of one connection; the exchange allows 1,024, a smaller one costs less when it breaks


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of stream, such as `trade` of every symbol."""

    name: str
    """As `--streams` calls it, and the exchange's name after the symbol."""
    topic: Topic
    group: str
    """Kinds of one group share a connection; a broken one takes no other group with it."""
    silent_after_s: float
    """A stream quiet for longer than this is a failure, at any pace."""
    pace_s: float | None = None
    """The fixed interval of its messages; None where they come as they come, and their own past is the pace."""
    market: Market = "spot"
    timeframe: str | None = None


_TRADE = Kind("trade", TRADES, "trades", silent_after_s=30)
_KLINES = tuple(
    Kind(f"kline_{timeframe}", KLINES, "trades", silent_after_s=15, pace_s=pace_s, timeframe=timeframe)
    for timeframe, pace_s in (("1s", 1.0), ("1m", 2.0), ("5m", 2.0), ("15m", 2.0))
)
_TICKER = Kind("ticker", TICKERS, "tickers", silent_after_s=15, pace_s=1.0)
_DEPTH10 = Kind("depth10@100ms", ORDERBOOK, "books", silent_after_s=10, pace_s=0.1)
_MARK_PRICE = Kind("markPrice@1s", MARK_PRICE, "futures", silent_after_s=15, pace_s=1.0, market="futures")
_FORCE_ORDER = Kind("forceOrder", LIQUIDATIONS, "futures", silent_after_s=6 * 3600, market="futures")
_BOOK_TICKER = Kind("bookTicker", BOOK_TICKERS, "changes", silent_after_s=30)
_DEPTH = Kind("depth@100ms", DEPTH_UPDATES, "changes", silent_after_s=30)

DEFAULT = (_TRADE, *_KLINES, _TICKER, _DEPTH10, _MARK_PRICE, _FORCE_ORDER)
KINDS = {kind.name: kind for kind in (*DEFAULT, _BOOK_TICKER, _DEPTH)}
"""Every kind that can be collected, by name."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of one symbol."""

    kind: Kind
    symbol: str

    @property
    def name(self) -> str:
        """As the exchange calls it, `btcusdt@trade`."""
        return f"{self.symbol.lower()}@{self.kind.name}"


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """Streams that share a connection."""

    name: str
    market: Market
    streams: tuple[Stream, ...]

    def url(self, urls: ExchangeUrls) -> str:
        """Address of the combined stream."""
        base = urls.spot_ws if self.market == "spot" else f"{urls.futures_ws.rstrip('/')}/market"
        return f"{base.rstrip('/')}/stream?streams={'/'.join(stream.name for stream in self.streams)}"


def choose_kinds(names: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds of these names; raises ConfigurationError for one that there is not."""
    unknown = sorted(set(names) - set(KINDS))
    if unknown:
        raise ConfigurationError(f"No stream {', '.join(unknown)}: there are {', '.join(KINDS)}.")
    return tuple(KINDS[name] for name in dict.fromkeys(names))


def plan_connections(symbols: Sequence[str], kinds: Iterable[Kind]) -> list[ConnectionPlan]:
    """Connections by group, of at most MOST_STREAMS streams each."""
    groups: dict[str, list[Stream]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, []).extend(Stream(kind, symbol) for symbol in symbols)
    plans: list[ConnectionPlan] = []
    for group, streams in groups.items():
        parts = [streams[i : i + MOST_STREAMS] for i in range(0, len(streams), MOST_STREAMS)]
        for number, part in enumerate(parts, start=1):
            name = group if len(parts) == 1 else f"{group}-{number}"
            plans.append(ConnectionPlan(name, part[0].kind.market, tuple(part)))
    return plans
