"""The perpetual's premium over spot, and what follows from it: mark price, funding, open interest, liquidations."""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.market.calendar import FIRST_DAY
from crypto_assets.simulator.market.exact import LOG2_E, ONE, draw_words, exp2, interpolate
from crypto_assets.simulator.market.history import History, Stream
from crypto_assets.simulator.market.noise import DAY_S, Noise
from crypto_assets.simulator.market.results import Ints, Liquidations, OpenInterest, Tape
from crypto_assets.simulator.market.spec import UNIT, SymbolSpec
from crypto_assets.simulator.market.tape import VenueDay
from crypto_assets.spans import DAY_US, SECOND_US

FUNDING_PERIOD_US = 8 * 3_600 * SECOND_US
OPEN_INTEREST_STEP_US = 300 * SECOND_US

_MINUTES = 480
_INTEREST = 10_000  # 1e-8: 0.01 % each eight hours
_CLAMP = 50_000  # 0.05 %
_RATE_LIMIT = 2_000_000
_PREMIUM_SCALES = ((86_400, 4.5e-4), (14_400, 2e-4), (3_600, 1.2e-4), (600, 0.8e-4), (60, 0.4e-4))
_PREMIUM_LIMIT = 400_000  # 0.4 %
_INTEREST_SCALES = ((86_400, 0.12), (14_400, 0.05), (3_600, 0.03), (300, 0.006))
_RATIO_SCALES = ((86_400, 0.35), (14_400, 0.12), (300, 0.02))
_FAST_BPS = 12.0  # move of a minute beyond which positions are liquidated


def make_premium(seed: int, symbol: str, day_number: int) -> Ints:
    """The premium at each second and the next midnight in 1e-8, [86401]; within 0.4 % of spot."""
    minutes = Noise(seed, symbol, Stream.PREMIUM, _PREMIUM_SCALES).over_day(day_number, step_s=60)
    return interpolate(_to_premium(minutes), 60)


def premium_at_midnight(seed: int, symbol: str, day_number: int) -> int:
    """The premium at the start of a day: `make_premium(day)[0]`."""
    noise = Noise(seed, symbol, Stream.PREMIUM, _PREMIUM_SCALES).at_midnight(day_number)
    return int(_to_premium(np.array([noise]))[0])


def _to_premium(noise: Ints) -> Ints:
    return np.clip(np.rint(noise * (1e8 / ONE)).astype(np.int64), -_PREMIUM_LIMIT, _PREMIUM_LIMIT)


def estimate_rates(premium: Ints) -> Ints:
    """Funding rate estimates of a day, [1440], one a minute; each period's last is the rate that is paid at its end.

    The mean premium of the period's minutes so far, weighted 1, 2, 3, ... by age, P; the rate is
    P + clamp(0.01 % - P, -0.05 %, 0.05 %), as the exchange's formula for eight hours.
    """
    samples = premium[:DAY_S:60].reshape(3, _MINUTES)
    weight = np.arange(1, _MINUTES + 1)
    mean = np.cumsum(samples * weight, axis=1) // np.cumsum(weight)
    rate = mean + np.clip(_INTEREST - mean, -_CLAMP, _CLAMP)
    return np.clip(rate, -_RATE_LIMIT, _RATE_LIMIT).ravel()


def mark_price(index_price: Ints, premium: Ints) -> Ints:
    """Index price times one plus the premium, rounded to 1e-8 half even."""
    return index_price + np.rint(index_price * (premium * 1e-8)).astype(np.int64)


def funding_jitter_us(seed: int, symbol: str, day_number: int) -> Ints:
    """Microseconds by which each of a day's three payments is late: 0 to 15 ms, most often none, whole milliseconds."""
    words = draw_words(seed, symbol, Stream.FUNDING_JITTER, day_number, count=3)
    late = (words >> np.uint64(20)).astype(np.int64) % 16
    return np.where((words & np.uint64(1)).astype(np.bool_), late, 0) * 1_000


def last_prices(tape: Tape, times_us: Ints) -> Ints:
    """Price of the last trade before each time."""
    before = np.searchsorted(tape.aggregates.time_us, times_us)
    return np.append(tape.previous_close, tape.aggregates.price)[before]


