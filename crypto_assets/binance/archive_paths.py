"""Names of the archive's files: where each lies, and which time it covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from crypto_assets.spans import Span, day_span

Market = Literal["spot", "futures"]
Kind = Literal[
    "klines",
    "markPriceKlines",
    "indexPriceKlines",
    "premiumIndexKlines",
    "trades",
    "aggTrades",
    "metrics",
    "fundingRate",
    "bookDepth",
]
FuturesKlineKind = Literal["klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]

CHECKSUM_SUFFIX = ".CHECKSUM"
FUTURES_TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M")
SPOT_TIMEFRAMES = ("1s", *FUTURES_TIMEFRAMES)
"""Intervals of candles as REST spells them; in the archive a month is `1mo`."""

MARKET_FOLDERS: dict[Market, str] = {"spot": "spot", "futures": "futures/um"}
_TIMEFRAMES: dict[tuple[Market, str], tuple[str | None, ...]] = {
    ("spot", "klines"): SPOT_TIMEFRAMES,
    ("spot", "trades"): (None,),
    ("spot", "aggTrades"): (None,),
    ("futures", "klines"): FUTURES_TIMEFRAMES,
    ("futures", "markPriceKlines"): FUTURES_TIMEFRAMES,
    ("futures", "indexPriceKlines"): FUTURES_TIMEFRAMES,
    ("futures", "premiumIndexKlines"): FUTURES_TIMEFRAMES,
    ("futures", "trades"): (None,),
    ("futures", "aggTrades"): (None,),
    ("futures", "metrics"): (None,),
    ("futures", "fundingRate"): (None,),
    ("futures", "bookDepth"): (None,),
}
_DAILY_ONLY = ("metrics", "bookDepth")
_MONTHLY_ONLY = ("fundingRate",)
_DAY = timedelta(days=1)
_SYMBOL = re.compile(r"[^-/\\.\s\x00]+")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PATH = re.compile(
    r"data/(?P<market>spot|futures/um)/(?:daily|monthly)/(?P<kind>[A-Za-z]+)/(?P<symbol>[^-/]+)"
    r"(?:/(?P<timeframe>[0-9]+[a-z]+))?/(?P<name>[^/]+)\.zip"
)
_NAME = re.compile(r"(?P<symbol>[^-/]+)-(?P<what>[0-9A-Za-z]+)-(?P<period>[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?)\.zip")


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One zip of the archive; `period` is a day, or a month as "YYYY-MM".

    The constructors below name what exists; any other combination raises ValueError.
    """

    market: Market
    kind: Kind
    symbol: str
    period: date | str
    timeframe: str | None = None
    """Interval of candles as REST spells it, so `1M` for a month; None for what is no candle."""

    def __post_init__(self) -> None:
        if not _SYMBOL.fullmatch(self.symbol):
            raise ValueError(f"{self.symbol!r} cannot be a symbol")
        if self.timeframe not in _TIMEFRAMES.get((self.market, self.kind), ()):
            raise ValueError(f"The archive has no {self.market} {self.kind} of timeframe {self.timeframe}")
        if self.monthly and not _MONTH.fullmatch(str(self.period)):
            raise ValueError(f"{self.period!r} is not a month such as 2024-08; give a day as a date")
        if self.kind in (_DAILY_ONLY if self.monthly else _MONTHLY_ONLY):
            raise ValueError(f"The archive has {self.kind} by {'day' if self.monthly else 'month'} only")

    @property
    def monthly(self) -> bool:
        """Whether the file holds a month."""
        return isinstance(self.period, str)

    @property
    def span(self) -> Span:
        """The half-open UTC time that the file covers."""
        return _span(str(self.period))

    @property
    def name(self) -> str:
        """File name, such as `BTCUSDT-1m-2024-08-01.zip`."""
        return f"{self.symbol}-{self._archive_timeframe or self.kind}-{self.period}.zip"

    @property
    def checksum_name(self) -> str:
        """Name of the file with its sum, such as `BTCUSDT-1m-2024-08-01.zip.CHECKSUM`."""
        return self.name + CHECKSUM_SUFFIX

    @property
    def dataset(self) -> str:
        """Market and kind as the archive names them, such as `futures/um/klines`."""
        return f"{MARKET_FOLDERS[self.market]}/{self.kind}"

    @property
    def path(self) -> str:
        """Path below the archive's base URL, such as `data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-01.zip`."""
        pace = "monthly" if self.monthly else "daily"
        folders = (
            "data",
            MARKET_FOLDERS[self.market],
            pace,
            self.kind,
            self.symbol,
            self._archive_timeframe,
            self.name,
        )
        return "/".join(filter(None, folders))

    @property
    def _archive_timeframe(self) -> str | None:
        return "1mo" if self.timeframe == "1M" else self.timeframe

    @classmethod
    def parse(cls, path: str) -> ArchiveFile | None:
        """The file whose `path` this is, or None where the archive can have no such file."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        text = match["name"].rpartition(f"{match['timeframe'] or match['kind']}-")[2]
        timeframe = "1M" if match["timeframe"] == "1mo" else match["timeframe"]
        market: Market = "spot" if match["market"] == "spot" else "futures"
        try:
            period = text if _MONTH.fullmatch(text) else date.fromisoformat(text)
            file = cls(market, match["kind"], match["symbol"], period, timeframe)  # pyright: ignore[reportArgumentType]
        except ValueError:
            return None
        return file if file.path == path else None

    @classmethod
    def spot_klines(cls, symbol: str, timeframe: str, period: date | str) -> ArchiveFile:
        """Spot candles; microseconds since 2025-01-01, milliseconds before, no header."""
        return cls("spot", "klines", symbol, period, timeframe)

    @classmethod
    def spot_trades(cls, symbol: str, period: date | str) -> ArchiveFile:
        """Spot trades; microseconds since 2025-01-01, milliseconds before, no header."""
        return cls("spot", "trades", symbol, period)

    @classmethod
    def spot_agg_trades(cls, symbol: str, period: date | str) -> ArchiveFile:
        """Spot trades, fills of one order at one price and moment joined; units as in trades."""
        return cls("spot", "aggTrades", symbol, period)

    @classmethod
    def futures_klines(
        cls, symbol: str, timeframe: str, period: date | str, *, kind: FuturesKlineKind = "klines"
    ) -> ArchiveFile:
        """USD-M candles of trades, mark price, index price or premium; milliseconds, header in newer files."""
        return cls("futures", kind, symbol, period, timeframe)

    @classmethod
    def futures_trades(cls, symbol: str, period: date | str) -> ArchiveFile:
        """USD-M trades; milliseconds, header in newer files."""
        return cls("futures", "trades", symbol, period)

    @classmethod
    def futures_agg_trades(cls, symbol: str, period: date | str) -> ArchiveFile:
        """USD-M trades, fills of one order at one price and moment joined; milliseconds, header in newer files."""
        return cls("futures", "aggTrades", symbol, period)

    @classmethod
    def metrics(cls, symbol: str, day: date) -> ArchiveFile:
        """USD-M open interest and long/short ratios, a row in five minutes, with a header."""
        return cls("futures", "metrics", symbol, day)

    @classmethod
    def funding_rate(cls, symbol: str, month: str) -> ArchiveFile:
        """USD-M funding rates of a month, without mark prices, with a header."""
        return cls("futures", "fundingRate", symbol, month)

    @classmethod
    def book_depth(cls, symbol: str, day: date) -> ArchiveFile:
        """USD-M depth within bands of percent around the price, every 30 s, with a header."""
        return cls("futures", "bookDepth", symbol, day)


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What the bare name of an archive file says."""

    symbol: str
    what: str
    """Kind, or timeframe of candles as the archive spells it."""
    span: Span


def read_file_name(name: str) -> NamedFile | None:
    """The parts of an archive file's name, or None where it is not one."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        return NamedFile(match["symbol"], match["what"], _span(match["period"]))
    except ValueError:
        return None


def month_of(day: date) -> str:
    """The month of a day as the archive writes it, such as "2024-08"."""
    return f"{day:%Y-%m}"


def _span(period: str) -> Span:
    if len(period) == 10:
        return day_span(date.fromisoformat(period))
    first = date.fromisoformat(f"{period}-01")
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return Span(start, (start + 31 * _DAY).replace(day=1))
