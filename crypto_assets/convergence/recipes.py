"""For each bronze dataset: which files, captures and requests its days are made from, in the order of trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from crypto_assets.binance import futures, spot
from crypto_assets.binance.archive_tables import METRICS_PERIOD
from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.convergence import archive_questions
from crypto_assets.convergence.capture_questions import capture_question
from crypto_assets.convergence.delivery import Question
from crypto_assets.convergence.sources import Sources
from crypto_assets.schemas import BRONZE_OPEN_INTEREST, TIMEFRAMES, Dataset
from crypto_assets.spans import Span

OPEN_INTEREST_KEPT = timedelta(days=29)
"""REST answers for the last 30 days; a request at the very edge of them would be refused."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a day of one dataset is completed."""

    questions: tuple[Callable[[Dataset, str, Span, Sources], Question], ...]
    """From dataset, symbol, the whole UTC day and the sources to an origin to ask."""
    rest: Callable[[Sources, str, Span], Parsed] | None = None
    """Asks REST for a span that nothing else filled."""
    pace: timedelta | None = None
    """Distance of rows in a complete day; None where events come as they come."""
    on_grid: bool = False
    """Whether only a row at the very start of a slot fills it: a candle off the grid is no candle of its minute."""
    page: int = spot.PAGE
    """Rows in one REST answer."""
    required: bool = False
    """Whether a day without a row is an error."""
    one_copy: tuple[str, ...] = ()
    """Columns that make a row a copy of a more trusted source's, which alone is kept; empty where silver decides."""


def _klines(timeframe: str) -> Recipe:
    return Recipe(
        questions=(partial(archive_questions.kline_question, timeframe=timeframe),),
        rest=lambda sources, symbol, span: sources.spot.klines(symbol, timeframe, span.start, span.end),
        pace=TIMEFRAMES[timeframe],
        on_grid=True,
        required=timeframe == "1m",
    )


def _open_interest(sources: Sources, symbol: str, span: Span) -> Parsed:
    if span.end <= sources.now() - OPEN_INTEREST_KEPT:
        return join_parsed([], payload=BRONZE_OPEN_INTEREST.payload)
    return sources.futures.open_interest_history(symbol, span.start, span.end)


def _mark_prices(sources: Sources, symbol: str, span: Span) -> Parsed:
    return archive_questions.mark_prices_of(
        sources.futures.mark_price_klines(symbol, "1m", span.start, span.end),
        sources.futures.index_price_klines(symbol, "1m", span.start, span.end),
    )


_spot_capture = partial(capture_question, market="spot")
_usdm_capture = partial(capture_question, market="usdm")

RECIPES: Mapping[str, Recipe] = {
    **{f"bronze_klines_{timeframe}": _klines(timeframe) for timeframe in TIMEFRAMES},
    "bronze_funding_rate": Recipe(
        questions=(archive_questions.funding_question,),
        rest=lambda sources, symbol, span: sources.futures.funding_rates(symbol, span.start, span.end),
    ),
    "bronze_open_interest": Recipe(
        questions=tuple(partial(archive_questions.metrics_question, days_before=days) for days in (1, 0)),
        rest=_open_interest,
        pace=METRICS_PERIOD,
        page=futures.STATISTICS_PAGE,
    ),
    "bronze_mark_price": Recipe(
        questions=(archive_questions.mark_price_question, _usdm_capture),
        rest=_mark_prices,
        pace=timedelta(minutes=1),
        page=futures.KLINES_PAGE,
    ),
    "bronze_orderbook": Recipe(questions=(_spot_capture,)),
    "bronze_liquidations": Recipe(questions=(_usdm_capture,)),
    "bronze_trades": Recipe(
        questions=(archive_questions.trade_question, _spot_capture),
        # The archive gives microseconds, the stream milliseconds: a time is no difference.
        one_copy=("trade_id", "price", "quantity", "is_buyer_maker"),
    ),
}
