"""A plugin of pytest for mutants: leaves out tests that start a service, as each mutant would start it again."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what asks for `services`, be it through another fixture."""
    starting = [item for item in items if "services" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=starting)
    items[:] = [item for item in items if item not in starting]
