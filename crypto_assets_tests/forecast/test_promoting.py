from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_assets.errors import Unavailable
from crypto_assets.forecast.promoting import Decision, JudgedModel, promote_or_say_why_not, read_judged
from crypto_assets_tests.checks.test_forecast_evaluation import DAY, LEAK, SYMBOL, World

NOW = datetime(2024, 8, 3, 2, tzinfo=UTC)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def judged(world: World) -> JudgedModel | None:
    return read_judged(world.lake, SYMBOL, DAY, checkpoints=world.checkpoints, promotions=world.promotions)


def decided(world: World, *, reason: str = "", market_time: Callable[[], datetime] = lambda: NOW) -> Decision:
    model = judged(world)
    assert model is not None
    return promote_or_say_why_not(model, market_time=market_time, reason=reason)


def does_not_answer() -> datetime:
    raise Unavailable("the exchange does not answer")


def test_a_model_that_is_not_better_is_promoted_only_for_a_reason(world: World) -> None:
    world.publish(knows=False)

    without, with_one = decided(world), decided(world, reason="a rehearsal")

    assert (without.promoted, without.takes_a_reason) == (False, True)
    assert with_one.promoted
    assert "Promoted by a person against this verdict: a rehearsal" in with_one.sentence
    (entry,) = world.promotions.all(SYMBOL)
    assert (entry.reason, entry.promoted_at) == ("a rehearsal", NOW)


def test_a_reason_given_for_a_model_that_needs_none_is_not_kept(world: World) -> None:
    world.publish()
    assert decided(world, reason="a rehearsal").promoted
    (entry,) = world.promotions.all(SYMBOL)
    assert entry.reason == ""


def test_no_reason_helps_a_model_into_which_something_leaked(world: World) -> None:
    world.publish(leaks=(LEAK,))
    decision = decided(world, reason="a rehearsal")
    assert (decision.promoted, decision.takes_a_reason) == (False, False)
    assert world.promotions.all(SYMBOL) == ()


def test_the_exchange_is_asked_for_its_time_only_where_a_model_is_promoted(world: World) -> None:
    world.publish(knows=False)
    assert not decided(world, market_time=does_not_answer).promoted

    world.publish()
    with pytest.raises(Unavailable):
        decided(world, market_time=does_not_answer)
    assert world.promotions.all(SYMBOL) == ()


def test_of_a_day_that_nobody_judged_there_is_nothing_to_decide(world: World) -> None:
    assert judged(world) is None
