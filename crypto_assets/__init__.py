"""Market data around a crypto exchange as one graph of Dagster assets; `open_lake` reads what it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crypto_assets.reading.open_lake import open_lake

__all__ = ["open_lake"]


def __getattr__(name: str) -> object:
    """`open_lake`, imported when it is first asked for: every program of the platform imports this package."""
    if name == "open_lake":
        from crypto_assets.reading.open_lake import open_lake

        return open_lake
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
