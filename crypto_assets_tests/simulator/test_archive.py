"""The archive: what is published when, and files that the client reads and that agree with REST."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from crypto_assets.binance import archive_tables
from crypto_assets.binance.archive_paths import FUTURES_TIMEFRAMES, SPOT_TIMEFRAMES, ArchiveFile
from crypto_assets.binance.parsed import Parsed
from crypto_assets.simulator.clock import Clock
from crypto_assets_tests.simulator.conftest import Start
from crypto_assets_tests.simulator.reading import archive_rows, candle_of_trades, figures_of, joined_candles, unzip

DAY = date(2025, 1, 2)
DAY_MS = 1_735_776_000_000
MINUTES = ArchiveFile.spot_klines("BTCUSDT", "1m", DAY)

type Parse = Callable[..., Parsed]


def parsed(client: TestClient, file: ArchiveFile, parse: Parse, folder: Path, **options: object) -> Parsed:
    """The file as the platform's own client reads it."""
    path = folder / file.name
    path.write_bytes(client.get(f"/{file.path}").content)
    return parse(path, start=file.span.start, end=file.span.end + timedelta(microseconds=1), **options)


DAILY_KLINES = (
    ArchiveFile.spot_klines("BTCUSDT", "1s", DAY),
    ArchiveFile.spot_klines("BTCUSDT", "1m", DAY),
    ArchiveFile.futures_klines("BTCUSDT", "5m", DAY),
    ArchiveFile.futures_klines("BTCUSDT", "1m", DAY, kind="markPriceKlines"),
    ArchiveFile.futures_klines("BTCUSDT", "1h", DAY, kind="indexPriceKlines"),
    ArchiveFile.futures_klines("BTCUSDT", "1h", DAY, kind="premiumIndexKlines"),
)
OTHER_FILES = (
    (ArchiveFile.spot_trades("BTCUSDT", DAY), archive_tables.parse_trades, range(10_000, 10**6)),
    (ArchiveFile.spot_agg_trades("BTCUSDT", DAY), archive_tables.parse_agg_trades, range(10_000, 10**6)),
    (ArchiveFile.futures_trades("BTCUSDT", DAY), archive_tables.parse_trades, range(10_000, 10**6)),
    (ArchiveFile.futures_agg_trades("BTCUSDT", DAY), archive_tables.parse_agg_trades, range(10_000, 10**6)),
    (ArchiveFile.metrics("BTCUSDT", DAY), archive_tables.parse_metrics, [288]),
    (ArchiveFile.funding_rate("BTCUSDT", "2024-11"), archive_tables.parse_funding_rates, [90]),
    (ArchiveFile.book_depth("ETHUSDT", DAY), archive_tables.parse_book_depth, [28_800]),
)


@pytest.mark.parametrize("file", DAILY_KLINES, ids=lambda file: f"{file.market} {file.kind} {file.timeframe}")
def test_the_client_reads_every_candle(exchange: TestClient, tmp_path: Path, file: ArchiveFile) -> None:
    found = parsed(exchange, file, archive_tables.parse_klines, tmp_path, timeframe=file.timeframe)
    assert found.rejected.num_rows == 0
    seconds = {"1s": 1, "1m": 60, "5m": 300, "1h": 3600}
    assert found.rows.num_rows == 86_400 // seconds[str(file.timeframe)]


@pytest.mark.parametrize(
    ("file", "parse", "rows"), OTHER_FILES, ids=[f"{file.market} {file.kind}" for file, *_ in OTHER_FILES]
)
def test_the_client_reads_every_row(
    exchange: TestClient, tmp_path: Path, *, file: ArchiveFile, parse: Parse, rows: Container[int]
) -> None:
    found = parsed(exchange, file, parse, tmp_path)
    assert found.rejected.num_rows == 0
    assert found.rows.num_rows in rows


