"""Capture files as recorders leave them, whole and damaged."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.capture.files import (
    CAPTURED,
    LATE_LINES,
    MOST_NAMES,
    NO_STREAM,
    OTHER_STREAMS,
    CaptureFile,
    CaptureTables,
    read_capture,
)
from crypto_assets.binance.capture.messages import CaptureMarket
from crypto_assets.binance.capture.rows import captured_schema
from crypto_assets.binance.parsed import Parsed
from crypto_assets.schemas import (
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_TRADES,
    REJECTED,
    Dataset,
)

DAY = datetime(2024, 8, 1, tzinfo=UTC)
NOON = DAY + timedelta(hours=12)
NOON_MS = 1_722_513_600_000
MS = timedelta(milliseconds=1)


def line(ms: int, message: object) -> bytes:
    """A message received `ms` milliseconds after noon."""
    return b"%d %s" % ((NOON_MS + ms) * 1_000_000, json.dumps(message, separators=(",", ":")).encode())


def stream(name: str, data: object) -> dict[str, object]:
    return {"stream": f"btcusdt@{name}", "data": data}


def trade(number: int, *, at: int, price: str = "61837.63000000", quantity: str = "0.02000000", **extra: object) -> Any:
    event = {"e": "trade", "E": NOON_MS + at, "s": "BTCUSDT", "t": number, "p": price, "q": quantity}
    return stream("trade", {**event, "T": NOON_MS + at, "m": True, "M": True, **extra})


def partial(last_id: int, *, bid: str = "99.5", levels: int = 10, name: str = "depth10@100ms") -> Any:
    bids = [[str(float(bid) - i), str(1 + i)] for i in range(levels)]
    asks = [[str(200.0 + i), str(21 + i)] for i in range(levels)]
    return stream(name, {"lastUpdateId": last_id, "bids": bids, "asks": asks})


def diff(first: int, last: int, *, at: int, bids: object = (), asks: object = (), **extra: object) -> Any:
    event = {"e": "depthUpdate", "E": NOON_MS + at, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return stream("depth@100ms", {**event, **extra})


def rest(last_id: int) -> Any:
    return {"lastUpdateId": last_id, "bids": [["99.00", "1.0"]], "asks": [["101.00", "2.0"]]}


def mark(*, at: int, **changed: object) -> Any:
    event = {"e": "markPriceUpdate", "E": NOON_MS + at, "s": "BTCUSDT", "p": "11794.15000000", "i": "11784.62659091"}
    return stream("markPrice@1s", {**event, "r": "0.00038167", "T": NOON_MS + 14_400_000, **changed})


def liquidation(*, at: int, symbol: str = "BTCUSDT") -> Any:
    order = {"s": symbol, "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "0.014", "p": "9910", "ap": "9909.5"}
    state = {"X": "FILLED", "l": "0.014", "z": "0.013", "T": NOON_MS + at - 3}
    return {"e": "forceOrder", "E": NOON_MS + at, "o": {**order, **state}}


def packed(lines: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(text + b"\n" for text in lines), 1)


def unpacked(content: bytes) -> bytes | None:
    """None where it is damaged. In another place than the header too a change may say the same in another way."""
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error):
        return None


def read(
    *contents: bytes | Sequence[bytes],
    market: CaptureMarket = "spot",
    start: datetime = DAY,
    end: datetime = DAY + timedelta(days=1),
    **options: Any,
) -> CaptureTables:
    files = [
        CaptureFile(f"file {i}", io.BytesIO(content if isinstance(content, bytes) else packed(content)))
        for i, content in enumerate(contents)
    ]
    return read_capture(files, symbol="BTCUSDT", market=market, start=start, end=end, **options)


def by_dataset(tables: CaptureTables) -> dict[str, Parsed]:
    each = (tables.orderbook, tables.trades, tables.mark_price, tables.liquidations)
    return {dataset.name: parsed for dataset, parsed in zip(CAPTURED, each, strict=True)}


def times(table: pa.Table) -> list[datetime]:
    return table["time"].to_pylist()


def reasons(parsed: Parsed) -> list[str]:
    return parsed.rejected["reason"].to_pylist()


# What becomes of a message


def test_a_partial_book_becomes_a_row_of_ten_levels() -> None:
    rows = read([line(5, partial(160))]).orderbook.rows

    (row,) = rows.to_pylist()
    assert (row["last_update_id"], row["time"], row["received_at"]) == (160, NOON + 5 * MS, NOON + 5 * MS)
    assert (row["bid_price_1"], row["bid_quantity_1"], row["bid_price_10"], row["bid_quantity_10"]) == (
        99.5,
        1,
        90.5,
        10,
    )
    assert (row["ask_price_1"], row["ask_quantity_1"], row["ask_price_10"], row["ask_quantity_10"]) == (
        200,
        21,
        209,
        30,
    )


def test_levels_that_a_book_does_not_have_are_null_and_the_eleventh_is_left_out() -> None:
    shallow, deep = (
        read([line(0, partial(1, levels=5, name="depth5"))]),
        read([line(0, partial(1, levels=20, name="depth20"))]),
    )

    (row,) = shallow.orderbook.rows.to_pylist()
    assert row["bid_price_5"] == 95.5
    assert row["bid_price_6"] is row["ask_quantity_10"] is None
    assert deep.orderbook.rows.to_pylist()[0]["ask_price_10"] == 209


def test_a_partial_book_of_the_perpetual_looks_like_a_change_but_is_a_state() -> None:
    data = {
        "E": NOON_MS,
        "T": NOON_MS,
        "U": 1,
        "u": 9,
        "pu": 0,
        "b": [["7403.89", "0.002"]],
        "a": [["7405.96", "3.340"]],
    }

    (row,) = read([line(40, stream("depth10@100ms", data))], market="usdm").orderbook.rows.to_pylist()

    assert (row["last_update_id"], row["bid_price_1"], row["ask_quantity_1"]) == (9, 7403.89, 3.34)


def test_a_trade_keeps_every_digit() -> None:
    (row,) = read([line(8, trade(7, at=5, price="0.00001234", quantity="123456789.00000000"))]).trades.rows.to_pylist()

    assert row == {
        "time": NOON + 5 * MS,
        "trade_id": 7,
        "price": Decimal("0.00001234"),
        "quantity": Decimal("123456789"),
        "quote_quantity": Decimal("1523.45677626"),
        "is_buyer_maker": True,
        "received_at": NOON + 8 * MS,
    }


def test_microseconds_are_told_by_their_value() -> None:
    sent = trade(1, at=0, E=NOON_MS * 1000 + 250, T=NOON_MS * 1000 + 123)

    assert times(read([line(1, sent)]).trades.rows) == [NOON + timedelta(microseconds=123)]


def test_a_transfer_to_the_insurance_fund_is_no_trade() -> None:
    lines = [line(0, trade(1, at=0, X="MARKET")), line(1, trade(2, at=0, X="INSURANCE_FUND"))]

    tables = read(lines, market="usdm")

    assert tables.trades.rows["trade_id"].to_pylist() == [1]
    assert tables.skipped == {"trade INSURANCE_FUND": 1}


def test_a_mark_price_is_known_when_it_was_received() -> None:
    (row,) = read([line(45, mark(at=0))], market="usdm").mark_price.rows.to_pylist()

    assert row == {
        "time": NOON + 45 * MS,
        "mark_price": Decimal("11794.15"),
        "index_price": Decimal("11784.62659091"),
        "estimated_funding_rate": Decimal("0.00038167"),
        "next_funding_time": NOON + timedelta(hours=4),
        "received_at": NOON + 45 * MS,
    }


def test_a_contract_without_funding_has_a_mark_price_without_it() -> None:
    (row,) = read([line(0, mark(at=0, r="", T=0))], market="usdm").mark_price.rows.to_pylist()

    assert row["estimated_funding_rate"] is row["next_funding_time"] is None


def test_a_liquidation_has_the_time_of_its_order_and_tells_when_it_was_received() -> None:
    everyone = {"stream": "!forceOrder@arr", "data": liquidation(at=100)}
    other = {"stream": "!forceOrder@arr", "data": liquidation(at=100, symbol="ETHUSDT")}

    rows = read(
        [line(120, stream("forceOrder", liquidation(at=50))), line(150, everyone), line(151, other)], market="usdm"
    )

    first, second = rows.liquidations.rows.to_pylist()
    assert first == {
        "time": NOON + 47 * MS,
        "side": "SELL",
        "price": Decimal(9910),
        "average_price": Decimal("9909.5"),
        "original_quantity": Decimal("0.014"),
        "filled_quantity": Decimal("0.013"),
        "status": "FILLED",
        "received_at": NOON + 120 * MS,
    }
    assert second["time"] == NOON + 97 * MS


def test_a_book_is_rebuilt_from_a_snapshot_among_the_changes() -> None:
    lines = [
        line(0, diff(90, 95, at=0, bids=[["99.00", "9"]])),
        line(10, diff(96, 101, at=10, bids=[["98.00", "5.5"]])),
        line(15, rest(100)),
        line(20, diff(102, 103, at=20, asks=[["101.00", "0"], ["100.50", "4"]])),
    ]

    tables = read(lines)

    first, second = tables.orderbook.rows.to_pylist()
    assert (first["time"], first["last_update_id"], first["bid_price_2"]) == (NOON + 15 * MS, 101, 98)
    assert (second["time"], second["last_update_id"], second["ask_price_1"]) == (NOON + 20 * MS, 103, 100.5)
    assert (tables.book.snapshots, tables.book.breaks) == (1, 0)


def test_a_book_of_the_perpetual_follows_the_ids_before() -> None:
    lines = [
        line(0, rest(100)),
        line(1, diff(150, 160, at=1, pu=100)),
        line(2, diff(190, 200, at=2, pu=160)),
        line(3, diff(290, 300, at=3, pu=250)),
        line(4, diff(301, 310, at=4, pu=300)),
    ]

    tables = read(lines, market="usdm")

    assert tables.orderbook.rows["last_update_id"].to_pylist() == [100, 160, 200]
    assert tables.book.breaks == 1


def test_after_a_missing_change_states_stop_until_the_next_snapshot() -> None:
    lines = [
        line(0, rest(100)),
        line(1, diff(101, 102, at=1)),
        line(2, diff(105, 106, at=2)),
        line(3, diff(107, 108, at=3)),
        line(4, rest(107)),
        line(5, diff(109, 110, at=5)),
    ]

    tables = read(lines)

    assert tables.orderbook.rows["last_update_id"].to_pylist() == [100, 102, 108, 110]
    assert (tables.book.breaks, tables.book.snapshots) == (1, 2)


def test_where_several_book_streams_were_recorded_a_lesser_one_speaks_only_in_their_silence() -> None:
    lines = [
        line(0, rest(100)),
        line(100, partial(100)),
        line(200, diff(101, 101, at=200)),
        line(300, partial(101)),
        line(2000, diff(102, 102, at=2000)),
        line(2100, partial(103, levels=5, name="depth5")),
        line(9000, partial(104, levels=5, name="depth5")),
    ]

    rows = read(lines).orderbook.rows

    assert rows["last_update_id"].to_pylist() == [100, 100, 101, 102, 104]


# Clocks


def test_a_recorder_whose_clock_is_behind_is_corrected() -> None:
    lines = [line(ms - 1270, trade(ms, at=ms - ms % 7)) for ms in range(0, 1000, 10)]

    tables = read([*lines, line(1000 - 1270, partial(1))])

    (row,) = tables.orderbook.rows.to_pylist()
    assert tables.clock_lag == timedelta(milliseconds=1270)
    assert (row["time"], row["received_at"]) == (NOON + 1000 * MS, NOON - 270 * MS)


def test_a_message_that_took_long_is_known_late() -> None:
    lines = [line(ms - 1270, mark(at=ms)) for ms in range(0, 1000, 10)]

    rows = read([*lines, line(1500 - 1270, mark(at=1000))], market="usdm").mark_price.rows

    assert times(rows)[-2:] == [NOON + 990 * MS, NOON + 1500 * MS]


def test_a_clock_that_is_ahead_is_not_corrected_because_a_long_way_looks_the_same() -> None:
    tables = read([line(ms + 80, mark(at=ms)) for ms in range(0, 1000, 10)], market="usdm")

    assert times(tables.mark_price.rows)[0] == NOON + 80 * MS
    assert tables.clock_lag == timedelta(0)


def test_one_wrong_event_time_does_not_move_the_clock() -> None:
    lines = [line(ms, mark(at=ms)) for ms in range(0, 1000, 10)]

    rows = read([*lines, line(1000, mark(at=300_000)), line(1010, mark(at=1010))], market="usdm").mark_price.rows

    assert times(rows)[-1] == NOON + 1010 * MS


def test_each_file_has_its_own_clock() -> None:
    behind = [line(ms - 1270, trade(ms, at=ms)) for ms in range(0, 1000, 10)]

    rows = read(behind, [line(60_000, partial(1))]).orderbook.rows

    assert times(rows) == [NOON + 60_000 * MS]


def test_no_event_time_means_no_correction() -> None:
    tables = read([line(5, partial(160))])

    assert tables.clock_lag is None
    assert times(tables.orderbook.rows) == [NOON + 5 * MS]


# The time asked for


def test_rows_of_another_time_are_left_out_without_being_rejected() -> None:
    lines = [line(ms, trade(ms, at=ms)) for ms in (-1, 0, 999, 1000)]

    trades = read(lines, start=NOON, end=NOON + 1000 * MS).trades

    assert trades.rows["trade_id"].to_pylist() == [0, 999]
    assert trades.rejected.num_rows == 0


def test_the_file_of_the_day_before_gives_the_book_its_state() -> None:
    day_before = [
        line(-7_200_000, rest(100)),
        line(-3_600_000, diff(101, 102, at=-3_600_000, bids=[["99.50", "3"]])),
        b"nonsense of the day before",
    ]

    tables = read(day_before, [line(5, diff(103, 104, at=5))], start=NOON)

    (row,) = tables.orderbook.rows.to_pylist()
    assert (row["last_update_id"], row["bid_price_1"]) == (104, 99.5)
    assert tables.orderbook.rejected.num_rows == 0


def test_a_line_with_a_receive_time_far_ahead_does_not_end_the_file() -> None:
    late = line(3_600_000, trade(9, at=3_600_000))
    often = [text for i in range(LATE_LINES + 2) for text in (late, line(i, trade(i, at=i)))]

    assert read(often, end=NOON + timedelta(seconds=2)).trades.rows.num_rows == LATE_LINES + 2


def test_a_file_that_is_past_the_time_is_not_read_to_its_end() -> None:
    late = line(3_600_000, trade(9, at=3_600_000))
    lines = [line(0, trade(1, at=0)), *[late] * (LATE_LINES + 1), line(6, trade(2, at=6))]

    assert read(lines, end=NOON + timedelta(seconds=1)).trades.rows["trade_id"].to_pylist() == [1]


@pytest.mark.parametrize("dataset", CAPTURED, ids=lambda dataset: dataset.name)
@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_what_is_wanted_alone_equals_what_is_wanted_with_others(market: CaptureMarket, dataset: Dataset) -> None:
    lines = [b"nonsense", line(0, rest(100))]
    for ms in range(0, 5000, 50):
        lines += [
            line(ms - 900, trade(ms, at=ms)),
            line(ms - 899, diff(101 + ms, 150 + ms, at=ms, pu=100 + ms)),
            line(ms - 898, mark(at=ms)),
            line(ms - 897, stream("forceOrder", liquidation(at=ms))),
        ]

    alone, together = (by_dataset(read(lines, market=market, want=want)) for want in ([dataset], CAPTURED))

    assert alone[dataset.name].rows.equals(together[dataset.name].rows)
    assert alone[dataset.name].rejected.equals(together[dataset.name].rejected)
    assert all(alone[other.name].rows.num_rows == 0 for other in CAPTURED if other is not dataset)


# What is skipped, and what is rejected


def test_streams_without_rows_are_counted_not_rejected() -> None:
    lines = [
        line(0, stream("bookTicker", {"u": 1})),
        line(1, stream("bookTicker", {"u": 2})),
        line(2, {"stream": "ethusdt@trade", "data": {}}),
        line(3, {"result": None, "id": 1}),
        line(4, stream("aggTrade", {"E": NOON_MS, "a": 1})),
    ]

    tables = read(lines)

    assert tables.skipped == {"bookTicker": 2, "ethusdt@trade": 1, NO_STREAM: 1, "aggTrade": 1}
    assert all(parsed.rejected.num_rows == 0 for parsed in by_dataset(tables).values())


def test_names_of_streams_are_counted_up_to_a_limit() -> None:
    skipped = read([line(0, stream(f"made_up_{i}", {})) for i in range(MOST_NAMES + 50)]).skipped

    assert skipped[OTHER_STREAMS] == 50


def test_a_frame_may_name_its_stream_last_and_have_more_fields() -> None:
    message = {"extra": [1], "data": trade(1, at=0, new_field="x")["data"], "stream": "btcusdt@trade"}

    assert read([line(0, message)]).trades.rows["trade_id"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("message", "part_of_reason"),
    [
        (trade(1, at=0, price="many"), "price 'many' is not a number"),
        (trade(1, at=0, price="NaN"), "price 'NaN' is not a number"),
        (trade(1, at=0, quantity="1.123456789"), "quantity '1.123456789' is not a number"),
        (trade(1, at=0, quantity=""), "quantity '' is not a number"),
        (trade(1, at=0, price="9999999999999999", quantity="9999999999999999"), "price times quantity"),
        (trade(1, at=0, t="x"), "Expected `int`"),
        (trade(1, at=0, T="x"), "Expected `int`"),
        (trade(1, at=0, t=2**70), "int"),
        (trade(1, at=3_600_000), "more than 10 minutes apart"),
        (trade(1, at=0, T=NOON_MS - 3_600_000), "more than 10 minutes apart"),
        (stream("trade", [1]), "Expected `object`"),
        (stream("trade", {}), "missing required field"),
    ],
)
def test_a_trade_that_cannot_be_read_is_rejected_with_its_line(message: object, part_of_reason: str) -> None:
    bad = line(1, message)

    trades = read([line(0, trade(1, at=0)), bad, line(2, trade(2, at=0))]).trades

    assert trades.rows["trade_id"].to_pylist() == [1, 2]
    (rejected,) = trades.rejected.to_pylist()
    assert (rejected["raw"], rejected["origin"], rejected["line"]) == (bad, "file 0", 2)
    assert part_of_reason in rejected["reason"]


@pytest.mark.parametrize("text", ["many", "NaN", "Infinity", "-1", "", "1e999"])
def test_a_book_with_text_in_a_number_is_rejected(text: str) -> None:
    bad = stream("depth10", {"lastUpdateId": 1, "bids": [["1.0", text]], "asks": []})

    book = read([line(0, bad), line(1, partial(2))]).orderbook

    assert book.rows["last_update_id"].to_pylist() == [2]
    assert book.rejected.num_rows == 1


def test_a_snapshot_that_cannot_be_read_is_rejected() -> None:
    bad = {**rest(100), "bids": [["x", "1"]]}

    assert "bids" in reasons(read([line(0, bad)]).orderbook)[0]


YEAR_MS = 366 * 86_400_000


def test_a_message_of_another_year_is_rejected_and_moves_neither_book_nor_clock() -> None:
    changes = [line(0, rest(100)), line(1, diff(101, 101, at=1)), line(2, diff(102, 102, at=YEAR_MS))]
    book = read([*changes, line(3, trade(1, at=YEAR_MS))])
    assert (book.orderbook.rows.num_rows, book.trades.rows.num_rows) == (2, 0)
    assert book.clock_lag == timedelta(0)
    perpetual = read([line(0, mark(at=YEAR_MS)), line(1, mark(at=1))], market="usdm").mark_price
    assert perpetual.rows.num_rows == 1
    (reason,) = reasons(perpetual)
    assert reasons(book.orderbook) == reasons(book.trades) == [reason]


def test_a_snapshot_older_than_the_book_takes_nothing_back() -> None:
    lines = [line(0, rest(100)), line(1, diff(101, 101, at=1, bids=[["99.50", "3.0"]])), line(2, rest(90))]
    tables = read(lines)
    assert tables.orderbook.rows["last_update_id"].to_pylist() == [100, 101]
    assert tables.book.snapshots_refused == 1


def test_a_partial_book_of_another_day_is_none_of_this_one() -> None:
    assert read([line(-60_000, partial(1)), line(0, partial(2))], start=NOON).orderbook.rows.num_rows == 1


def test_a_mark_price_whose_next_funding_is_far_away_is_rejected() -> None:
    assert reasons(read([line(0, mark(at=0, T=NOON_MS * 2))], market="usdm").mark_price) == [
        "the next funding time is more than a week away"
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"not a line",
        b"{}",
        b"1722513600000 {}",
        b"1722513600000000000{}",
        line(0, 0)[:-1] + b"{not json",
        line(0, [1]),
        line(0, 0)[:-1] + b'{"x":' + b"[" * 100_000,
        line(0, 0)[:-1] + b'{ "stream":"\\ud800 "}',
        line(0, 0)[:-1] + b'{"data":{},"stream":"\xff"}',
        b'1722513600000000000 {"stream":"btcusdt@bookTicker","data":{"u":5',
    ],
)
def test_a_line_of_no_stream_is_rejected_in_every_dataset(raw: bytes) -> None:
    tables = read([raw, line(1, trade(1, at=1))])

    assert tables.trades.rows.num_rows == 1
    assert tables.orderbook.rejected["raw"].to_pylist() == tables.trades.rejected["raw"].to_pylist() == [raw]
    assert tables.mark_price.rejected.num_rows == 0, "spot captures hold none"


def test_a_trade_with_bytes_that_are_no_text_is_rejected() -> None:
    bad = line(0, trade(1, at=0, price="?")).replace(b"?", b"\xff")

    assert read([bad]).trades.rejected["raw"].to_pylist() == [bad]


def test_a_torn_last_line_is_rejected() -> None:
    whole = b"\n".join([line(0, trade(1, at=0)), line(1, trade(2, at=1))])

    trades = read(gzip.compress(whole[:-20])).trades

    assert trades.rows["trade_id"].to_pylist() == [1]
    assert "truncated" in reasons(trades)[0]


def test_the_readable_part_of_a_cut_file_is_kept_and_the_cut_is_one_rejected_entry() -> None:
    lines = [line(i, trade(i, at=i, price=f"{i}.{i * 7919 % 9973}")) for i in range(2000)]
    content = packed(lines)

    trades = read(content[: len(content) // 2]).trades

    ids = trades.rows["trade_id"].to_pylist()
    assert 500 < len(ids) < 1500
    assert ids == list(range(len(ids)))
    (rejected,) = trades.rejected.to_pylist()
    assert "the file is cut" in rejected["reason"]
    assert lines[len(ids)].startswith(rejected["raw"])
    assert rejected["line"] == len(ids) + 1


def test_a_file_that_is_empty_or_no_gzip_says_so() -> None:
    assert reasons(read(b"").trades) == ["the file is empty"]
    assert "gzip" in reasons(read(b"plain text\n").trades)[0]


def test_files_that_were_appended_to_each_other_are_one() -> None:
    first, second = packed([line(0, trade(1, at=0))]), packed([line(1, trade(2, at=1))])

    assert read(first + b"\0" * 600 + second + b"\0").trades.rows["trade_id"].to_pylist() == [1, 2]


def test_a_file_of_nothing_but_zeros_is_not_taken_into_memory() -> None:
    trades = read(gzip.compress(bytes(40_000_000), 1)).trades

    (rejected,) = trades.rejected.to_pylist()
    assert "longer than" in rejected["reason"]
    assert len(rejected["raw"]) <= 1000


def test_no_file_is_no_rows(tmp_path: Path) -> None:
    tables = read()

    for dataset, parsed in zip(CAPTURED, by_dataset(tables).values(), strict=True):
        assert parsed.rows.schema.equals(captured_schema(dataset), check_metadata=True)
        assert parsed.rejected.schema.equals(REJECTED, check_metadata=True)
    with pytest.raises(FileNotFoundError):
        read_capture([CaptureFile("x", tmp_path / "x.gz")], symbol="BTCUSDT", market="spot", start=DAY, end=NOON)


# Properties


def recording(minutes: int = 3) -> list[bytes]:
    """Every stream, some messages a second, by a recorder whose clock is 1.27 s behind."""
    lines = [line(-1270, rest(100))]
    for i in range(minutes * 120):
        ms = i * 500
        lines += [
            line(ms - 1265, diff(101 + i, 101 + i, at=ms, pu=100 + i, bids=[[f"{98 - i % 7}.5", f"{i % 5}"]])),
            line(ms - 1264, trade(i, at=ms, price=f"{100 + i % 13}.25")),
            line(ms - 1263, stream("bookTicker", {"u": i})),
            line(ms - 1262, mark(at=ms)),
        ]
        if i % 40 == 0:
            lines.append(line(ms - 1261, stream("forceOrder", liquidation(at=ms))))
    return lines


RECORDING = recording()
SHORT_RECORDING = RECORDING[:60]


@given(minute=st.integers(0, 3), market=st.sampled_from(["spot", "usdm"]))
def test_a_recording_split_at_a_minute_into_two_files_gives_the_same(minute: int, market: CaptureMarket) -> None:
    cut = next((i for i, text in enumerate(RECORDING) if int(text[:13]) >= NOON_MS + minute * 60_000), len(RECORDING))

    whole, parts = read(RECORDING, market=market), read(RECORDING[:cut], RECORDING[cut:], market=market)

    assert whole.book == parts.book
    for name, parsed in by_dataset(whole).items():
        assert parsed.rows.equals(by_dataset(parts)[name].rows), name


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_rows_are_the_same_however_many_are_taken_at_a_time(
    market: CaptureMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [line(at, stream("trade", {"e": "trade"})) for at in range(3)]
    whole = read([*RECORDING[:300], *broken], market=market)
    for limit in ("CHUNK_ROWS", "REJECTED_CHUNK_ROWS", "BOOK_CHUNK_ROWS"):
        monkeypatch.setattr(f"crypto_assets.binance.capture.rows.{limit}", 2)
    pieces = by_dataset(read([*RECORDING[:300], *broken], market=market))
    for name, parsed in by_dataset(whole).items():
        assert pieces[name].rows.equals(parsed.rows)
        assert pieces[name].rejected.equals(parsed.rejected)


def test_a_minute_of_more_messages_than_any_has_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(ms, mark(at=ms)) for ms in range(0, 1_000, 10)]
    whole = read(lines, market="usdm").mark_price.rows
    monkeypatch.setattr("crypto_assets.binance.capture.reading.LONGEST_MINUTE", 7)
    assert read(lines, market="usdm").mark_price.rows.equals(whole)


@given(minute=st.integers(1, 2), market=st.sampled_from(["spot", "usdm"]))
def test_two_spans_that_touch_have_each_row_once(minute: int, market: CaptureMarket) -> None:
    middle = NOON + timedelta(minutes=minute)

    whole = by_dataset(read(RECORDING, market=market))
    first = by_dataset(read(RECORDING, market=market, end=middle))
    second = by_dataset(read(RECORDING, market=market, start=middle))

    for name, parsed in whole.items():
        assert pa.concat_tables([first[name].rows, second[name].rows]).sort_by("time").equals(parsed.rows), name


@cache
def short_recording(market: CaptureMarket) -> dict[str, Parsed]:
    return by_dataset(read(SHORT_RECORDING, market=market))


@given(data=st.data(), market=st.sampled_from(["spot", "usdm"]))
def test_a_damaged_line_costs_no_other_trade_or_mark_price(data: st.DataObject, market: CaptureMarket) -> None:
    at = data.draw(st.integers(0, len(SHORT_RECORDING) - 1))
    raw = SHORT_RECORDING[at]
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    damaged = raw[:start] + data.draw(st.binary(max_size=30)).replace(b"\n", b"") + raw[end:]

    tables = read([*SHORT_RECORDING[:at], damaged, *SHORT_RECORDING[at + 1 :]], market=market)

    for dataset in (BRONZE_TRADES, BRONZE_MARK_PRICE, BRONZE_LIQUIDATIONS):
        kept = set(map(str, by_dataset(tables)[dataset.name].rows.to_pylist()))
        before = set(map(str, short_recording(market)[dataset.name].rows.to_pylist()))
        assert len(before - kept) <= 1
    assert all(row["bid_price_1"] < row["ask_price_1"] for row in tables.orderbook.rows.to_pylist())


@given(data=st.data())
def test_a_damaged_file_never_raises_and_keeps_what_comes_before_the_damage(data: st.DataObject) -> None:
    content = bytearray(packed(RECORDING))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]

    tables = read(bytes(content), market="usdm")

    for dataset in CAPTURED:
        parsed = by_dataset(tables)[dataset.name]
        assert parsed.rows.schema.equals(captured_schema(dataset))
        assert parsed.rejected.num_rows or unpacked(bytes(content)) == unpacked(packed(RECORDING))


@given(data=st.lists(st.binary(max_size=200), max_size=5))
def test_any_bytes_at_all_never_raise(data: list[bytes]) -> None:
    framed = [b'1722513600000000000 {"stream":"btcusdt@depth","data":' + chunk for chunk in data]

    for content in (b"".join(data), packed(data), packed(framed)):
        assert read(content).orderbook.rows.num_rows == 0
