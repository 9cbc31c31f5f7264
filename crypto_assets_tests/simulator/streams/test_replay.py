"""Recorded streams are served again, all of them, once and in their order."""

from __future__ import annotations

import contextlib
import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from crypto_assets_tests.simulator.streams.conftest import PATIENCE_S, Exchange, Listener
from crypto_assets_tests.simulator.streams.test_recordings import trade, write

END = (1000, "end of recording")
type Start = Callable[..., Exchange]


def listen(exchange: Exchange, path: str) -> Listener:
    """A connection that hears everything from the first message on."""
    socket = exchange.stack.enter_context(connect(exchange.url + path, compression=None, max_size=2**24))
    return Listener(exchange, socket)


def ids(messages: list[dict]) -> list[int]:
    return [message.get("data", message)["t"] for message in messages]


def two_symbols(folder: Path) -> Path:
    write(folder, "spot/btcusdt_20240808.gz", *(trade(n * 10**8, "btcusdt", n) for n in range(0, 400, 2)))
    write(folder, "spot/ethusdt_20240808.gz", *(trade(n * 10**8, "ethusdt", n) for n in range(1, 400, 2)))
    return folder


def test_a_recording_is_served_in_its_order_and_then_the_connection_ends(start: Start, tmp_path: Path) -> None:
    exchange = start(replay=two_symbols(tmp_path), replay_pace=0)
    heard, end = listen(exchange, "/stream?streams=ethusdt@trade/btcusdt@trade").to_end()
    assert (ids(heard), end) == (list(range(400)), END)
    heard, end = listen(exchange, "/ws/ethusdt@trade").to_end()
    assert (ids(heard), end) == (list(range(1, 400, 2)), END)
    assert exchange.get("/simulator/published?symbol=ETHUSDT")["last_trade_id"] == 399


def test_each_subscription_begins_at_the_beginning(start: Start, tmp_path: Path) -> None:
    exchange = start(replay=two_symbols(tmp_path), replay_pace=0)
    listener = listen(exchange, "/ws")
    assert listener.ask("SUBSCRIBE", "btcusdt@trade") == {"result": None, "id": 77}
    heard, end = listener.to_end()
    assert (ids(heard), end) == (list(range(0, 400, 2)), END)


def test_a_pace_is_kept_and_may_be_asked_for(start: Start, tmp_path: Path) -> None:
    exchange = start(replay=two_symbols(tmp_path), replay_pace=1e-9)
    waiting = listen(exchange, "/ws/btcusdt@trade")
    assert waiting.next()["t"] == 0
    assert len(listen(exchange, "/ws/btcusdt@trade?pace=1000").to_end()[0]) == 200
    assert waiting.ask("LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@trade"]


def test_faults_act_on_recorded_streams(start: Start, tmp_path: Path) -> None:
    exchange = start(replay=two_symbols(tmp_path), replay_pace=0)
    exchange.fault("silent_stream", stream="btcusdt@*", times=3)
    exchange.fault("late_events", symbol="ETHUSDT", delay_s=10**6, times=1)
    heard, end = listen(exchange, "/stream?streams=ethusdt@trade/btcusdt@trade").to_end()
    assert ids(heard) == [3, *range(5, 400), 1]
    assert end == END


def test_a_damaged_file_ends_the_connection_with_an_error(start: Start, tmp_path: Path) -> None:
    path = two_symbols(tmp_path) / "recordings/spot/btcusdt_20240808.gz"
    path.write_bytes(path.read_bytes()[:-200])
    heard, end = listen(start(replay=tmp_path, replay_pace=0), "/ws/btcusdt@trade").to_end()
    assert end is not None
    assert end[0] == 1011
    assert ids(heard) == list(range(0, 2 * len(heard), 2))


def test_the_recorded_book_answers_over_rest(start: Start, tmp_path: Path) -> None:
    book = '{"lastUpdateId":4,"bids":[["2","1"],["1","1"]],"asks":[]}'
    write(tmp_path, "spot/btcusdt_20240808.gz", trade(1, "btcusdt", 1), f"2 {book}")
    exchange = start(replay=tmp_path, replay_pace=0)
    answer = exchange.get("/api/v3/depth?symbol=BTCUSDT&limit=1")
    assert answer == {"lastUpdateId": 4, "bids": [["2", "1"]], "asks": []}
    assert exchange.client.get("/api/v3/depth?symbol=ETHUSDT").status_code == 404


def test_all_messages_of_real_recordings_arrive_once(start: Start, real_data: Path) -> None:
    exchange = start(replay=real_data, replay_pace=0)
    for venue, path, symbols in (
        ("spot", "/stream?streams=", ("btcusdt", "ethusdt")),
        ("usdm", "/public/stream?streams=", ("btcusdt",)),
        ("usdm", "/market/stream?streams=", ("btcusdt",)),
    ):
        names = [f"{s}@{c}" for s in symbols for c in ("trade", "bookTicker", "depth@100ms", "depth@0ms")]
        expected = Counter(
            text
            for symbol in symbols
            for file in (real_data / "recordings" / venue).glob(f"{symbol}_*.gz")
            for text in recorded(file)
            if venue == "spot" or (b'@trade"' in text[:40]) is path.startswith("/market")
        )
        received: Counter[bytes] = Counter()
        with connect(exchange.url + path + "/".join(names), compression=None, max_size=2**24) as socket:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    received[bytes(socket.recv(timeout=PATIENCE_S, decode=False))] += 1
            assert (socket.close_code, socket.close_reason) == END
        assert received == expected


def recorded(file: Path) -> list[bytes]:
    """The messages of streams in a file."""
    texts = (line.rstrip().partition(b" ")[2] for line in gzip.decompress(file.read_bytes()).splitlines())
    return [text for text in texts if text.startswith(b'{"stream"')]
