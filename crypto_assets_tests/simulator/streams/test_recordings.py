"""Lines of recorded files and what they say."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from crypto_assets.simulator.streams.recordings import RecordedMessage, Recordings, parse_line, trade_id_of


def write(folder: Path, name: str, *lines: str) -> None:
    path = folder / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def trade(received: int, symbol: str, number: int) -> str:
    return f'{received} {{"stream":"{symbol}@trade","data":{{"e":"trade","s":"{symbol.upper()}","t":{number}}}}}'


def test_a_line_with_the_name_of_its_stream_is_taken_apart_as_it_is() -> None:
    line = b'17 {"stream":"btcusdt@trade","data":{"e":"trade",  "t":5}}\r\n'
    message = parse_line(line)
    assert message is not None
    assert message == RecordedMessage(17, "btcusdt@trade", b'{"e":"trade",  "t":5}')
    assert trade_id_of(message) == 5


@pytest.mark.parametrize(
    ("text", "stream"),
    [
        ('{"e":"trade","s":"BTCUSDT","t":5}', "btcusdt@trade"),
        ('{"e":"kline","s":"BTCUSDT","k":{"t":1,"i":"5m"}}', "btcusdt@kline_5m"),
        ('{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}', "btcusdt@bookTicker"),
        ('{"e":"depthUpdate","s":"BTCUSDT","u":4,"b":[],"a":[]}', "btcusdt@depth@100ms"),
        ('{"e":"markPriceUpdate","s":"BTCUSDT","p":"1"}', "btcusdt@markPrice@1s"),
        ('{"e":"forceOrder","E":1,"o":{"s":"BTCUSDT"}}', "btcusdt@forceOrder"),
        ('{"e":"24hrTicker","s":"BTCUSDT","o":"0.0010"}', "btcusdt@ticker"),
        ('{"lastUpdateId":4,"bids":[],"asks":[]}', None),
        ('{"result":null,"id":1}', None),
        ('{"e":"kline","s":"BTCUSDT"', None),
        ("", None),
    ],
)
def test_the_stream_of_a_bare_message_is_told_from_its_content(text: str, stream: str | None) -> None:
    message = parse_line(f"17 {text}".encode())
    assert message == (RecordedMessage(17, stream, text.encode()) if stream else None)


def test_files_of_a_symbol_follow_each_other_and_symbols_are_merged_by_time(tmp_path: Path) -> None:
    write(tmp_path, "spot/btcusdt_20240809.gz", trade(50, "btcusdt", 3))
    write(tmp_path, "spot/btcusdt_20240808.gz", trade(10, "btcusdt", 1), trade(40, "btcusdt", 2))
    write(tmp_path, "spot/ethusdt_20240808.gz", trade(20, "ethusdt", 7), trade(60, "ethusdt", 8))
    write(tmp_path, "spot/notes.gz", trade(1, "btcusdt", 99))
    recordings = Recordings(tmp_path)
    streams, symbols = {"btcusdt@trade", "ethusdt@trade"}, {"btcusdt", "ethusdt"}
    assert [trade_id_of(m) for m in recordings.messages("spot", streams, symbols=symbols)] == [1, 7, 2, 3, 8]
    assert [trade_id_of(m) for m in recordings.messages("spot", {"btcusdt@trade"}, symbols=symbols)] == [1, 2, 3]
    assert not [*recordings.messages("usdm", streams, symbols=symbols)]


def test_the_recorded_book_is_found(tmp_path: Path) -> None:
    write(tmp_path, "spot/btcusdt_20240808.gz", trade(1, "btcusdt", 1), '2 {"lastUpdateId":4,"bids":[],"asks":[]}')
    assert Recordings(tmp_path).snapshot("spot", "BTCUSDT") == {"lastUpdateId": 4, "bids": [], "asks": []}
    assert Recordings(tmp_path).snapshot("spot", "ETHUSDT") is None