def test_archive_and_rest_give_the_same_candles(exchange: TestClient) -> None:
    query = {"symbol": "BTCUSDT", "interval": "1m", "startTime": DAY_MS, "limit": 1000}
    over_rest = exchange.get("/api/v3/klines", params=query).json()
    over_rest += exchange.get("/api/v3/klines", params={**query, "startTime": over_rest[-1][0] + 1}).json()
    rows = [[str(int(row[0]) // 1000), *row[1:6], str(int(row[6]) // 1000), *row[7:]] for row in
            archive_rows(exchange, MINUTES.path)]  # fmt: skip
    assert rows == [[str(value) for value in row] for row in over_rest[:1440]]


def test_seconds_minutes_and_the_day_agree_to_the_last_digit(exchange: TestClient) -> None:
    seconds = archive_rows(exchange, ArchiveFile.spot_klines("BTCUSDT", "1s", DAY).path)
    minutes = archive_rows(exchange, MINUTES.path)
    (day,) = archive_rows(exchange, ArchiveFile.spot_klines("BTCUSDT", "1d", DAY).path)
    made = [joined_candles(seconds[n : n + 60]) for n in range(0, 86_400, 60)]
    traded = [n for n, minute in enumerate(minutes) if minute[8] != "0"]
    assert [made[n] for n in traded] == [figures_of(minutes[n]) for n in traded]
    assert joined_candles(minutes) == figures_of(day)


def test_the_days_trades_make_its_candle(exchange: TestClient) -> None:
    trades = archive_rows(exchange, ArchiveFile.spot_trades("BTCUSDT", DAY).path)
    (day,) = archive_rows(exchange, ArchiveFile.spot_klines("BTCUSDT", "1d", DAY).path)
    assert candle_of_trades([(row[1], row[2], row[3], row[5] == "True") for row in trades]) == figures_of(day)


def test_a_zip_holds_one_csv_of_its_own_name_and_has_the_published_sum(exchange: TestClient) -> None:
    body = exchange.get(f"/{MINUTES.path}").content
    assert unzip(body)[0] == "BTCUSDT-1m-2025-01-02.csv"
    line = exchange.get(f"/{MINUTES.path}.CHECKSUM").text
    assert line == f"{hashlib.sha256(body).hexdigest()}  BTCUSDT-1m-2025-01-02.zip\n"


def test_another_process_hands_out_the_same_bytes(exchange: TestClient, start: Start) -> None:
    one, other = exchange.get(f"/{MINUTES.path}"), start().get(f"/{MINUTES.path}")
    assert one.content == other.content
    assert one.headers["ETag"] == other.headers["ETag"]
    assert start(seed=8).get(f"/{MINUTES.path}").content != exchange.get(f"/{MINUTES.path}").content


@pytest.mark.parametrize(
    ("file", "length"),
    [
        (ArchiveFile.spot_klines("BTCUSDT", "1h", date(2024, 12, 31)), 13),
        (ArchiveFile.spot_klines("BTCUSDT", "1h", date(2025, 1, 1)), 16),
        (ArchiveFile.spot_agg_trades("BTCUSDT", date(2024, 12, 31)), 13),
        (ArchiveFile.spot_agg_trades("BTCUSDT", date(2025, 1, 1)), 16),
        (ArchiveFile.futures_klines("BTCUSDT", "1h", date(2025, 1, 1)), 13),
    ],
    ids=lambda value: value.name if isinstance(value, ArchiveFile) else "",
)
def test_spot_changes_to_microseconds_in_2025_and_futures_do_not(
    exchange: TestClient, file: ArchiveFile, length: int
) -> None:
    row = archive_rows(exchange, file.path)[-1]
    times = (row[5],) if file.kind == "aggTrades" else (row[0], row[6])
    assert {len(time) for time in times} == {length}
    if file.kind == "klines":
        assert row[6].endswith("999999" if length == 16 else "999")


@pytest.mark.parametrize(
    ("file", "header"),
    [
        (ArchiveFile.spot_klines("BTCUSDT", "1h", date(2024, 1, 1)), False),
        (ArchiveFile.futures_klines("BTCUSDT", "1h", date(2022, 4, 30)), False),
        (ArchiveFile.futures_klines("BTCUSDT", "1h", date(2022, 5, 1)), True),
    ],
    ids=lambda value: value.name if isinstance(value, ArchiveFile) else "",
)
def test_newer_futures_files_begin_with_a_header(exchange: TestClient, file: ArchiveFile, header: bool) -> None:
    first = archive_rows(exchange, file.path)[0]
    assert (first[0] == "open_time") is header


def test_metrics_labels_move_to_the_start_of_their_period_on_2026_06_25(start: Start, tmp_path: Path) -> None:
    client = start(clock=Clock.frozen_at(datetime(2026, 7, 1, tzinfo=UTC)))
    old, new = (ArchiveFile.metrics("BTCUSDT", date(2026, 6, day)) for day in (24, 25))
    labels = [[row[0] for row in archive_rows(client, file.path)[1:]] for file in (old, new)]
    assert (labels[0][0], labels[0][-1]) == ("2026-06-24 00:05:00", "2026-06-25 00:00:00")
    assert (labels[1][0], labels[1][-1]) == ("2026-06-25 00:00:00", "2026-06-25 23:55:00")
    known = [
        time
        for file in (old, new)
        for time in parsed(client, file, archive_tables.parse_metrics, tmp_path).rows["time"].to_pylist()
    ]
    first = datetime(2026, 6, 24, 0, 5, tzinfo=UTC)
    assert known == [first + timedelta(minutes=5) * n for n in range(576)]


@pytest.mark.parametrize(
    ("file", "now", "status"),
    [
        (MINUTES, datetime(2025, 1, 3, 4, 59, tzinfo=UTC), 404),
        (MINUTES, datetime(2025, 1, 3, 5, 0, tzinfo=UTC), 200),
        (ArchiveFile.funding_rate("BTCUSDT", "2024-12"), datetime(2025, 1, 6, 4, 59, tzinfo=UTC), 404),
        (ArchiveFile.funding_rate("BTCUSDT", "2024-12"), datetime(2025, 1, 6, 5, 0, tzinfo=UTC), 200),
    ],
)
def test_a_day_appears_after_the_delay_and_a_month_on_the_first_monday(
    start: Start, file: ArchiveFile, now: datetime, status: int
) -> None:
    client = start(clock=Clock.frozen_at(now))
    assert client.get(f"/{file.path}").status_code == status
    assert client.get(f"/{file.path}.CHECKSUM").status_code == status


@pytest.mark.parametrize(
    "path",
    [
        ArchiveFile.spot_klines("BTCUSDT", "1m", date(2017, 8, 16)).path,
        ArchiveFile.spot_klines("NOSUCH", "1m", DAY).path,
        ArchiveFile.spot_klines("BTCUSDT", "1m", date(2030, 1, 1)).path,
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-02.csv",
        "data/spot/daily/klines/BTCUSDT/1m/ETHUSDT-1m-2025-01-02.zip",
        "data/spot/daily/klines/BTCUSDT/7m/BTCUSDT-7m-2025-01-02.zip",
        "data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-02-30.zip",
        "data/futures/um/daily/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-01-02.zip",
    ],
)
def test_what_does_not_exist_is_404_in_the_form_of_an_object_store(exchange: TestClient, path: str) -> None:
    answer = exchange.get(f"/{path}")
    assert answer.status_code == 404
    assert "<Code>NoSuchKey</Code>" in answer.text
    assert exchange.get(f"/{path}.CHECKSUM").status_code == 404


def test_a_download_resumes_where_it_was_cut(exchange: TestClient) -> None:
    whole = exchange.get(f"/{MINUTES.path}")
    assert whole.headers["Accept-Ranges"] == "bytes"
    headers = {"Range": "bytes=1000-", "If-Range": whole.headers["ETag"]}
    rest = exchange.get(f"/{MINUTES.path}", headers=headers)
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(whole.content) - 1}/{len(whole.content)}"
    assert whole.content[:1000] + rest.content == whole.content


def test_another_edition_of_a_file_is_not_resumed(exchange: TestClient) -> None:
    again = exchange.get(f"/{MINUTES.path}", headers={"Range": "bytes=1000-", "If-Range": '"another"'})
    assert again.status_code == 200
    assert again.content == exchange.get(f"/{MINUTES.path}").content


def test_asking_for_the_headers_alone_tells_size_and_edition(exchange: TestClient) -> None:
    head, whole = exchange.head(f"/{MINUTES.path}"), exchange.get(f"/{MINUTES.path}")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert head.content == b""


def test_every_interval_of_the_exchange_has_its_file(exchange: TestClient) -> None:
    spot = [ArchiveFile.spot_klines("ETHUSDT", timeframe, DAY) for timeframe in SPOT_TIMEFRAMES[:-3]]
    futures = [ArchiveFile.futures_klines("ETHUSDT", timeframe, DAY) for timeframe in FUTURES_TIMEFRAMES[:-3]]
    long = [ArchiveFile.spot_klines("ETHUSDT", timeframe, "2024-11") for timeframe in SPOT_TIMEFRAMES[-3:]]
    statuses = {file.name: exchange.get(f"/{file.path}").status_code for file in (*spot, *futures, *long)}
    assert set(statuses.values()) == {200}, statuses
