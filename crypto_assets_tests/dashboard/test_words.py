"""Figures in words, and ways to Dagster."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta

import pytest

from crypto_assets.config import Settings
from crypto_assets.dashboard import words
from crypto_assets.dashboard.links import asset_url, run_url
from crypto_assets.dashboard.market import messages

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("module", [words, messages])
def test_the_examples_of_the_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(milliseconds=300), "0.3 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(hours=2, minutes=59), "2 hours ago"),
        (timedelta(days=1_500), "1,500 days ago"),
        (-timedelta(hours=3), "in 3 hours"),
        (-timedelta(milliseconds=200), "0.2 s ago"),  # clocks of two machines differ by that much
    ],
)
def test_an_age_is_said_in_its_largest_unit(ago: timedelta, said: str) -> None:
    assert words.age(NOW - ago, now=NOW) == said


def test_what_never_was_has_no_age() -> None:
    assert words.age(None, now=NOW) == "never"


@pytest.mark.parametrize(
    ("named", "leads_to"),
    [
        ("http://dagster.example.com:3000/", "http://dagster.example.com:3000/assets/gold_features"),
        ("https://user:secret@example.com/data", "https://example.com/data/assets/gold_features"),
        ("javascript:alert(1)", "http://127.0.0.1:3000/assets/gold_features"),
        ("nonsense", "http://127.0.0.1:3000/assets/gold_features"),
    ],
)
def test_ways_to_dagster_carry_no_password_and_are_web_addresses(named: str, leads_to: str) -> None:
    assert asset_url(Settings.model_validate({"dagster_url": named}), "gold_features") == leads_to


def test_a_way_may_lead_to_a_partition_and_to_a_run() -> None:
    settings = Settings.model_validate({"dagster_url": "http://d:3000"})
    found = asset_url(settings, "silver_klines_1m", view="partitions", partition="2024-08-05|BTCUSDT")
    assert found == "http://d:3000/assets/silver_klines_1m?view=partitions&partition=2024-08-05%7CBTCUSDT"
    assert run_url(settings, "a/b") == "http://d:3000/runs/a%2Fb"
