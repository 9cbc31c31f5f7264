"""A lake of a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))
