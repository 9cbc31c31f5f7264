"""Which candles wait to be foretold, and for how long those that close with them are waited for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.feed import Candles
from crypto_assets.stream.forecaster.symbols import GRACE_S, SymbolCandles
from crypto_assets_tests.stream.forecaster.market import SYMBOL, candles, closed_at, moment


class Held:
    """Candles of a symbol by a clock that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        self.market = candles(days=1)
        self.candles = SymbolCandles(Lake(str(folder)), SYMBOL, monotonic=lambda: self.now)

    def close(self, minute: int, *timeframes: str, is_new: bool = True) -> None:
        for timeframe in timeframes:
            rows: Any = closed_at(self.market[timeframe], timeframe, moment(minute))
            assert isinstance(rows, pa.Table)
            self.candles.take(Candles(SYMBOL, timeframe, rows, is_new))

    @property
    def waiting(self) -> list[int]:
        return [(us - to_us(moment(0))) // 60_000_000 for us in self.candles.waiting()]


def test_a_candle_waits_for_those_that_close_with_it_but_not_long(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.close(14, "1m")
    assert held.candles.is_ready, "nothing else closes then"
    held.candles.done([to_us(moment(14))])
    held.close(15, "1m", "5m")
    assert not held.candles.is_ready
    held.close(15, "15m")
    assert held.candles.is_ready
    held.candles.done([to_us(moment(15))])
    held.close(30, "1m")
    held.now = GRACE_S - 0.01
    assert not held.candles.is_ready
    held.now = GRACE_S
    assert held.candles.is_ready, "longer candles that do not come are derived"


def test_a_candle_is_foretold_once_and_history_never(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.close(1, "1m", is_new=False)
    assert not held.candles.is_waiting
    held.close(2, "1m")
    held.close(2, "1m")
    assert held.waiting == [2]
    held.candles.done([to_us(moment(2))])
    held.close(2, "1m")
    assert held.waiting == []


def test_a_late_candle_makes_the_newest_wait_again_where_that_could_not_be_foretold(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.close(5, "1m")
    held.candles.done([])
    assert held.waiting == []
    held.close(3, "1m")
    assert held.waiting == [3, 5]
    held.candles.done([to_us(moment(5))])
    held.close(4, "1m")
    assert held.waiting == [4]


def test_nothing_is_ready_and_nothing_is_looked_up_before_the_first_candle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(tmp_path)
    looked: list[date] = []
    monkeypatch.setattr(held.candles.days, "refresh", looked.append)
    assert not held.candles.is_ready
    held.candles.refresh()
    assert looked == []
    held.close(1, "1m")
    held.candles.refresh()
    assert looked == [moment(0).date()]
