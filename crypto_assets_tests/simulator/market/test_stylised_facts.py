"""Does it look like a market? The same numbers of simulated and of recorded days, in ranges that hold both."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from crypto_assets.simulator.market import Market, klines

Floats = NDArray[np.float64]
DAYS = 31


@dataclass(frozen=True)
class Month:
    """One-minute candles of 31 days, [31, 1440]."""

    close: Floats
    volume: Floats
    taker_buy_volume: Floats

    @property
    def returns(self) -> Floats:
        return np.diff(np.log(self.close), axis=1)


def simulated_month(symbol: str, *, days: int = DAYS) -> Month:
    market = Market(7, [symbol])
    candles = [klines(market.tape(symbol, date(2024, 8, day)), 60) for day in range(1, days + 1)]
    return Month(*(np.stack([getattr(c, f.name) / 1e8 for c in candles]) for f in fields(Month)))


@pytest.fixture(scope="module", params=["recorded", "simulated BTCUSDT", "simulated ETHUSDT", "simulated QUUXUSDT"])
def month(request: pytest.FixtureRequest) -> Month:
    if request.param.startswith("simulated"):
        return simulated_month(request.param.split()[1])
    folder: Path = request.getfixturevalue("real_data") / "archive/data/spot/daily/klines/BTCUSDT/1m"
    rows = []
    for path in sorted(folder.glob("BTCUSDT-1m-2024-08-*.zip")):
        with zipfile.ZipFile(path) as archive:
            rows.append(np.loadtxt(io.BytesIO(archive.read(archive.namelist()[0])), delimiter=","))
    return Month(*(np.stack([r[:, column] for r in rows]) for column in (4, 5, 9)))


def kurtosis(values: Floats) -> float:
    centred = values - values.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


def correlation(left: Floats, right: Floats) -> float:
    return float(np.corrcoef(left.ravel(), right.ravel())[0, 1])


def test_a_minute_moves_four_to_twenty_basis_points(month: Month) -> None:
    assert 4 < month.returns.std() * 1e4 < 20


def test_returns_of_minutes_have_fat_tails(month: Month) -> None:
    """Kurtosis within a usual day: 3 for a Gaussian walk; recorded 10.7."""
    assert 5 < np.median([kurtosis(day) for day in month.returns]) < 20


@pytest.mark.parametrize(("lag", "low", "high"), [(1, 0.12, 0.5), (10, 0.05, 0.35), (30, 0.02, 0.25)])
def test_volatility_comes_in_clusters_that_fade(month: Month, lag: int, low: float, high: float) -> None:
    """Autocorrelation of absolute returns within a day; recorded 0.27, 0.14 and 0.11."""
    size = abs(month.returns)
    assert low < np.mean([correlation(day[:-lag], day[lag:]) for day in size]) < high


def test_returns_themselves_are_hardly_correlated(month: Month) -> None:
    assert abs(np.mean([correlation(day[:-1], day[1:]) for day in month.returns])) < 0.08


def test_volume_moves_with_volatility(month: Month) -> None:
    """Correlation within a day of volume and absolute return; recorded 0.56."""
    size = abs(month.returns)
    assert 0.3 < np.mean([correlation(v[1:], r) for v, r in zip(month.volume, size, strict=True)]) < 0.8


def test_lively_days_have_more_volume(month: Month) -> None:
    assert correlation(np.log(month.returns.std(axis=1)), np.log(month.volume.sum(axis=1))) > 0.5


def test_the_day_has_its_rhythm(month: Month) -> None:
    """Mean absolute return by hour over the day's: lowest in Asia's morning, highest when New York opens."""
    size = abs(np.pad(month.returns, ((0, 0), (1, 0))))
    by_hour = np.mean([day.reshape(24, 60).mean(axis=1) / day.mean() for day in size], axis=0)
    assert 12 <= by_hour.argmax() <= 16
    assert 1.2 < by_hour.max() < 1.9
    assert 0.5 < by_hour[3:8].mean() < 0.9


def test_takers_buy_when_the_price_rises(month: Month) -> None:
    """Correlation within a day of the takers' share of buys and the return; recorded 0.54."""
    share = (month.taker_buy_volume / month.volume)[:, 1:]
    assert 0.3 < np.mean([correlation(s, r) for s, r in zip(share, month.returns, strict=True)]) < 0.75


def test_symbols_move_together() -> None:
    bitcoin, ether = (simulated_month(symbol, days=6).returns for symbol in ("BTCUSDT", "ETHUSDT"))
    assert 0.4 < correlation(bitcoin, ether) < 0.95
