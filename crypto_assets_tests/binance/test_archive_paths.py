"""Names of archive files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.archive_paths import (
    FUTURES_TIMEFRAMES,
    SPOT_TIMEFRAMES,
    ArchiveFile,
    month_of,
    read_file_name,
)
from crypto_assets.spans import Span

DAY = date(2024, 8, 1)

PATHS: list[tuple[Callable[[], ArchiveFile], str]] = [
    (
        lambda: ArchiveFile.spot_klines("BTCUSDT", "1m", DAY),
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.spot_klines("BTCUSDT", "1M", "2024-08"),
        "data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-08.zip",
    ),
    (
        lambda: ArchiveFile.spot_klines("A1m", "1m", DAY),
        "data/spot/daily/klines/A1m/1m/A1m-1m-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.spot_trades("BTCUSDT", DAY),
        "data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.spot_agg_trades("BTCUSDT", "2024-08"),
        "data/spot/monthly/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-08.zip",
    ),
    (
        lambda: ArchiveFile.futures_klines("BTCUSDT", "5m", DAY, kind="markPriceKlines"),
        "data/futures/um/daily/markPriceKlines/BTCUSDT/5m/BTCUSDT-5m-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.futures_trades("BTCUSDT", "2024-08"),
        "data/futures/um/monthly/trades/BTCUSDT/BTCUSDT-trades-2024-08.zip",
    ),
    (
        lambda: ArchiveFile.futures_agg_trades("BTCUSDT", DAY),
        "data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.metrics("BTCUSDT", DAY),
        "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-08-01.zip",
    ),
    (
        lambda: ArchiveFile.funding_rate("BTCUSDT", "2024-08"),
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-08.zip",
    ),
    (
        lambda: ArchiveFile.book_depth("BTCUSDT", DAY),
        "data/futures/um/daily/bookDepth/BTCUSDT/BTCUSDT-bookDepth-2024-08-01.zip",
    ),
]


@pytest.mark.parametrize(("named", "path"), PATHS)
def test_a_file_lies_where_the_archive_publishes_it(named: Callable[[], ArchiveFile], path: str) -> None:
    assert named().path == path


@pytest.mark.parametrize(("named", "path"), PATHS)
def test_a_path_reads_back_as_its_file(named: Callable[[], ArchiveFile], path: str) -> None:
    assert ArchiveFile.parse(path) == named()


@given(
    spot=st.booleans(),
    symbol=st.from_regex(r"[A-Z0-9]{2,12}(_[0-9]{6})?", fullmatch=True),
    timeframe=st.sampled_from(FUTURES_TIMEFRAMES),
    day=st.dates(date(2017, 1, 1), date(2035, 12, 31)),
    monthly=st.booleans(),
)
def test_every_file_of_candles_reads_back_from_its_path(
    spot: bool, symbol: str, timeframe: str, day: date, monthly: bool
) -> None:
    period = month_of(day) if monthly else day
    make = ArchiveFile.spot_klines if spot else ArchiveFile.futures_klines
    file = make(symbol, timeframe, period)
    assert ArchiveFile.parse(file.path) == file
    assert file.span.start <= datetime(day.year, day.month, day.day, tzinfo=UTC) < file.span.end


@given(st.text())
def test_no_text_makes_reading_a_path_or_name_fail(text: str) -> None:
    assert ArchiveFile.parse(text) is None
    read_file_name(text)


@pytest.mark.parametrize(
    "path",
    [
        "data/spot/daily/klines/BTCUSDT/1m/ETHUSDT-1m-2024-08-01.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-5m-2024-08-01.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02-30.zip",
        "data/spot/daily/klines/BTCUSDT/1M/BTCUSDT-1M-2024-08-01.zip",
        "data/futures/um/daily/klines/BTCUSDT/1s/BTCUSDT-1s-2024-08-01.zip",
        "data/futures/um/daily/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-08-01.zip",
        "data/futures/um/monthly/metrics/BTCUSDT/BTCUSDT-metrics-2024-08.zip",
        "data/spot/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-08-01.zip",
        "data/spot/daily/klines/../1m/..-1m-2024-08-01.zip",
    ],
)
def test_a_path_that_the_archive_cannot_have_is_no_file(path: str) -> None:
    assert ArchiveFile.parse(path) is None


@pytest.mark.parametrize("symbol", ["", "..", "BTC/USDT", "BTC-USDT", "BTC\\USDT", "BTC USDT"])
def test_a_symbol_that_would_leave_its_folder_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="cannot be a symbol"):
        ArchiveFile.spot_trades(symbol, DAY)


def test_combinations_that_are_never_published_are_refused() -> None:
    with pytest.raises(ValueError, match="no futures klines of timeframe 1s"):
        ArchiveFile.futures_klines("BTCUSDT", "1s", DAY)
    with pytest.raises(ValueError, match="not a month"):
        ArchiveFile.funding_rate("BTCUSDT", "2024-08-01")
    assert "1s" in SPOT_TIMEFRAMES
    with pytest.raises(ValueError, match=r"^The archive has no spot metrics of timeframe None$"):
        ArchiveFile("spot", "metrics", "BTCUSDT", DAY)
    with pytest.raises(ValueError, match=r"^The archive has no spot trades of timeframe 1m$"):
        ArchiveFile("spot", "trades", "BTCUSDT", DAY, "1m")
    with pytest.raises(ValueError, match=r"^'2024-13' is not a month such as 2024-08; give a day as a date$"):
        ArchiveFile.spot_trades("BTCUSDT", "2024-13")
    with pytest.raises(ValueError, match=r"^The archive has bookDepth by day only$"):
        ArchiveFile("futures", "bookDepth", "BTCUSDT", "2024-08")
    with pytest.raises(ValueError, match=r"^The archive has fundingRate by month only$"):
        ArchiveFile("futures", "fundingRate", "BTCUSDT", DAY)


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("BTCUSDT-1m-2024-12.zip", Span(datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))),
        ("BTCUSDT-1mo-2023-02.zip", Span(datetime(2023, 2, 1, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC))),
        ("BTCUSDT-1m-2024-02-29.zip", Span(datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))),
        ("BTCUSDT-1m-2023-02-29.zip", None),
        ("BTCUSDT-1m-2024-13.zip", None),
        ("BTCUSDT-1m-2024-08-01.csv", None),
    ],
)
def test_the_time_of_a_name_is_that_of_the_calendar(name: str, span: Span | None) -> None:
    named = read_file_name(name)
    assert (None if named is None else named.span) == span


def test_the_name_of_a_monthly_file_gives_its_whole_month() -> None:
    named = read_file_name("BTCUSDT-trades-2024-02.zip")
    assert named is not None
    assert (named.symbol, named.what) == ("BTCUSDT", "trades")
    assert named.span == Span(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
