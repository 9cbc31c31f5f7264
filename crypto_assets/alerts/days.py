"""Finished days and what came of forecasts, read again only where they were written again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from typing import cast

from crypto_assets.alerts.facts import Damaged, ModelSkill
from crypto_assets.config import Settings
from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.drift import WEEK_DAYS, week_skill
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, STEP_S, outcomes, record_of_model
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.health.completeness import MINUTES, Completeness, completeness
from crypto_assets.health.gold import GoldQuality, gold_quality
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, Dataset


class Days:
    """Looks at finished days of a lake; each raises LakeError where nothing of it can be read.

    A day whose file was not written since the last look is taken to be as it was.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, dict[tuple[str, date], tuple[datetime, object]]] = {}
        self._skills: dict[str, tuple[tuple[object, ...], ModelSkill | None]] = {}
        self._promotions: Promotions | None = None

    def silver(self, lake: Lake, days: Sequence[date], *, now: datetime) -> tuple[Completeness | Damaged, ...]:
        """Candles of a minute: days that were made, and those that were not though bronze of them is there."""

        def count(symbol: str, day: date) -> Completeness | None:
            (found,) = completeness(lake, [symbol], [day], now=now)
            return found if found.rows is not None or lake.has(BRONZE_KLINES["1m"], symbol, day) else None

        return tuple(self._each(lake, MINUTES, days, count))

    def gold(self, lake: Lake, days: Sequence[date]) -> tuple[GoldQuality | Damaged, ...]:
        """Features of days that were made."""
        return tuple(self._each(lake, GOLD_FEATURES, days, partial(gold_quality, lake)))

    def skills(self, lake: Lake, *, since: date) -> tuple[ModelSkill, ...]:
        """Forecasts of each symbol's model in force on its last days from `since` on.

        Raises CheckpointError where a ledger of promotions, or a model that it names, is damaged.
        """
        promotions = self._promotions = self._promotions or Promotions(self._settings.checkpoints)
        found: list[ModelSkill] = []
        for symbol in self._settings.symbols:
            promotion = promotions.current(symbol)
            days = [day for day in lake.days(LSTM_PREDICTIONS, symbol) if day >= since][-WEEK_DAYS:]
            if promotion is not None and days:
                found += filter(None, [self._skill(lake, promotions, promotion, days)])
        return tuple(found)

    def _skill(
        self, lake: Lake, promotions: Promotions, promotion: Promotion, days: Sequence[date]
    ) -> ModelSkill | None:
        symbol = promotion.symbol
        version = (promotion.sha256, *((day, lake.written_at(LSTM_PREDICTIONS, symbol, day)) for day in days))
        known = self._skills.get(symbol)
        if known is None or known[0] != version:
            known = self._skills[symbol] = (version, _judge(lake, promotions, promotion, days))
        return known[1]

    def _once[T](
        self, lake: Lake, dataset: Dataset, symbol: str, day: date, look: Callable[[str, date], T | None]
    ) -> T | None:
        written, known = lake.written_at(dataset, symbol, day), self._known[dataset.name]
        if written is None:
            return look(symbol, day)
        held = known.get((symbol, day))
        if held is None or held[0] != written:
            held = known[symbol, day] = (written, look(symbol, day))
        return cast("T | None", held[1])

    def _each[T](
        self, lake: Lake, dataset: Dataset, days: Sequence[date], look: Callable[[str, date], T | None]
    ) -> Iterator[T | Damaged]:
        known = self._known.setdefault(dataset.name, {})
        for left in [place for place in known if place[1] not in days]:
            del known[left]
        failures: list[LakeError] = []
        seen: list[T | Damaged] = []
        for symbol in self._settings.symbols:
            for day in days:
                try:
                    found = self._once(lake, dataset, symbol, day, look)
                except LakeError as error:
                    if error.retryable:
                        raise
                    failures.append(error)
                    seen.append(Damaged(symbol, day, str(error)))
                else:
                    seen += [] if found is None else [found]
        if failures and len(failures) == len(self._settings.symbols) * len(days):
            raise failures[0]  # it is not a file: the lake itself cannot be read
        yield from seen


def _judge(lake: Lake, promotions: Promotions, promotion: Promotion, days: Sequence[date]) -> ModelSkill | None:
    week = lake.read_days(LSTM_PREDICTIONS, promotion.symbol, days)
    shortest = next(outcomes(record_of_model(week, promotion.model_id)), None)
    if shortest is None:
        return None
    source = read_card(promotions.content(promotion)).data.source
    found = week_skill(shortest, step_s=STEP_S[source])
    return ModelSkill(promotion.symbol, promotion.model_id, days[0], days[-1], found)
