"""What is not compared is named once, each with its reason, and nothing beside it is passed over."""

from __future__ import annotations

import pyarrow as pa

from proof.crash.documents import document
from proof.crash.wall_clock import EXEMPTIONS, compared, place_of


def test_every_exemption_has_a_reason_and_names_no_whole_table() -> None:
    assert all(len(each.reason) > 20 for each in EXEMPTIONS)
    assert [each.places for each in EXEMPTIONS if "*" in each.names] == ["hidden"]


def test_columns_and_fields_of_the_wall_clock_are_left_out() -> None:
    rows = pa.table({"trade_id": [1], "received_at": ["now"]})
    assert compared("postgres/public.trades", rows).schema.names == ["trade_id"]
    assert compared("lake/silver/a.parquet", rows).schema.names == ["trade_id", "received_at"]
    card = document([("card.json.made_at", "now"), ("card.json.rows", "3")])
    path = "lake/ckpts/symbol=BTCUSDT/date=2024-08-07/lstm_checkpoint.keras"
    assert compared(path, card).to_pydict() == {"name": ["card.json.rows"], "value": ["3"]}


def test_a_promoted_model_is_named_without_the_sum_of_its_file() -> None:
    folder = "lake/ckpts/symbol=BTCUSDT/promoted/BTCUSDT-2024-08-07-0123456789ab"
    assert place_of(f"{folder}-ba9876543210.keras") == f"{folder}-<sum>.keras"
    assert place_of("lake/a-ba9876543210.keras") == "lake/a-ba9876543210.keras"
