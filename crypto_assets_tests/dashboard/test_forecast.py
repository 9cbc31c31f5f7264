"""Forecasts beside what happened: each state of a model, and figures that a hand can check."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import redis
from playwright.sync_api import Browser, expect

from crypto_assets.config import Settings
from crypto_assets.dashboard.forecasts.realised import joined, record_of, with_closes
from crypto_assets.dashboard.forecasts.skill import skill_curve
from crypto_assets.dashboard.market.messages import Candle
from crypto_assets.dashboard.pages import forecast
from crypto_assets.endpoints import exchange_name
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, Outcome
from crypto_assets.lake.lake import Lake
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.latest import Latest, prediction_key
from crypto_assets_tests.dashboard import forecasting
from crypto_assets_tests.dashboard.conftest import Dashboard, drawn, is_too_wide, said, visiting

SYMBOL = "BTCUSDT"
TODAY = datetime.now(UTC).date()
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def world(served_settings: Settings, database: str, tmp_path: Path) -> Settings:
    """Settings of an exchange, a lake and a database of the test's own."""
    changed = {"simulator_seed": uuid.uuid4().int % 10**6, "data_dir": tmp_path, "postgres_url": database}
    wanted = Settings.model_validate(changed).model_dump(include=set(changed))
    return served_settings.model_copy(update=wanted)


@pytest.fixture
def client(redis_server: str) -> redis.Redis:
    return redis.Redis.from_url(redis_server)


def test_without_a_model_the_page_says_how_one_is_made(world: Settings) -> None:
    text = said(drawn(forecast.render, world))
    assert f"No model of {SYMBOL} has been made yet" in text
    assert f'-j forecast --tags \'{{"dagster/partition": "{TODAY - timedelta(days=1)}|{SYMBOL}"}}\'' in text
    assert f"Nothing is foretold live of {SYMBOL}" in text
    assert "promoted]" not in text


def test_a_model_that_nobody_judged_is_said_to_wait(world: Settings) -> None:
    forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    text = said(drawn(forecast.render, world))
    assert ":orange-badge[not promoted] No model is in force" in text
    assert "The model of 2026-11-18 has not been judged yet" in text
    assert "Foretells little." in text, "the card is shown"


def test_a_model_that_is_not_promoted_is_shown_as_such_with_its_verdict(world: Settings) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    judged = forecasting.judge_model(world, card, at=datetime.now(UTC) - timedelta(hours=3))
    text = said(drawn(forecast.render, world))
    assert ":orange-badge[not promoted] No model is in force" in text
    assert f":gray-badge[not promoted] **{card.model_id}**, judged 3 hours ago: {judged.verdict.sentence}" in text
    assert "| persistence (zero return) |" in text


def test_a_promoted_model_is_shown_with_why_a_person_wanted_it(world: Settings) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    forecasting.promote(world, card, at=datetime.now(UTC) - timedelta(hours=5), reason="an *experiment*")
    text = said(drawn(forecast.render, world))
    assert f":green-badge[promoted] **{card.model_id}** is in force since" in text
    assert "5 hours ago: it beats persistence by 1.80 %" in text
    assert "Promoted against the verdict, because: an *experiment*" in text
    assert "not promoted" not in text


def test_a_model_whose_file_is_damaged_is_named_and_the_live_prediction_stays(
    world: Settings, client: redis.Redis
) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    forecasting.promote(world, card, at=datetime.now(UTC))
    forecasting.announce(client, forecasting.predicted(world, card, as_of=datetime.now(UTC), price=100.0, drift=1e-4))
    for path in (world.data_dir / "lake" / "ckpts").rglob("promoted/*.keras"):
        path.write_bytes(b"no zip")
    text = said(drawn(forecast.render, world))
    assert "put that file back, or materialise lstm_checkpoint" in text
    assert "1m ahead" in text


def test_the_latest_prediction_has_interval_moment_and_age(world: Settings, client: redis.Redis) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    as_of = datetime.now(UTC).replace(microsecond=0)
    forecasting.announce(client, forecasting.predicted(world, card, as_of=as_of, price=60_000.0, drift=1e-4))
    text = said(drawn(forecast.render, world))
    assert "60,006.00" in text
    assert "USDT, +1.00 bps" in text
    assert "80 %: 59,970.01 – 60,042.01" in text
    assert f"for {as_of + timedelta(minutes=15):%H:%M:%S} UTC, in 14 minutes" in text


def test_without_redis_the_stored_prediction_is_shown(world: Settings) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    forecasting.store(world, forecasting.predicted(world, card, as_of=datetime.now(UTC), price=60_000.0, drift=1e-4))
    away = Settings.model_validate({"redis_url": "redis://:hidden@127.0.0.1:1/0"})
    text = said(drawn(forecast.render, world.model_copy(update={"redis_url": away.redis_url})))
    assert "Redis does not answer" in text
    assert "60,006.00" in text
    assert "hidden" not in text


def test_why_nothing_is_foretold_is_said_in_the_words_of_the_forecaster(world: Settings, client: redis.Redis) -> None:
    latest = Latest(client, exchange_name(world))
    latest.put(SYMBOL, as_of_us=to_us(MORNING), state="no model", detail="No model of BTCUSDT is promoted.")
    assert "No model of BTCUSDT is promoted." in said(drawn(forecast.render, world))


def test_what_is_no_prediction_in_redis_costs_only_its_part(world: Settings, client: redis.Redis) -> None:
    client.hset(prediction_key(exchange_name(world), SYMBOL), mapping={"as_of_us": "soon", "state": "predicted"})
    text = said(drawn(forecast.render, world))
    assert "is no prediction of this version" in text
    assert f"No model of {SYMBOL} has been made yet" in text


