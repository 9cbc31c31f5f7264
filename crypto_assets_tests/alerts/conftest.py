"""Fixtures of the tests of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets_tests.alerts.causes import Book, in_memory, opened
from crypto_assets_tests.alerts.hook import Hook, hook_server


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """A ledger in which nothing is noted."""
    with opened(tmp_path) as book:
        yield book


@pytest.fixture
def quick_book() -> Iterator[Book]:
    """One that waits for no disk."""
    with in_memory() as book:
        yield book


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook that takes everything."""
    with hook_server() as hook:
        yield hook


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need longer for a look than a sensor has."""
    monkeypatch.setattr("crypto_assets.alerts.observe.LIMIT_S", 120.0)