def make_open_interest(
    seed: int, spec: SymbolSpec, history: History, tape: Tape, *, day_number: int, mark_prices: Ints
) -> OpenInterest:
    """Figures of a day's 288 periods; `mark_prices` are those at the end of each."""
    _, lot = spec.grid("usdm")
    ends = day_number * DAY_US + np.arange(1, 289, dtype=np.int64) * OPEN_INTEREST_STEP_US
    index = day_number - FIRST_DAY
    # contracts follow the slow price rather than today's: a rise of an hour makes them worth more, not fewer
    slow_price = interpolate(history.slow_price[index : index + 2], 288)[1:]
    wave = Noise(seed, spec.symbol, Stream.OPEN_INTEREST, _INTEREST_SCALES).over_day(day_number, step_s=300)[1:]
    usual_lots = spec.temper.order_value * 250_000.0 * (UNIT / lot) * UNIT
    contracts = np.maximum(np.rint(exp2(wave - slow_price) * usual_lots), 1.0).astype(np.int64) * lot
    bounds = np.searchsorted(tape.trades.time_us, np.append(day_number * DAY_US, ends))
    buys = np.append(0, np.cumsum(np.where(tape.trades.is_buyer_maker, 0, tape.trades.quantity)))
    total = np.append(0, np.cumsum(tape.trades.quantity))
    bought = np.diff(buys[bounds])
    sold = np.diff(total[bounds]) - bought
    both = (bought > 0) & (sold > 0)
    ratio = np.where(both, np.rint(bought * float(UNIT) / np.where(both, sold, 1)), UNIT).astype(np.int64)
    accounts, positions, all_accounts = (_ratios(seed, spec.symbol, day_number, which) for which in range(3))
    return OpenInterest(
        time_us=ends,
        open_interest=contracts,
        open_interest_value=np.rint(contracts * (mark_prices / UNIT)).astype(np.int64),
        top_trader_account_ratio=accounts,
        top_trader_position_ratio=positions,
        account_ratio=all_accounts,
        taker_volume_ratio=ratio,
        taker_buy_volume=bought,
        taker_sell_volume=sold,
    )


def _ratios(seed: int, symbol: str, day_number: int, which: int) -> Ints:
    """Long over short, in 1e-8 rounded to 1e-4 as the exchange does."""
    wave = Noise(seed, f"{symbol} {which}", Stream.RATIOS, _RATIO_SCALES).over_day(day_number, step_s=300)[1:]
    return np.rint(exp2(wave) * 1.3e4).astype(np.int64) * 10_000


def make_liquidations(today: VenueDay, tape: Tape) -> Liquidations:
    """At most one order a second, the largest of the losing side, in some of the seconds after a fast minute."""
    tick, _ = today.spec.grid("usdm")
    log_price = today.path.log_price
    second = (tape.aggregates.time_us - today.start_us) // SECOND_US
    move = log_price[:-1] - np.append(np.full(60, log_price[0]), log_price[: DAY_S - 60])
    fast = _FAST_BPS * 1e-4 * LOG2_E * ONE * (today.spec.temper.daily_volatility / 0.026)
    excess = move / fast
    loser_sells = excess[second] < 0
    words = draw_words(today.seed, today.name, Stream.LIQUIDATIONS, today.day_number, count=DAY_S)
    chance = np.minimum(np.maximum(excess * excess - 1.0, 0.0) * 0.04, 0.8)
    struck = (words >> np.uint64(48)).astype(np.int64) < np.rint(chance * 65_536)
    rows = np.flatnonzero(struck[second] & (tape.aggregates.is_buyer_maker == loser_sells))
    # the largest of each second: a stable sort by quantity, then by second, and the last of each second
    by_size = rows[np.argsort(tape.aggregates.quantity[rows], kind="stable")]
    ordered = by_size[np.argsort(second[by_size], kind="stable")]
    largest = ordered[np.append(np.diff(second[ordered]) > 0, True)[: ordered.size]]
    price, sells = tape.aggregates.price[largest], tape.aggregates.is_buyer_maker[largest]
    margin = price // tick // 200  # half a percent beyond the fill
    limit = np.maximum(price // tick + np.where(sells, -margin, margin), 1) * tick
    return Liquidations(tape.aggregates.time_us[largest], sells, limit, price, tape.aggregates.quantity[largest])
