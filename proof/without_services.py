"""Pytest's plugin that leaves out every test that needs a service, a Java engine or a browser."""

from __future__ import annotations

import pytest

SERVICES = frozenset({"services", "make_services", "s3_endpoint", "hive_session", "start_spark", "browser"})
"""Fixtures that all others of this kind are made from."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect them by the fixtures that they take, directly or not."""
    pure: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        needs = SERVICES & set(item.fixturenames) if isinstance(item, pytest.Function) else SERVICES
        (others if needs else pure).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = pure
