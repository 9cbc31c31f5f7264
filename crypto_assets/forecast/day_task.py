"""What is done about a day of a symbol, as it is handed to another process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import msgspec

from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.run_tags import command_to_materialise

type Say = Callable[[str], None]
"""Takes a line for people."""


class DayTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training, or an evaluation, of the model of a day."""

    lake_uri: str
    checkpoints_uri: str
    symbol: str
    day: date
    exchange: str
    options: ForecastOptions
    now: datetime
    """When it is said to be made."""

    def command_to_make(self, asset: str) -> str:
        """The command that materialises an asset of the day."""
        return command_to_materialise(asset, f"{self.day}|{self.symbol}")
