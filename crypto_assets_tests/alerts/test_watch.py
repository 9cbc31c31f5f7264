"""Each rule tells of a fault that is caused for real, and of its end."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from filelock import FileLock

from crypto_assets.alerts.store import ledger_file
from crypto_assets.endpoints import redis_url
from crypto_assets.errors import AlertsError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, predictions_of, realised
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import day_span, to_us
from crypto_assets.stream.health import PROGRAMS
from crypto_assets_tests.alerts.hook import Hook
from crypto_assets_tests.alerts.watched import MINUTE, SYMBOL, Hearts, Platform, hearts, log, platform
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.small_predictions import only_a_card
from crypto_assets_tests.health.small_lake import gold, put_bronze, put_silver
from resources.services.manager import Services

RSI = "rsi_14_1m"


def streaming(folder: Path, hook: Hook, redis: str) -> Platform:
    """A platform whose market stream is meant to run; no other test sees its heartbeats."""
    return platform(
        folder,
        hook,
        redis_url=redis,
        kafka_bootstrap_servers="127.0.0.1:1",
        postgres_url="postgresql://nobody@127.0.0.1:1/none",
        simulator_seed=random.SystemRandom().getrandbits(40),
    )


@pytest.fixture
def quiet(tmp_path: Path, hook: Hook) -> Platform:
    """A platform of which nothing runs."""
    return platform(tmp_path, hook)


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def beating(tmp_path: Path, hook: Hook, redis_server: str) -> Iterator[Hearts]:
    """Collector, processor and forecaster, which live."""
    with hearts(streaming(tmp_path, hook, redis_server)) as started:
        started.start("collector")
        started.start("processor", "forecaster")
        yield started


def test_a_collector_that_is_killed_is_told_and_its_return_is(beating: Hearts) -> None:
    watched = beating.platform
    beating.move(MINUTE)
    assert watched.told() == []
    beating.kill("collector")
    for _ in range(3):
        beating.move(MINUTE)
    assert watched.told() == ["CRITICAL: the collector does not work"]
    assert "said nothing for" in watched.hook.texts[0]
    beating.start("collector")
    for _ in range(4):
        beating.move(MINUTE)
    assert watched.told() == ["RESOLVED: the collector does not work"]


def test_a_stream_that_is_silent_is_told_and_all_of_them_are_one_cause(beating: Hearts) -> None:
    watched = beating.platform
    beating.silent = ("BTCUSDT",)
    for _ in range(3):
        beating.move(MINUTE)
    assert set(watched.told()) == {"WARNING: trades of BTCUSDT is silent"}
    beating.silent = ()
    for _ in range(4):
        beating.move(MINUTE)
    assert set(watched.told()) == {"RESOLVED: trades of BTCUSDT is silent"}
    beating.silent = ("BTCUSDT", "ETHUSDT")
    for _ in range(3):
        beating.move(MINUTE)
    assert watched.open_keys() == {f"stream/{program}" for program in PROGRAMS}


def test_a_redis_that_is_down_resolves_nothing_and_is_told_itself(
    tmp_path: Path, hook: Hook, make_services: Callable[..., Services]
) -> None:
    services = make_services(tmp_path / "services")
    services.start(["redis"])
    with hearts(streaming(tmp_path / "platform", hook, redis_url(services.settings))) as beating:
        watched = beating.platform
        watched.settings.data_dir.mkdir()
        beating.start("processor", "forecaster")
        for _ in range(5):
            beating.move(MINUTE)
        assert watched.told() == ["CRITICAL: the collector does not work"]

        services.kill("redis")
        for _ in range(5):
            watched.look(after=MINUTE)
        assert watched.told() == ["CRITICAL: redis cannot be watched"]
        assert watched.open_keys() == {"stream/collector", "unwatched/redis"}

        services.start(["redis"])
        for _ in range(5):
            beating.move(MINUTE)
        assert watched.told() == ["RESOLVED: redis cannot be watched"]
        assert watched.open_keys() == {"stream/collector"}


def test_a_platform_that_was_taken_down_misses_no_stream(quiet: Platform) -> None:
    put_bronze(quiet.lake, range(10), day=quiet.day)
    quiet.looks(30, every=10)
    assert quiet.told() == []


def test_bronze_that_gets_no_file_is_told_and_the_next_file_ends_it(
    tmp_path: Path, hook: Hook, redis_server: str
) -> None:
    watched = streaming(tmp_path, hook, redis_server)
    put_bronze(watched.lake, range(5), day=watched.now.date())
    watched.look()
    manifest = watched.lake.files.local_path(
        f"{BRONZE_KLINES['1m'].partition_path(SYMBOL, watched.now.date())}/{MANIFEST_FILE}"
    )
    assert manifest is not None
    before = (watched.now - 9 * MINUTE).timestamp()
    os.utime(manifest, (before, before))
    watched.look()
    assert "bronze/all" not in {one.key for one in watched.look().open_alerts}
    watched.looks(3)
    assert "CRITICAL: no new bronze of all symbols" in watched.told()

    put_bronze(watched.lake, range(7), day=watched.now.date())
    watched.look()
    assert "RESOLVED: no new bronze of all symbols" in watched.told()


def test_silver_with_minutes_missing_is_told_until_it_is_repaired_and_a_halt_never(quiet: Platform) -> None:
    day, before = quiet.day, quiet.day - timedelta(days=1)
    noon = day_span(before).start + timedelta(hours=12)
    put_silver(quiet.lake, day=day, minutes=range(10, 1_440))
    put_silver(
        quiet.lake,
        day=before,
        minutes=[n for n in range(1_440) if not 720 <= n < 780],
        halts=[(noon, noon + timedelta(hours=1))],
    )
    put_bronze(quiet.lake, range(5), day=day - timedelta(days=2))
    quiet.look()
    assert quiet.told() == []
    quiet.looks(40, every=10)
    assert sorted(quiet.told()) == [
        f"WARNING: silver of BTCUSDT on {day - timedelta(days=2)} is never made",
        f"WARNING: silver of BTCUSDT on {day} is 99.31 % complete",
    ]
    for each in (day, day - timedelta(days=2)):
        put_silver(quiet.lake, day=each, minutes=range(1, 1_440))
    quiet.looks(10, every=5)
    assert sorted(one.partition(":")[0] for one in quiet.told()) == ["RESOLVED", "RESOLVED"]


def test_gold_with_a_nan_or_a_value_out_of_range_is_told_until_it_is_made_again(quiet: Platform) -> None:
    day, before = quiet.day, quiet.day - timedelta(days=1)
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, day, gold(rows=3, columns={RSI: [50.0, np.nan, 50.0]}))
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, before, gold(rows=3, columns={RSI: [50.0, 101.0, 50.0]}))
    quiet.look()
    assert sorted(quiet.told()) == [
        f"CRITICAL: features of BTCUSDT on {each} have values that must not be" for each in (before, day)
    ]
    assert RSI in quiet.hook.texts[0]
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, day, gold(rows=3))
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, before, gold(rows=3))
    quiet.looks(10, every=5)
    assert len(quiet.told()) == 2
    assert quiet.open_keys() == set()


def test_a_damaged_file_is_told_beside_days_that_can_be_read(quiet: Platform) -> None:
    day, before = quiet.day, quiet.day - timedelta(days=1)
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, before, gold(rows=3))
    quiet.lake.files.publish(GOLD_FEATURES.partition_path(SYMBOL, day), b"no parquet")
    quiet.look()
    assert quiet.told() == [f"CRITICAL: gold_features of BTCUSDT on {day} cannot be read"]
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, day, gold(rows=3))
    quiet.looks(10, every=5)
    assert quiet.open_keys() == set()


def test_a_lake_that_cannot_be_read_is_told_once_and_hides_no_alert(quiet: Platform, tmp_path: Path) -> None:
    quiet.lake.publish(GOLD_FEATURES, SYMBOL, quiet.day, gold(rows=3, columns={RSI: [50.0, np.nan, 50.0]}))
    quiet.look()
    quiet.told()
    (tmp_path / "lake").rename(tmp_path / "moved")
    (tmp_path / "lake").write_text("a file where a folder is needed")
    quiet.looks(10)
    assert quiet.told() == ["CRITICAL: lake cannot be watched"]
    assert quiet.open_keys() == {f"gold/{SYMBOL}/{quiet.day}", "unwatched/lake"}
    (tmp_path / "lake").unlink()
    (tmp_path / "moved").rename(tmp_path / "lake")
    quiet.looks(10)
    assert quiet.told() == ["RESOLVED: lake cannot be watched"]


def test_a_run_that_fails_is_told_until_one_of_the_same_day_succeeds(
    tmp_path: Path, hook: Hook, instance: dg.DagsterInstance
) -> None:
    mended = tmp_path / "mended"

    @dg.op
    def convert() -> None:
        if not mended.exists():
            raise dg.Failure("bronze lacks 37 minutes. Materialise it first.", allow_retries=False)

    @dg.job
    def conversion() -> None:
        convert()

    def run(day: str) -> None:
        conversion.execute_in_process(instance=instance, tags={"dagster/partition": day}, raise_on_error=False)

    watched = platform(tmp_path, hook, instance=instance)
    run("2026-01-01|BTCUSDT")
    run("2026-01-01|BTCUSDT")
    watched.look()
    assert watched.told() == ["WARNING: run of conversion of 2026-01-01|BTCUSDT failed"]
    assert "bronze lacks 37 minutes. Materialise it first. 2 runs of it failed." in watched.hook.texts[0]
    assert f"{watched.settings.dagster_url}/runs/" in watched.hook.texts[0]
    mended.touch()
    run("2026-01-02|BTCUSDT")
    watched.looks(5)
    assert watched.told() == []
    run("2026-01-01|BTCUSDT")
    watched.look()
    assert watched.told() == ["RESOLVED: run of conversion of 2026-01-01|BTCUSDT failed"]


def test_a_check_that_does_not_pass_is_told_until_it_does(
    tmp_path: Path, hook: Hook, instance: dg.DagsterInstance
) -> None:
    right = tmp_path / "right"

    @dg.asset
    def price() -> None: ...

    @dg.asset_check(asset=price)
    def is_positive() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=right.exists(), description="-3 of 5 prices.")

    watched = platform(tmp_path, hook, instance=instance)
    dg.materialize([price, is_positive], instance=instance)
    watched.look()
    assert watched.told() == ["WARNING: check is_positive of price does not pass"]
    right.touch()
    dg.materialize([price, is_positive], instance=instance)
    watched.looks(10, every=5)
    assert watched.told() == ["RESOLVED: check is_positive of price does not pass"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_nearly_full_is_told_until_there_is_space(
    small_disk: Path, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    watched = platform(small_disk, hook)
    watched.look()
    assert watched.told() == []
    (small_disk / "ballast").write_bytes(bytes(7_700_000))
    watched.looks(2)
    assert watched.told() == ["CRITICAL: the disk of DATA_DIR is nearly full"]
    assert "of 0.01 GB are free" in watched.hook.texts[0]

    caplog.clear()
    fill(small_disk / "more ballast")
    with pytest.raises(AlertsError, match=r"cannot be (opened|written)"):
        watched.looks(1_000)
    assert "the disk of DATA_DIR is nearly full" in caplog.text

    for ballast in small_disk.glob("*ballast"):
        ballast.unlink()
    watched.looks(4)
    assert watched.told() == ["RESOLVED: the disk of DATA_DIR is nearly full"]


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4_096))


def publish_forecasts(
    lake: Lake, watched: Platform, *, model_id: str, knows: float, noise: float, promoted_at: datetime | None = None
) -> None:
    """A day of forecasts of a minute, and what came: a share of it known, and noise beside.

    The model was promoted as the day began, unless said otherwise.
    """
    card, rng = small_card(), np.random.default_rng(5)
    moves = rng.normal(0, 1e-4, 1_442)
    as_of_us = to_us(day_span(watched.day).start) + 60_000_000 * np.arange(1_442)
    close = 100 * np.exp(np.cumsum(moves))
    said = knows * moves[1:1_441] + rng.normal(0, noise, 1_440)
    horizons = np.stack([said, np.zeros(1_440)], axis=1)
    made = predictions_of(
        card,
        as_of_us=as_of_us[:1_440],
        price=close[:1_440],
        forecasts=horizons,
        promoted_at=promoted_at or day_span(watched.day).start,
    )
    made = realised(made, as_of_us=as_of_us, close=close)
    place = made.schema.get_field_index("model_id")
    made = made.set_column(place, made.schema.field(place), [[model_id] * made.num_rows])
    lake.publish(LSTM_PREDICTIONS, SYMBOL, watched.day, made)


def test_a_model_that_lost_its_skill_is_told_until_its_forecasts_are_worth_something(quiet: Platform) -> None:
    model = only_a_card(small_card())
    Promotions(quiet.settings.checkpoints).promote(model.card, model.content, verdict="good", now=quiet.now)
    publish_forecasts(quiet.lake, quiet, model_id=model.card.model_id, knows=0.0, noise=1e-4)
    quiet.look()
    assert quiet.told() == ["WARNING: the model of BTCUSDT has lost its skill"]
    assert "worse than saying that the price stays" in quiet.hook.texts[0]
    publish_forecasts(quiet.lake, quiet, model_id=model.card.model_id, knows=0.5, noise=1e-6)
    quiet.looks(10, every=5)
    assert quiet.told() == ["RESOLVED: the model of BTCUSDT has lost its skill"]
    publish_forecasts(quiet.lake, quiet, model_id="a former model", knows=0.0, noise=1e-4)
    quiet.looks(10, every=5)
    assert quiet.told() == []
    backcast = day_span(quiet.day).end
    publish_forecasts(quiet.lake, quiet, model_id=model.card.model_id, knows=0.0, noise=1e-4, promoted_at=backcast)
    quiet.looks(10, every=5)
    assert quiet.told() == []


def test_a_service_that_is_revived_again_and_again_is_told_until_it_stays(
    hook: Hook, make_services: Callable[..., Services], tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    watched = platform(tmp_path, hook)
    services.start(["redis"])
    watched.look()
    for _ in range(3):
        assert watched.told() == []
        services.kill("redis")
        services.revive(["redis"])
        watched.look(after=MINUTE)
    assert watched.told() == ["CRITICAL: redis is started again and again"]
    services.start(["redis"])
    watched.looks(40, every=10)
    assert watched.told() == ["RESOLVED: redis is started again and again"]


def test_two_programs_never_look_at_once(quiet: Platform) -> None:
    quiet.look()
    with FileLock(ledger_file(quiet.settings.data_dir).with_name("look.lock")):
        assert quiet.watch.look(instance=lambda: None, log=log, now=datetime.now(UTC)) is None
    quiet.look()
