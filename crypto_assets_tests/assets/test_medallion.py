"""From the exchange to features, over a range and by single days."""

from __future__ import annotations

import dagster as dg
import pyarrow.compute as pc
import pytest

from crypto_assets.cleaning.gaps import gaps_from_json
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.schemas import BRONZE, BRONZE_TRADES, FLAGS, SILVER, SILVER_KLINES
from crypto_assets_tests.assets.small_exchange import SmallPlatform, day, failures, time

FiveDays = tuple[SmallPlatform, dg.ExecuteInProcessResult]
EVERYTHING = {d.name for d in (*BRONZE, *SILVER, GOLD_FEATURES)} - {BRONZE_TRADES.name}
KLINES_1M = ("bronze_klines_1m", "silver_klines_1m")


def test_one_run_fills_every_layer_of_the_range(five_days: FiveDays) -> None:
    platform, result = five_days

    assert result.success, failures(result)
    keys = {day(n).key for n in range(1, 6)}
    assert {asset: platform.materialized(asset) for asset in EVERYTHING} == dict.fromkeys(EVERYTHING, keys)
    assert not platform.materialized(BRONZE_TRADES.name)


def test_a_silver_day_is_described_for_people(five_days: FiveDays) -> None:
    metadata = five_days[0].metadata("silver_klines_1m", day(3))

    assert metadata["dagster/row_count"] == 1440
    assert metadata["present_percent"] == 100.0
    assert metadata["slots_present"] == 1440
    assert metadata["step_8_flag_rows_out"] == 1440
    assert metadata["gap_minutes"] == 0
    for picture in ("coverage", "candles"):
        assert metadata[picture].startswith("![")
        assert "data:image/png;base64," in metadata[picture]
        assert len(metadata[picture]) < 20_000


def test_longer_candles_are_derived_where_the_exchange_sent_none(five_days: FiveDays) -> None:
    for timeframe, count in (("5m", 288), ("15m", 96)):
        klines = five_days[0].lake.lake.read(SILVER_KLINES[timeframe], "BTCUSDT", day(2).day)
        assert klines is not None
        assert klines.num_rows == count
        assert set((klines["flags"].to_numpy() & FLAGS["derived"]).tolist()) == {FLAGS["derived"]}


def test_gold_is_warm_once_four_days_lie_before_it(five_days: FiveDays) -> None:
    warm = [five_days[0].metadata("gold_features", day(n))["rows_warm"] for n in (1, 5)]
    assert warm == [0, 1440]


def test_gold_has_no_book_where_none_was_captured(five_days: FiveDays) -> None:
    platform, _ = five_days
    gold = platform.lake.lake.read(GOLD_FEATURES, "BTCUSDT", day(5).day)
    assert gold is not None
    assert not pc.any(gold["orderbook_present"]).as_py()
    assert gold["spread_bps"].null_count == 1440
    assert gold["funding_rate"].null_count == 0


def test_a_day_by_itself_is_the_same_as_in_a_range(five_days: FiveDays, platform: SmallPlatform) -> None:
    for number in (1, 2, 3):
        assert platform.run(day(number)).success

    for dataset in (*SILVER, GOLD_FEATURES):
        for number in (1, 2, 3):
            single, ranged = (p.lake.lake.read(dataset, "BTCUSDT", day(number).day) for p in (platform, five_days[0]))
            assert single is not None
            assert single.equals(ranged), f"{dataset.name} {number}"


def test_a_repeat_changes_nothing(five_days: FiveDays) -> None:
    platform, _ = five_days
    names = ("silver_klines_1m", "silver_klines_5m", "silver_orderbook", "silver_perpetual", "gold_features")
    before = [platform.metadata(name, day(4)) for name in names]

    assert platform.run(day(4), day(5), assets=names).success

    after = [platform.metadata(name, day(4)) for name in names]
    assert [m["changed"] for m in after] == [False] * len(names)
    assert [m["dagster/row_count"] for m in after] == [m["dagster/row_count"] for m in before]


def test_a_gap_over_midnight_is_one_interval_seen_from_both_days(platform: SmallPlatform) -> None:
    platform.rest.holes = [(time(1, 22), time(3, 2))]
    assert platform.run(day(1), assets=KLINES_1M).success
    assert not platform.run(day(2), assets=KLINES_1M).success  # the exchange has no candle of that day
    assert platform.run(day(3), assets=KLINES_1M).success
    assert platform.run(day(1), day(1), assets=["silver_klines_1m"]).success

    for number in (1, 3):
        stored = platform.lake.lake.outline(SILVER_KLINES["1m"], "BTCUSDT", day(number).day)
        assert stored is not None
        (gap,) = gaps_from_json(stored.notes["gaps"])
        assert (gap.start, gap.end) == (time(1, 22), time(3, 2))
    assert platform.metadata("silver_klines_1m", day(3))["gap_minutes"] == 120


def test_a_single_missing_minute_at_midnight_is_interpolated_from_the_day_before(platform: SmallPlatform) -> None:
    platform.rest.holes = [(time(2), time(2, 0, 1))]

    assert platform.run(day(1), day(2), assets=KLINES_1M).success

    assert platform.metadata("silver_klines_1m", day(2))["slots_filled"] == 1


@pytest.mark.parametrize(
    ("asset", "missing"),
    [
        ("silver_klines_1m", "bronze_klines_1m"),
        ("silver_orderbook", "bronze_orderbook"),
        ("silver_perpetual", "bronze_funding_rate"),
        ("gold_features", "silver_klines_1m"),
    ],
)
def test_an_input_that_was_never_made_is_named_with_the_command_that_makes_it(
    platform: SmallPlatform, asset: str, missing: str
) -> None:
    result = platform.run(day(2), assets=[asset])

    (sentence,) = failures(result).values()
    assert f"{asset} 2024-08-02 BTCUSDT: {missing} was never materialised for this day" in sentence
    assert f"--select {missing} --partition '2024-08-02|BTCUSDT'" in sentence


def test_no_candle_anywhere_fails_and_says_who_was_asked(platform: SmallPlatform) -> None:
    platform.rest.holes = [(time(1), time(2))]

    result = platform.run(day(1), assets=["bronze_klines_1m"])

    (sentence,) = failures(result).values()
    assert "no source has a row of this day" in sentence
    assert "archive: BTCUSDT-1m-2024-08-01.zip is not published" in sentence
    assert "rest: asked for" in sentence


def test_a_dataset_without_rows_is_a_partition_and_a_warning(five_days: FiveDays) -> None:
    platform, result = five_days

    assert platform.metadata("bronze_orderbook", day(1))["dagster/row_count"] == 0
    warnings = [entry.user_message for entry in platform.instance.all_logs(result.run_id) if entry.level == 30]
    assert any("bronze_orderbook: 5 of 5 days want a look. 2024-08-01 BTCUSDT:" in message for message in warnings)
