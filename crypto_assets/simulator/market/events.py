"""Scripted incidents that a market is made with: halts and flash crashes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

type Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action"):
    """What happens to the market itself, so that archive, REST, captures and streams agree on it."""


class Halt(Event, frozen=True, tag="halt"):
    """No trade in [start, end), and no candle that lies wholly inside.

    Trades that were due then come within a minute after the halt, or before it where it lasts over midnight; other
    trades of the day stay as they are. Days that lie wholly in a halt have none, and ids go on without them.
    """

    start: Instant
    end: Instant
    symbol: str | None = None
    """None halts every symbol."""


class FlashCrash(Event, frozen=True, tag="flash_crash"):
    """Spot trades of `duration_s` (to the millisecond) from `start` on happen at `price`, rounded down to a tick.

    Where the span holds no trade, the day's next one has that price.
    """

    symbol: str
    start: Instant
    price: Decimal = Decimal(1)
    duration_s: Annotated[float, msgspec.Meta(gt=0)] = 1.0
