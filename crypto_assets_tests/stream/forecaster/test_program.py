"""The forecaster as a process on real Kafka, Redis and PostgreSQL, with models that TensorFlow fitted."""

from __future__ import annotations

import io
import random
import signal
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest

from crypto_assets.forecast.card import ModelCard, encode_card
from crypto_assets.forecast.card_making import Origin, make_card
from crypto_assets.forecast.checkpoint import CARD_MEMBER, load_checkpoint, write_checkpoint
from crypto_assets.forecast.training_sets_days import read_rows
from crypto_assets.postgres.connection import connect
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.latest import prediction_key
from crypto_assets.stream.heartbeat import Heartbeat
from crypto_assets_tests.databases import fetch
from crypto_assets_tests.forecast.small_networks import signal as lesson
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.metrics.pages import declared_of, told_by
from crypto_assets_tests.stream.forecaster.harness import SOON_S, START_S, Market, Program
from crypto_assets_tests.stream.forecaster.market import DAY, batch, candles, days_until, moment
from crypto_assets_tests.waiting import wait_for

pytestmark = pytest.mark.timeout(600)

BTC, ETH = "BTCUSDT", "ETHUSDT"
HORIZONS = [60, 300]


@pytest.fixture(scope="module")
def market(kafka: str, redis_server: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Market:
    exchange = f"simulator-{random.randint(10**6, 10**9)}"
    made = Market(
        exchange,
        tmp_path_factory.mktemp("forecaster"),
        candles(),
        symbols=(BTC, ETH),
        kafka=kafka,
        redis_server=redis_server,
        postgres=postgres,
    )
    made.fill_lake()
    return made


@pytest.fixture(scope="module")
def model(market: Market) -> tuple[bytes, ModelCard]:
    """A model of BTCUSDT that was fitted on a market of this exchange."""
    taught = lesson(rows=1_500)
    network = taught.train()
    origin = Origin(market.exchange, date(2026, 11, 10), "ab" * 32, {})
    made = make_card(network, taught.table, taught.samples, taught.split, origin=origin, now=datetime.now(UTC))
    return write_checkpoint(network, made), made


@pytest.fixture(scope="module")
def program(market: Market) -> Iterator[Program]:
    made = Program(market)
    yield made
    if made.child is not None and made.child.poll() is None:
        made.end(signal.SIGKILL)


@pytest.fixture
def running(program: Program) -> Program:
    """The module's forecaster, started again where a test has ended it."""
    program.start()
    return program


def beat_of(market: Market) -> Heartbeat:
    beat = market.beat()
    assert beat is not None
    return beat


def await_state(market: Market, state: str, *, symbol: str = BTC, minute: int | None = None) -> dict[str, str]:
    """What Redis says once it says this, of the candle that closed at a minute where one is given."""
    as_of = None if minute is None else str(to_us(moment(minute)))
    return wait_for(
        lambda: market.latest(symbol),
        until=lambda said: said.get("state") == state and as_of in (None, said["as_of_us"]),
        deadline_s=SOON_S,
    )


def foretold(market: Market, *, symbol: str = BTC) -> list[tuple[Any, ...]]:
    return [row[:2] for row in market.rows(symbol)]


def test_without_topics_and_models_it_waits_lightly_and_is_well(running: Program, market: Market) -> None:
    beat = wait_for(
        lambda: beat_of(market), until=lambda beat: "which the collector makes" in beat.detail, deadline_s=SOON_S
    )
    assert (beat.state, beat.program) == ("running", "forecaster")
    market.make_topics()
    wait_for(lambda: beat_of(market).detail, until=lambda detail: "no model is promoted" in detail, deadline_s=SOON_S)
    market.close(1)
    said = await_state(market, "no promoted model", minute=1)
    assert said["detail"] == "no model is promoted, so nothing is foretold: materialise the job forecast"
    assert said["notice"] == f"Simulated market ({market.exchange}). Not financial advice."
    assert "predicted_price_60" not in said
    assert market.rows(BTC) == []
    assert running.child is not None
    assert "tensorflow" not in Path(f"/proc/{running.child.pid}/maps").read_text()


def test_a_model_that_is_promoted_is_taken_up_and_foretells_the_next_candle_everywhere(
    running: Program, market: Market, model: tuple[bytes, ModelCard]
) -> None:
    content, card = model
    market.promote(content, card)
    await_state(market, "waits for a candle")
    as_of = market.close(2)
    said = await_state(market, "predicted", minute=2)
    rows = market.rows(BTC)
    messages = market.published(BTC)
    assert [(row[0], row[1], row[2]) for row in rows] == [(as_of, horizon, card.model_id) for horizon in HORIZONS]
    assert [message["horizon_s"] for message in messages] == HORIZONS
    for row, message, horizon in zip(rows, messages, HORIZONS, strict=True):
        assert message["target_time"] == row[4] == as_of + timedelta(seconds=horizon)
        assert [message[name] for name in ("price", "predicted_return", "low", "high")] == list(row[5:9])
        assert [float(said[f"{name}_{horizon}"]) for name in ("predicted_return", "low", "high")] == list(row[6:9])
        assert message["low"] < message["predicted_price"] < message["high"]
        assert message["known_at"] == row[3]
        assert message["is_simulated"] is row[10] is True
        assert message["notice"] == row[9] == said["notice"]
        assert "Not financial advice" in row[9]
    assert said["model_id"] == card.model_id
    assert await_state(market, "no promoted model", symbol=ETH, minute=2)
    assert market.rows(ETH) == []


def test_a_candle_that_comes_twice_or_late_is_foretold_once(running: Program, market: Market) -> None:
    for minute in (3, 5, 3, 4, 5, 5):
        market.close(minute)
    await_state(market, "predicted", minute=5)
    market.close(6)
    await_state(market, "predicted", minute=6)
    assert {as_of for as_of, _ in foretold(market)} == {moment(minute) for minute in range(2, 7)}
    assert len(foretold(market)) == len(set(foretold(market)))
    named = [(said["as_of"], said["horizon_s"], said["model_id"]) for said in market.published(BTC)]
    assert len(named) == len(set(named))


def test_what_a_batch_would_foretell_is_what_live_foretold(
    running: Program, market: Market, model: tuple[bytes, ModelCard]
) -> None:
    for minute in range(7, 16):
        market.close(minute)
    await_state(market, "predicted", minute=15)
    lake = batch(market.folder / "batch", market.candles, gold=days_until(DAY, 2))
    checkpoint = load_checkpoint(model[0])
    table = read_rows(lake, BTC, days_until(DAY, 2), source="gold_features", features=checkpoint.card.features).table
    rows = [row for row in market.rows(BTC) if row[0] != moment(5)]  # that one did not know the minute before it
    at = np.searchsorted(table.as_of_us, [to_us(row[0]) for row in rows])
    expected = checkpoint.predict(table, at)[np.arange(len(rows)), [HORIZONS.index(row[1]) for row in rows]]
    assert len(rows) > 10
    assert np.allclose([row[6] for row in rows], expected, rtol=1e-6, atol=1e-10)
    assert [row[5] for row in rows] == table.close[at].tolist()


def test_a_gap_in_the_window_is_no_prediction_and_is_named(running: Program, market: Market) -> None:
    market.close(18)  # 16 and 17 never come
    said = await_state(market, "gap", minute=18)
    assert "candles from 00:15 to 00:17 are missing" in said["detail"]
    assert "predicted_price_60" not in said
    assert "00:15 to 00:17" in wait_for(
        lambda: beat_of(market).detail, until=lambda detail: "missing" in detail, deadline_s=SOON_S
    )
    for minute in range(16, 18):
        market.close(minute)  # a repair
    market.close(19)
    await_state(market, "predicted", minute=19)


def test_killed_between_writes_and_commit_it_loses_and_doubles_nothing(running: Program, market: Market) -> None:
    with closing(connect(market.postgres)) as blocker, blocker.cursor() as cursor:
        cursor.execute("LOCK TABLE predictions IN SHARE MODE")  # the next candle is read and cannot be written
        market.close(20)
        wait_for(lambda: waits_for_lock(market.postgres), until=bool, deadline_s=SOON_S)
        running.end(signal.SIGKILL)
    market.close(21)
    running.start()
    await_state(market, "predicted", minute=21)
    wanted = [(moment(20), 300), (moment(21), 60), (moment(21), 300)]
    assert foretold(market)[-3:] == wanted
    before = market.rows(BTC)
    running.end(signal.SIGKILL)
    market.forget(messages=4)  # as if it had been killed after the writes, before the commit
    running.start()
    market.close(22)
    await_state(market, "predicted", minute=22)
    after = market.rows(BTC)
    assert after[: len(before)] == before, "rows that were there stay as they were first written"
    messages = market.published(BTC)
    copies: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for message in messages:
        copies.setdefault((message["as_of"], message["horizon_s"], message["model_id"]), []).append(message)
    assert len(copies) < len(messages), "Kafka has them again"
    assert all(copy == said[0] for said in copies.values() for copy in said), "a copy says the same"
    assert set(copies) == {row[:3] for row in after}


def test_another_model_takes_over_without_a_restart_and_one_that_cannot_be_served_is_refused(
    running: Program, market: Market, model: tuple[bytes, ModelCard]
) -> None:
    content, card = model
    newer = msgspec.structs.replace(card, as_of_day=date(2026, 11, 12), model_id="BTCUSDT-2026-11-12-0123456789ab")
    market.promote(with_card(content, newer), newer)
    book = small_card(
        symbol=ETH, exchange=market.exchange, features=("roc_1_1m", "imbalance_5level", "funding_rate", "rsi_14_1m")
    )
    market.promote(with_card(b"", book), book)
    said = await_state(market, "refused model", symbol=ETH)
    assert "reads imbalance_5level, funding_rate, which come from the order book or the perpetual" in said["detail"]
    await_state(market, "waits for a candle")
    market.close(23)
    assert await_state(market, "predicted", minute=23)["model_id"] == newer.model_id
    assert {row[2] for row in market.rows(BTC) if row[0] > moment(22)} == {newer.model_id}
    assert market.rows(ETH) == []
    said_too = f"{BTC}: predicted by {newer.model_id}"
    wait_for(lambda: beat_of(market).detail, until=lambda detail: said_too in detail, deadline_s=SOON_S)


def with_card(content: bytes, card: ModelCard) -> bytes:
    """The file of a model with another card."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        if content:
            with zipfile.ZipFile(io.BytesIO(content)) as source:
                for name in source.namelist():
                    if name != CARD_MEMBER:
                        target.writestr(name, source.read(name))
        target.writestr(CARD_MEMBER, encode_card(card))
    return made.getvalue()


def test_what_redis_lost_is_there_again_and_never_goes_back(running: Program, market: Market) -> None:
    before = market.latest(BTC)
    assert before["state"] == "predicted"
    market.redis.delete(prediction_key(market.exchange, BTC))
    assert wait_for(lambda: market.latest(BTC), until=bool, deadline_s=SOON_S) == before
    market.close(12)  # a copy of an old candle
    market.close(24)
    assert int(await_state(market, "predicted", minute=24)["as_of_us"]) > int(before["as_of_us"])


def test_figures_are_told_by_heartbeat_and_prometheus(running: Program, market: Market) -> None:
    market.close(25)
    await_state(market, "predicted", minute=25)
    beat = wait_for(
        lambda: beat_of(market), until=lambda beat: "received_to_published_p99_s" in beat.figures, deadline_s=SOON_S
    )
    assert beat.figures["models"] == 1
    assert beat.figures["received_to_published_p50_s"] > 0
    assert [(stream.topic, stream.symbol) for stream in beat.streams] == [("predictions", BTC)]
    page = httpx.get(f"http://127.0.0.1:{beat.figures['metrics_port']:.0f}/metrics").text
    assert told_by(page) == declared_of("forecaster")
    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    assert float(lines["forecaster_predictions_total"]) >= beat.figures["predictions"]
    assert float(lines["forecaster_close_to_published_seconds_count"]) >= 1


def test_a_second_forecaster_ends_with_a_sentence(running: Program) -> None:
    assert running.spawn().wait(START_S) == 3
    assert "Another forecaster of" in running.log.read_text()


def test_sigterm_ends_it_cleanly(running: Program, market: Market) -> None:
    assert running.end(signal.SIGTERM) == 0
    assert beat_of(market).state == "stopped"
    assert market.redis.exists(f"market_stream:{market.exchange}:forecaster:lease") == 0


def waits_for_lock(url: str) -> bool:
    """Whether somebody waits to write predictions."""
    query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO public.pred%'"
    with closing(connect(url)) as connection:
        return bool(fetch(connection, query.replace("INSERT INTO", "%INSERT INTO")))
