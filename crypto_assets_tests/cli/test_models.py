"""`crypto-assets model`: what is known of models, and who puts one in force against its verdict."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from crypto_assets.assets.forecast_predictions import state_of
from crypto_assets.forecast.predicting import MadeDay
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.partitions import Partition
from crypto_assets_tests.checks.test_forecast_evaluation import DAY, LEAK, SYMBOL, World, card_of, file_of
from crypto_assets_tests.cli.conftest import Command

REASON = "Traders want to see it beside the others until September."
FORCE = ("--force-with-reason", REASON)
MODEL = f"{SYMBOL}-{DAY}-0123456789ab"
PROMOTE = ("model", "promote", SYMBOL, f"{DAY}")


@pytest.fixture
def world(tmp_path: Path, environment: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Models of a folder that the settings name."""
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    monkeypatch.setenv("CHECKPOINTS_URI", str(tmp_path / "ckpts"))
    return World(tmp_path)


def test_without_a_model_it_is_said_what_makes_one(run: Command, world: World) -> None:
    assert "--job forecast" in run("model", "list").out
    assert run("model", "list", "--json").json == []
    shown = run("model", "show", SYMBOL)
    assert shown.status == 1
    assert f"No model of {SYMBOL} is in force" in shown.err
    promoted = run(*PROMOTE, *FORCE)
    assert promoted.status == 1
    assert "no model is promoted that nobody judged" in promoted.err


def test_a_model_that_its_verdict_allows_is_put_in_force(run: Command, world: World) -> None:
    world.publish()
    done = run(*PROMOTE)
    assert (done.status, done.err) == (0, "")
    assert "beats persistence by" in done.out
    current = world.promotions.current(SYMBOL)
    assert current is not None
    assert (current.model_id, current.reason) == (MODEL, "")
    (listed,) = run("model", "list", "--json").json
    assert (listed["state"], listed["in_force"]) == ("in force", True)


def test_a_model_that_its_verdict_refuses_needs_a_reason(run: Command, world: World) -> None:
    world.publish(knows=False)
    done = run(*PROMOTE)
    assert done.status == 1
    assert "does not beat persistence" in done.err
    assert "--force-with-reason" in done.err
    assert world.promotions.current(SYMBOL) is None


def test_a_reason_is_kept_and_shown_wherever_the_model_is(run: Command, world: World) -> None:
    evaluated = world.publish(knows=False)
    done = run(*PROMOTE, *FORCE)
    assert (done.status, done.err) == (0, "")
    current = world.promotions.current(SYMBOL)
    assert current is not None
    assert (current.reason, current.verdict) == (REASON, evaluated.verdict.sentence)

    against = f"{evaluated.verdict.sentence} Promoted by a person against this verdict: {REASON}"
    assert against in done.out
    assert against in run("model", "show", SYMBOL).out
    assert against in run("model", "list").out
    (listed,) = run("model", "list", "--json").json
    assert (listed["state"], listed["reason"]) == ("in force by a person", REASON)
    made = MadeDay(LSTM_PREDICTIONS.schema.empty_table(), (card_of(DAY),), candles=0, made_from="")
    assert against in state_of(made, [current], Partition(SYMBOL, DAY))


def test_no_reason_promotes_a_model_that_something_leaked_into(run: Command, world: World) -> None:
    world.publish(leaks=(LEAK,))
    for arguments in (PROMOTE, (*PROMOTE, *FORCE)):
        done = run(*arguments)
        assert done.status == 1
        assert "roc_1_1m is a sum of returns" in done.err
        assert "--force-with-reason promotes" not in done.err
    assert world.promotions.current(SYMBOL) is None


def test_no_reason_promotes_a_file_that_is_not_the_one_judged(run: Command, world: World) -> None:
    world.publish(knows=False)
    other = card_of(date(2024, 8, 2))
    world.checkpoints.publish(SYMBOL, DAY, content=file_of(other) + b"x", card=other)
    assert "--force-with-reason promotes" not in run(*PROMOTE).err
    done = run(*PROMOTE, *FORCE)
    assert done.status == 1
    assert "its sha256 differs" in done.err
    assert "No reason changes that" in done.err
    assert world.promotions.current(SYMBOL) is None


def test_no_reason_promotes_a_verdict_that_the_figures_do_not_give(run: Command, world: World) -> None:
    world.publish(knows=False, model_id="BTCUSDT-2024-08-02-another")
    assert "model_id is" in run(*PROMOTE, *FORCE).err
    assert world.promotions.current(SYMBOL) is None


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501, "a\x1b[31m"])
def test_a_reason_that_nobody_can_read_is_refused(run: Command, world: World, reason: str) -> None:
    world.publish(knows=False)
    assert run(*PROMOTE, "--force-with-reason", reason).status == 2
    assert world.promotions.current(SYMBOL) is None


def test_an_older_model_that_is_promoted_says_which_one_foretells(run: Command, world: World) -> None:
    world.publish()
    assert run(*PROMOTE).status == 0
    world.publish(day=date(2024, 8, 1), knows=False)
    done = run("model", "promote", SYMBOL, "2024-08-01", *FORCE)
    assert done.status == 0
    assert f"{MODEL}, of a later day, is what foretells" in done.out
    states = {model["as_of_day"]: model["state"] for model in run("model", "list", SYMBOL, "--json").json}
    assert states == {"2024-08-01": "promoted by a person", "2024-08-02": "in force"}


def test_a_model_is_shown_with_its_card_verdict_and_notice(run: Command, world: World) -> None:
    world.publish(knows=False)
    done = run("model", "show", SYMBOL, f"{DAY}")
    assert done.status == 0
    assert MODEL in done.out
    assert "does not beat persistence" in done.out
    assert "It is not in force." in done.out
    assert "Not financial advice." in done.out
    found = run("model", "show", SYMBOL, f"{DAY}", "--json").json
    assert (found["card"]["model_id"], found["in_force"], found["promotions"]) == (MODEL, False, [])
    assert run("model", "show", SYMBOL, "2024-08-09").status == 1
    assert run("model", "show", SYMBOL, "../../x").status == 2
