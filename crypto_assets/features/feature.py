"""What a feature is: one declaration, from which its column, its checks, its documentation and its values come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NotRequired, TypedDict, Unpack

from crypto_assets.features.candles import Candles
from crypto_assets.features.inputs import Source
from crypto_assets.features.rolling import FloatArray
from crypto_assets.features.window import Window
from crypto_assets.schemas import TIMEFRAMES


class Family(StrEnum):
    """Group that a feature is shown in."""

    PRICE = "price"
    VOLUME = "volume"
    ORDERBOOK = "order book"
    MOMENTUM = "momentum"
    STRUCTURE = "structure"
    PERPETUAL = "perpetual"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column of gold."""

    name: str
    family: Family
    source: Source = Source.KLINES
    inputs: tuple[str, ...]
    """Columns of silver that it reads."""
    timeframe: str = "1m"
    window: int = 1
    """Candles of the timeframe that its value depends on; minutes where the source is not klines."""
    unit: str
    low: float | None = None
    high: float | None = None
    """Values outside [low, high] are wrong; None is no bound."""
    description: str
    formula: str
    """How it is computed, or whose formula it is."""
    value: Callable[[Window], FloatArray]
    """Its value for each row of a window, NaN where it has none."""

    @property
    def range_text(self) -> str:
        """Which values are right, in its unit: `0 to 100`, `≥ 0`, `any`."""
        low, high = (None if bound is None else f"{round(bound, 4):,.9g}" for bound in (self.low, self.high))
        if low is None and high is None:
            return "any"
        if high is None:
            return f"≥ {low}"
        return f"≤ {high}" if low is None else f"{low} to {high}"

    @property
    def window_text(self) -> str:
        """How many candles, or minutes, its value depends on: `14 × 5m`."""
        return f"{self.window} × {self.timeframe}"


class Declared(TypedDict):
    """Those fields of a feature that are said of it whatever its values are computed from."""

    window: NotRequired[int]
    unit: str
    low: NotRequired[float | None]
    high: NotRequired[float | None]
    description: str
    formula: str


def per_timeframe(
    name: str,
    *,
    family: Family,
    inputs: tuple[str, ...],
    value: Callable[[Candles], FloatArray],
    timeframes: Sequence[str] = tuple(TIMEFRAMES),
    **declared: Unpack[Declared],
) -> tuple[Feature, ...]:
    """A feature of the candles of each timeframe, `<name>_<timeframe>`; `value` gives one entry a candle."""
    return tuple(
        Feature(
            name=f"{name}_{timeframe}",
            family=family,
            inputs=tuple(f"klines_{timeframe}.{column}" for column in inputs),
            timeframe=timeframe,
            value=_of_last_closed(timeframe, value),
            **declared,
        )
        for timeframe in timeframes
    )


def _of_last_closed(timeframe: str, value: Callable[[Candles], FloatArray]) -> Callable[[Window], FloatArray]:
    def for_rows(window: Window) -> FloatArray:
        return window.of_candles(timeframe, value(window.candles[timeframe]))

    return for_rows