def test_live_predictions_are_shown_beside_the_closes_that_came(world: Settings) -> None:
    card = forecasting.make_model(world, SYMBOL, date(2026, 11, 18))
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
    for minute in range(30):
        as_of = begin + timedelta(minutes=minute)
        forecasting.store(world, forecasting.predicted(world, card, as_of=as_of, price=100.0, drift=0.0))
    text = said(drawn(forecast.render, world))
    assert "30 predictions, the last 31 minutes ago; 0 came due." in text
    assert "What came of them is not known yet" in text


def test_the_page_draws_days_of_predictions_and_how_good_they_were(
    served: Dashboard, served_settings: Settings, browser: Browser
) -> None:
    promoted_at = datetime.now(UTC) - timedelta(days=1, hours=12)
    card = forecasting.make_model(served_settings, SYMBOL, TODAY - timedelta(days=4))
    forecasting.judge_model(served_settings, card, at=promoted_at)
    forecasting.promote(served_settings, card, at=promoted_at)
    for back in (2, 1):
        forecasting.publish_day(served_settings, card, TODAY - timedelta(days=back), promoted_at=promoted_at)
    for theme, phone in (("light", False), ("dark", True)):
        with visiting(browser, theme=theme, phone=phone) as visitor:
            page = visitor.open(f"{served.url}/forecast?symbol={SYMBOL}")
            expect(page.get_by_text("is in force since")).to_be_visible()
            expect(page.locator("[aria-label*='180 predictions of BTCUSDT 1m ahead']").first).to_be_visible()
            expect(page.locator("[aria-label*='skill over the last price']").first).to_be_visible()
            expect(page.get_by_text("All 2,880 that came due: skill")).to_be_visible()
            page.get_by_text("What it was made of, how, and where it ends").click()
            expect(page.get_by_text("Foretells little.")).to_be_visible()
            assert not is_too_wide(page)
            assert visitor.complaints == []


def test_of_what_lake_and_database_both_hold_the_one_with_an_outcome_counts(world: Settings) -> None:
    card = forecasting.card_of(world, SYMBOL, date(2026, 11, 18))
    day = date(2026, 11, 19)
    forecasting.publish_day(world, card, day, promoted_at=forecasting.midnight(day))
    stored = Lake(str(world.data_dir / "lake")).read_days(LSTM_PREDICTIONS, SYMBOL, [day])
    live = unknown(stored)
    both = joined(stored, live)
    assert both.num_rows == stored.num_rows
    assert both["realised_price"].null_count == 0
    assert joined(stored.slice(0, 0), live)["realised_price"].null_count == stored.num_rows


def test_the_close_of_the_candle_that_ends_at_the_target_is_what_came(world: Settings) -> None:
    card = forecasting.card_of(world, SYMBOL, date(2026, 11, 18))
    forecasting.publish_day(world, card, MORNING.date(), promoted_at=MORNING)
    rows = Lake(str(world.data_dir / "lake")).read_days(LSTM_PREDICTIONS, SYMBOL, [MORNING.date()])
    assert rows.num_rows == 2_880
    both = joined(rows.slice(0, 0), rows)
    assert both.num_rows == 2_880
    waiting = unknown(both.slice(0, 2))
    target = waiting["target_time"][0].as_py()
    ends_there = Candle(target - timedelta(minutes=1), 1.0, 1.0, 1.0, 77.0, 1.0)
    begins_there = Candle(target, 1.0, 1.0, 1.0, 88.0, 1.0)
    assert with_closes(waiting, [ends_there, begins_there])["realised_price"].to_pylist() == [77.0, None]
    assert with_closes(waiting, [Candle(target - timedelta(minutes=1), 1, 1, 1, 77, None)]) == waiting
    assert record_of(with_closes(waiting, [ends_there]), 60).outcome is not None


def unknown(predictions: pa.Table) -> pa.Table:
    """The same before anything came of them."""
    nothing = pa.nulls(predictions.num_rows, pa.float64())
    for name in ("realised_price", "realised_return"):
        place = predictions.schema.get_field_index(name)
        predictions = predictions.set_column(place, predictions.schema.field(name), nothing)
    return predictions


def outcome(minutes: int, *, knows: float) -> Outcome:
    """A walk by minute of which forecasts know a share."""
    came = np.random.default_rng(3).normal(0, 5e-4, minutes)
    as_of_us = to_us(MORNING) + 60_000_000 * np.arange(minutes)
    return Outcome(60, as_of_us, knows * came, came, np.full(minutes, 1e-3), np.ones(minutes, np.bool_))


def test_rolling_skill_looks_back_on_its_window_alone() -> None:
    lucky, unlucky = outcome(720, knows=0.5), outcome(720, knows=-0.5)
    half = Outcome(
        60, lucky.as_of_us, np.append(unlucky.foretold[:360], lucky.foretold[360:]), lucky.came, lucky.half_width,
        lucky.inside,
    )  # fmt: skip
    curve = skill_curve(half, step_s=60)
    assert curve.window_s == 2 * 3_600
    assert curve.points[-1].skill == pytest.approx(0.75)
    assert curve.points[0].skill == pytest.approx(-1.25)
    assert [one.end_us for one in curve.points] == sorted(one.end_us for one in curve.points)
    assert curve.points[-1].forecasts == 120
    assert curve == skill_curve(half, step_s=60), "always the same for the same forecasts"


def test_a_handful_of_forecasts_has_a_skill_without_an_interval() -> None:
    (point,) = skill_curve(outcome(5, knows=0.1), step_s=60).points[-1:]
    assert (point.low, point.high) == (None, None)
