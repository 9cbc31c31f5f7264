"""What Spark's workers make of messages, and what its sums become, without Spark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from crypto_assets.share.live_rows import minute_facts, sort_out_trades
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import encode, fingerprint
from crypto_assets.warehouse.tables import FACT_TRADES

START = datetime(2025, 9, 10, tzinfo=UTC)
END = START + timedelta(days=1)
MOMENT = timedelta(microseconds=1)


def trade(number: int = 7, at: datetime = START, **changes: Any) -> bytes:
    fields = {"symbol": "BTCUSDT", "trade_id": number, "trade_time": at, "price": "0.00000003", "quantity": "0.5"}
    about = {"event_time": at, "received_at": at, "connection": "a", "sequence": 0, "source": "live"}
    return encode("trades", {**fields, "is_buyer_maker": False, **about, **changes})


def sorted_out(*values: bytes | None) -> list[dict[str, Any]]:
    count = len(values)
    batch = pa.RecordBatch.from_pydict(
        {
            "topic": ["simulator-7.trades"] * count,
            "partition": [0] * count,
            "offset": list(range(count)),
            "timestamp_us": [to_us(START)] * count,
            "value": pa.array(values, pa.binary()),
            "fingerprint": pa.array([fingerprint("trades")] * count, pa.binary()),
        }
    )
    (rows,) = sort_out_trades([batch], start_us=to_us(START), end_us=to_us(END))
    return rows.to_pylist()


def test_a_trade_keeps_every_digit_of_what_it_cost() -> None:
    (row,) = sorted_out(trade(price="99999999.99999999", quantity="0.00000001"))
    assert (row["verdict"], row["symbol"], row["trade_id"], row["trade_time"]) == ("trade", "BTCUSDT", 7, START)
    assert row["value"] == Decimal("0.9999999999999999")


@pytest.mark.parametrize(("is_buyer_maker", "bought"), [(True, Decimal(0)), (False, Decimal("0.5"))])
def test_what_takers_bought_is_the_quantity_unless_the_buyer_made_the_price(
    is_buyer_maker: bool, bought: Decimal
) -> None:
    (row,) = sorted_out(trade(is_buyer_maker=is_buyer_maker))
    assert row["bought"] == bought


@pytest.mark.parametrize(
    ("at", "verdict"),
    [(START - MOMENT, "outside"), (START, "trade"), (END - MOMENT, "trade"), (END, "outside")],
)
def test_a_day_is_half_open(at: datetime, verdict: str) -> None:
    assert sorted_out(trade(at=at))[0]["verdict"] == verdict


@pytest.mark.parametrize(
    "value", [None, b"", b"no Avro", trade(price="0"), trade(quantity="0"), trade(price="x"), trade(price="-1")]
)
def test_a_message_that_says_no_trade_is_a_row_without_one_and_costs_no_other(value: bytes | None) -> None:
    before, bad, after = sorted_out(trade(1), value, trade(2))
    assert [row["trade_id"] for row in (before, after)] == [1, 2]
    assert {name for name, given in bad.items() if given is not None} == {"verdict"}
    assert bad["verdict"] == "unusable"


def sums(rows: Sequence[tuple[str, int, str, str, str, int]]) -> pa.Table:
    """Sums of minutes: symbol, minute, prices, value, quantity, trades."""
    return pa.Table.from_pylist(
        [
            {
                **dict.fromkeys(("open_price", "max_price", "min_price", "close_price"), Decimal(1)),
                "symbol": symbol,
                "trade_minute": START + timedelta(minutes=minute),
                "prices": Decimal(prices),
                "total_trade_value": Decimal(value),
                "total_quantity": Decimal(quantity),
                "trade_count": count,
                "taker_buy_quantity": Decimal(0),
            }
            for symbol, minute, prices, value, quantity, count in rows
        ]
    )


def test_quotients_of_a_minute_are_rounded_once_half_to_even() -> None:
    (row,) = minute_facts(sums([("BTCUSDT", 0, "2.00000000", "1.0000000000000001", "3", 3)])).to_pylist()
    scale = FACT_TRADES.schema.field("avg_price").type.scale
    third = Decimal(1).scaleb(-scale)
    assert row["avg_price"] == (Decimal(2) / Decimal(3)).quantize(third)
    assert row["vwap"] == (Decimal("1.0000000000000001") / Decimal(3)).quantize(third)


def test_facts_lie_by_symbol_and_minute_without_a_zone() -> None:
    minutes = [("ETHUSDT", 0), ("BTCUSDT", 2), ("BTCUSDT", 1)]
    table = minute_facts(sums([(symbol, minute, "1", "1", "1", 1) for symbol, minute in minutes]))
    assert table.schema == FACT_TRADES.schema
    plain = START.replace(tzinfo=None)
    assert list(zip(table["symbol"].to_pylist(), table["trade_minute"].to_pylist(), strict=True)) == [
        ("BTCUSDT", plain + timedelta(minutes=1)),
        ("BTCUSDT", plain + timedelta(minutes=2)),
        ("ETHUSDT", plain),
    ]
