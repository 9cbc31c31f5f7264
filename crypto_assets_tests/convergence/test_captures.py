from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from crypto_assets.convergence.captures import CaptureName, CaptureStore
from crypto_assets.convergence.converge import Convergence, converge
from crypto_assets.errors import Unavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset
from crypto_assets.spans import day_span, to_us
from crypto_assets_tests.convergence.place import Place, make_place

DAY = date(2024, 8, 9)
START = day_span(DAY).start
SECOND = timedelta(seconds=1)
NO_TIME = timedelta()


def line(received: datetime, message: dict[str, object], *, stream: str) -> str:
    return f"{to_us(received) * 1000} {json.dumps({'stream': f'btcusdt@{stream}', 'data': message})}\n"


def trade(number: int, at: datetime, *, received: datetime) -> str:
    at_ms = to_us(at) // 1000
    message: dict[str, object] = {"e": "trade", "E": at_ms, "s": "BTCUSDT", "t": number, "p": "61000.10", "q": "0.5"}
    return line(received, message | {"T": at_ms, "m": True, "M": True}, stream="trade")


def book(number: int, *, received: datetime) -> str:
    bids = [[f"{61000 - level}.00", "1.5"] for level in range(10)]
    asks = [[f"{61001 + level}.00", "2.5"] for level in range(10)]
    return line(received, {"lastUpdateId": number, "bids": bids, "asks": asks}, stream="depth10@100ms")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = make_place(tmp_path)
    captures = tmp_path / "captures"
    (captures / "spot").mkdir(parents=True)
    return replace(found, sources=replace(found.sources, captures=CaptureStore(str(captures))))


def put(place: Place, day: date, lines: list[str]) -> Path:
    assert place.sources.captures is not None
    path = Path(place.sources.captures.uri) / str(CaptureName("spot", "BTCUSDT", day))
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def captured(place: Place, dataset: Dataset) -> Convergence:
    return converge(dataset, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=place.sources)


def trade_ids(place: Place) -> list[int]:
    table = place.lake.read(BRONZE_TRADES, "BTCUSDT", DAY)
    assert table is not None
    return sorted(table["trade_id"].to_pylist())


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """URL of a plain web server over a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_message_received_after_midnight_is_found_in_the_file_of_the_next_day(place: Place) -> None:
    late = START + timedelta(days=1)
    put(place, DAY, [trade(n, START + n * SECOND, received=START + n * SECOND) for n in range(3)])
    put(place, DAY + timedelta(days=1), [
        trade(3, late - timedelta(milliseconds=20), received=late + timedelta(milliseconds=30)),
        trade(4, late + SECOND, received=late + SECOND),
    ])  # fmt: skip

    assert captured(place, BRONZE_TRADES).manifest.rows == 4
    assert trade_ids(place) == [0, 1, 2, 3]


def test_a_recorder_whose_clock_is_behind_has_the_first_messages_in_the_file_before(place: Place) -> None:
    behind = timedelta(seconds=1.3)
    everything = [trade(n, START + n * SECOND, received=START + n * SECOND - behind) for n in range(-2, 5)]
    put(place, DAY - timedelta(days=1), everything[:4])
    put(place, DAY, everything[4:])

    result = captured(place, BRONZE_TRADES)

    assert trade_ids(place) == [0, 1, 2, 3, 4]
    assert any("clock was +1.30 s behind" in answer for answer in result.answers)


def test_messages_that_make_no_row_are_counted_in_the_answer(place: Place) -> None:
    others = [line(START, {"u": 1}, stream="bookTicker")] * 2 + [line(START, {"a": 1}, stream="aggTrade")]
    put(place, DAY, [trade(0, START, received=START), *others])

    answers = captured(place, BRONZE_TRADES).answers

    counted = "1 rows, 0 rejected; 3 messages make no row: 'bookTicker' 2, 'aggTrade' 1."
    assert any(answer.endswith(counted) for answer in answers)


def test_a_book_that_began_the_day_before_goes_on_over_midnight(place: Place) -> None:
    snapshot = {"lastUpdateId": 10, "bids": [["61000.00", "1.0"]], "asks": [["61001.00", "1.0"]]}

    def change(number: int, at: datetime) -> str:
        message = {"e": "depthUpdate", "E": to_us(at) // 1000, "s": "BTCUSDT", "U": number, "u": number}
        return line(at, {**message, "b": [["60999.00", str(number)]], "a": []}, stream="depth@100ms")

    evening = START - timedelta(minutes=5)
    recorded = [f"{to_us(evening) * 1000} {json.dumps(snapshot)}\n"]
    put(place, DAY - timedelta(days=1), [*recorded, *(change(11 + n, evening + n * SECOND) for n in range(300))])
    put(place, DAY, [change(311 + n, START + n * SECOND) for n in range(60)])

    assert captured(place, BRONZE_ORDERBOOK).manifest.rows == 60


def test_a_capture_is_read_again_only_when_it_changed(place: Place) -> None:
    lines = [book(n, received=START + n * SECOND) for n in range(100)]
    put(place, DAY, lines)
    first = captured(place, BRONZE_ORDERBOOK)
    assert captured(place, BRONZE_ORDERBOOK).changed is False

    put(place, DAY, [*lines, book(100, received=START + 100 * SECOND)])

    after = captured(place, BRONZE_ORDERBOOK)
    assert (first.manifest.rows, after.manifest.rows) == (100, 101)
    assert {part.origin for part in after.manifest.parts} == {"spot/btcusdt_20240809.gz"}


def test_a_torn_capture_gives_what_can_be_read_and_keeps_the_rest(place: Place) -> None:
    path = put(place, DAY, [book(n, received=START + n * SECOND) for n in range(2000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    result = captured(place, BRONZE_ORDERBOOK)

    assert 0 < result.manifest.rows < 2000
    assert result.manifest.rejected >= 1


def test_without_a_capture_the_day_is_empty_and_says_where_it_looked(place: Place) -> None:
    result = captured(place, BRONZE_ORDERBOOK)

    assert result.manifest.rows == 0
    assert "there is no spot/btcusdt_20240809.gz below" in " ".join(result.answers)


def test_a_place_of_captures_that_cannot_be_reached_is_no_empty_day(place: Place, tmp_path: Path) -> None:
    nowhere = CaptureStore("http://127.0.0.1:9/recordings")
    sources = replace(place.sources, captures=nowhere)

    with pytest.raises(Unavailable, match="CAPTURE_URI"):
        converge(BRONZE_ORDERBOOK, symbol="BTCUSDT", day=DAY, lake=Lake(str(tmp_path / "other")), sources=sources)


def test_recorded_trades_of_the_first_second_of_a_day_are_not_lost(real_data: Path, place: Place) -> None:
    sources = replace(
        place.sources,
        captures=CaptureStore(str(real_data / "recordings")),
        now=lambda: datetime(2024, 9, 1, tzinfo=UTC),
    )

    converge(BRONZE_TRADES, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=sources)

    ids = trade_ids(place)
    assert ids == list(range(ids[0], ids[-1] + 1))
    table = place.lake.read(BRONZE_TRADES, "BTCUSDT", DAY)
    assert table is not None
    assert min(table["time"].to_pylist()) < START + timedelta(milliseconds=500)


def test_a_web_server_that_says_not_found_means_that_nothing_was_recorded(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        assert CaptureStore(url).identity(CaptureName("spot", "BTCUSDT", DAY)) is None
