"""The work covers all that the batch graph can make of its days."""

from __future__ import annotations

from datetime import date

from crypto_assets.runs.events import Order
from crypto_assets.runs.stages import ARCHIVE, FORECAST
from crypto_assets.schemas import BRONZE, SILVER
from proof.crash.work import Extent, plan_work

THREE = Extent(("BTCUSDT", "ETHUSDT", "BNBUSDT"), 3)


def test_the_work_is_the_whole_batch_graph() -> None:
    names = [unit.name for unit in plan_work(THREE)]
    assert len(set(names)) == len(names) == 45
    for name in ("trades BNBUSDT", "seconds ETHUSDT", "speed", "warehouse", "share", "promotion BTCUSDT"):
        assert name in names


def test_every_dataset_of_a_symbol_is_made() -> None:
    orders = [unit.task for unit in plan_work(THREE) if isinstance(unit.task, Order)]
    named = {asset for order in orders for asset in order.assets}
    assert {dataset.name for dataset in (*BRONZE, *SILVER)} | {"gold_features", *ARCHIVE, *FORECAST} <= named
    assert {order.job for order in orders if not order.assets} == {"speed", "warehouse", "share"}


def test_a_model_has_not_seen_the_last_day() -> None:
    assert THREE.all_days == (date(2024, 8, 6), date(2024, 8, 7), date(2024, 8, 8))
    assert THREE.model_day == date(2024, 8, 7)
    assert Extent(("BTCUSDT",), 1).model_day == date(2024, 8, 8)
