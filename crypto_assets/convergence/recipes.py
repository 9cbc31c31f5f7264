"""For each bronze dataset: which files, captures and requests its days are made from, in the order of trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from crypto_assets.binance.parsed import Parsed
from crypto_assets.convergence import archive_questions, rest_requests
from crypto_assets.convergence.capture_questions import capture_question
from crypto_assets.convergence.delivery import Question
from crypto_assets.convergence.sources import Sources
from crypto_assets.schemas import TIMEFRAMES, Dataset
from crypto_assets.spans import Span

SPOT_PAGE = 1000
FUTURES_PAGE = 1500
METRICS_PAGE = 500
METRICS_PACE = timedelta(minutes=5)

Questions = Callable[[Dataset, str, Span, Sources], Sequence[Question]]
"""Dataset, symbol, the whole UTC day and the sources to the origins to ask."""
Rest = Callable[[Sources, str, Span], Parsed]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a day of one dataset is completed."""

    questions: Questions
    rest: Rest | None = None
    pace: timedelta | None = None
    """Distance of rows in a complete day; None where events come as they come."""
    on_grid: bool = False
    """Whether only a row at the very start of a slot fills it: a candle off the grid is no candle of its minute."""
    page: int = SPOT_PAGE
    """Rows in one REST answer."""
    required: bool = False
    """Whether a day without a row is an error."""
    one_copy: tuple[str, ...] = ()
    """Columns that make a row a copy of a more trusted source's, which alone is kept; empty where silver decides."""


def _klines(timeframe: str) -> Recipe:
    return Recipe(
        questions=lambda *about: [archive_questions.kline_question(*about, timeframe=timeframe)],
        rest=partial(rest_requests.klines, timeframe=timeframe),
        pace=TIMEFRAMES[timeframe],
        on_grid=True,
        required=timeframe == "1m",
    )


RECIPES: Mapping[str, Recipe] = {
    **{f"bronze_klines_{timeframe}": _klines(timeframe) for timeframe in TIMEFRAMES},
    "bronze_funding_rate": Recipe(
        questions=lambda *about: [archive_questions.funding_question(*about)], rest=rest_requests.funding_rates
    ),
    "bronze_open_interest": Recipe(
        questions=archive_questions.metrics_questions,
        rest=rest_requests.open_interest,
        pace=METRICS_PACE,
        page=METRICS_PAGE,
    ),
    "bronze_mark_price": Recipe(
        questions=lambda *about: [
            archive_questions.mark_price_question(*about),
            capture_question(*about, market="usdm"),
        ],
        rest=rest_requests.mark_prices,
        pace=timedelta(minutes=1),
        page=FUTURES_PAGE,
    ),
    "bronze_orderbook": Recipe(questions=lambda *about: [capture_question(*about, market="spot")]),
    "bronze_liquidations": Recipe(questions=lambda *about: [capture_question(*about, market="usdm")]),
    "bronze_trades": Recipe(
        questions=lambda *about: [
            archive_questions.trade_question(*about),
            capture_question(*about, market="spot"),
        ],
        # The archive gives microseconds, the stream milliseconds: a time is no difference.
        one_copy=("trade_id", "price", "quantity", "is_buyer_maker"),
    ),
}
