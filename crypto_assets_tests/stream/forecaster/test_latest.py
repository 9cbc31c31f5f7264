"""The hash of a symbol in Redis: replaced as a whole, never by an older candle, and there again after a flush."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import redis

from crypto_assets.forecast.notice import notice
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.latest import PREDICTED, Latest, Outlook, prediction_key, read_outlook
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets_tests.stream.forecaster.market import SYMBOL, moment


@pytest.fixture
def client(redis_server: str) -> redis.Redis:
    return redis.Redis.from_url(redis_server, decode_responses=True)


@pytest.fixture
def exchange() -> str:
    return f"simulator-{uuid4().hex[:8]}"


def prediction(exchange: str, *, minute: int, price: float = 100.25, horizon_s: int = 60) -> Prediction:
    as_of = moment(minute)
    target = as_of + timedelta(seconds=horizon_s)
    width = 1e-3 * price
    said = notice(exchange)
    return Prediction(
        exchange, SYMBOL, as_of, as_of + timedelta(seconds=1), target, horizon_s, price, 1e-4, price * (1 + 1e-4),
        price - width, price + width, 0.8, "m", True, said,
    )  # fmt: skip


def say(latest: Latest, exchange: str, *, minute: int, price: float) -> None:
    made = [prediction(exchange, minute=minute, price=price, horizon_s=horizon) for horizon in (60, 300)]
    latest.put(SYMBOL, as_of_us=to_us(moment(minute)), state=PREDICTED, detail="", predictions=made)


def test_an_older_candle_replaces_nothing_and_a_reason_replaces_the_prediction(
    client: redis.Redis, exchange: str
) -> None:
    key, latest = prediction_key(exchange, SYMBOL), Latest(client, exchange)
    say(latest, exchange, minute=5, price=100.25)
    held = client.hgetall(key)
    assert held["horizons"] == "60,300"
    assert (held["price"], held["target_time_us_300"]) == ("100.25", str(to_us(moment(10))))
    say(Latest(client, exchange), exchange, minute=4, price=99.0)  # another program, behind this one
    assert client.hgetall(key) == held
    say(latest, exchange, minute=6, price=101.5)
    assert client.hget(key, "price") == "101.5"
    latest.put(SYMBOL, as_of_us=to_us(moment(7)), state="gap", detail="a minute is missing")
    assert client.hgetall(key) == {
        "as_of_us": str(to_us(moment(7))),
        "state": "gap",
        "detail": "a minute is missing",
        "notice": f"Simulated market ({exchange}). Not financial advice.",
    }


def test_what_was_said_is_read_again_to_the_digit(redis_server: str, exchange: str) -> None:
    made = tuple(prediction(exchange, minute=5, price=100.1, horizon_s=horizon) for horizon in (60, 300))
    with redis.Redis.from_url(redis_server) as client:
        assert read_outlook(client, exchange, SYMBOL) is None
        latest = Latest(client, exchange)
        latest.put(SYMBOL, as_of_us=to_us(moment(5)), state=PREDICTED, detail="", predictions=made)
        assert read_outlook(client, exchange, SYMBOL) == Outlook(moment(5), PREDICTED, "", made)
        latest.put(SYMBOL, as_of_us=to_us(moment(6)), state="gap", detail="a minute is missing")
        assert read_outlook(client, exchange, SYMBOL) == Outlook(moment(6), "gap", "a minute is missing")


def test_what_redis_did_not_take_or_lost_is_put_in_later(client: redis.Redis, exchange: str) -> None:
    key = prediction_key(exchange, SYMBOL)
    say(latest := Latest(client, exchange), exchange, minute=5, price=1.5)
    held = client.hgetall(key)
    client.delete(key)
    latest.merge_all()
    assert client.hgetall(key) == held
    away = Latest(redis.Redis.from_url("redis://127.0.0.1:1"), exchange)
    with pytest.raises(redis.RedisError):
        say(away, exchange, minute=6, price=2.5)
