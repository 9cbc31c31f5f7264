"""What the demo materialises."""

from __future__ import annotations

from datetime import date

from crypto_assets.demo.plan import plan_stages, symbols_of_demo


def test_the_demo_ends_with_the_last_complete_day() -> None:
    lead_in, everything = plan_stages(days=3, today=date(2024, 8, 10))
    assert everything.days == (date(2024, 8, 7), date(2024, 8, 8), date(2024, 8, 9))
    assert lead_in.days == (date(2024, 8, 3), date(2024, 8, 4), date(2024, 8, 5), date(2024, 8, 6))


def test_the_lead_in_has_candles_only() -> None:
    lead_in, everything = plan_stages(days=1, today=date(2024, 8, 10))
    assert set(lead_in.assets) == {
        f"{layer}_klines_{tf}" for layer in ("bronze", "silver") for tf in ("1m", "5m", "15m")
    }
    assert {"bronze_orderbook", "silver_perpetual", "gold_features"} <= set(everything.assets)


def test_partitions_are_assets_times_days() -> None:
    lead_in, everything = plan_stages(days=2, today=date(2024, 8, 10))
    assert lead_in.partitions == 6 * 4
    assert everything.partitions == len(everything.assets) * 2


def test_the_demo_takes_three_symbols_and_fewer_where_there_are_fewer() -> None:
    assert symbols_of_demo(("A", "B", "C", "D")) == ("A", "B", "C")
    assert symbols_of_demo(("A",)) == ("A",)
