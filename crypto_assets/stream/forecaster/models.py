"""The models in force, taken up while the forecaster runs: a thread looks at the ledgers of promotions.

TensorFlow is imported with the first model; until then the program is light.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

import numpy as np

from crypto_assets.errors import CheckpointError, CryptoAssetsError
from crypto_assets.features.declaration import FEATURES
from crypto_assets.features.feature import Source
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import load_checkpoint, read_card
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.spans import MINUTE_US

POLL_S = 5.0  # a request for each symbol, of a store that may count them
MOST_WINDOW = 1_440
"""Rows of the longest window that is served: a day."""
NO_MODEL = "no promoted model"
LOADING = "loading a model"
REFUSED = "refused model"

log = logging.getLogger(__name__)


class Foretells(Protocol):
    """A loaded model, such as `checkpoint.Checkpoint`."""

    @property
    def card(self) -> ModelCard: ...

    def predict(self, table: FeatureTable, rows: IntArray) -> FloatArray:
        """Log-returns at rows of a table, shape (rows, horizons)."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """A model in force."""

    promotion: Promotion
    foretells: Foretells

    @property
    def card(self) -> ModelCard:
        """Its card."""
        return self.foretells.card


@dataclass(frozen=True, slots=True)
class Absent:
    """Why nothing is foretold of a symbol."""

    state: str
    """In a few words: NO_MODEL, LOADING (candles wait for it) or REFUSED."""
    sentence: str


_NO_MODEL = Absent(
    NO_MODEL,
    "no model is promoted, so nothing is foretold: materialise the job forecast",
)


_UNKNOWN = Absent(LOADING, "the ledger of promotions is being read.")


class Models:
    """The model of each symbol, as the ledgers say; looks by itself between `begin` and `end`."""

    def __init__(
        self,
        promotions: Promotions,
        symbols: Sequence[str],
        *,
        exchange: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        load: Callable[[bytes], Foretells] | None = None,
    ) -> None:
        self._promotions = promotions
        self._exchange = exchange
        self._now = now
        self._load = load or _load
        self._seen: dict[str, Promotion | None] = {}
        self._models: Mapping[str, Model | Absent] = dict.fromkeys(symbols, _UNKNOWN)
        self._trouble: dict[str, str] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models", daemon=True)

    def of(self, symbol: str) -> Model | Absent:
        """The model of a symbol, or why there is none."""
        return self._models[symbol]

    def look(self) -> None:
        """Look at every ledger once, and load what is new in it."""
        for symbol in self._models:
            try:
                promotion = self._promotions.at(symbol, self._now(), backcast=True)
                if symbol in self._seen and self._seen[symbol] == promotion:
                    continue
                self._take(symbol, promotion)
                self._trouble.pop(symbol, None)
            except CheckpointError as error:
                self._seen.pop(symbol, None)  # the file may be put back
                self._put(symbol, Absent(REFUSED, str(error)))
            except CryptoAssetsError as error:  # the store is away: what is loaded stays in force
                self._say(symbol, str(error))

    def begin(self) -> None:
        """Look from now on, every POLL_S."""
        self._thread.start()

    def end(self) -> None:
        """Look no more; a model that is being loaded is left to itself."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            self.look()
            if self._ending.wait(POLL_S):
                return

    def _take(self, symbol: str, promotion: Promotion | None) -> None:
        if promotion is None:
            self._put(symbol, _NO_MODEL)
        else:
            content = self._promotions.content(promotion)
            card = read_card(content)
            if reason := refusal(card, exchange=self._exchange):
                self._put(symbol, Absent(REFUSED, reason))
            else:
                if isinstance(self.of(symbol), Absent):
                    self._put(symbol, Absent(LOADING, f"{card.model_id} is being loaded."))
                self._put(symbol, Model(promotion, self._load(content)))
        self._seen[symbol] = promotion

    def _put(self, symbol: str, model: Model | Absent) -> None:
        former = self._models[symbol]
        self._models = {**self._models, symbol: model}
        if isinstance(model, Model):
            log.info("%s: %s is in force", symbol, model.card.model_id)
        elif model != former:
            log.warning("%s: %s", symbol, model.sentence)

    def _say(self, symbol: str, trouble: str) -> None:
        if self._trouble.get(symbol) != trouble:
            log.warning("%s: the ledger of promotions cannot be read, what is loaded stays: %s", symbol, trouble)
            if self.of(symbol) == _UNKNOWN:
                self._put(symbol, Absent(LOADING, f"the ledger of promotions cannot be read: {trouble}"))
        self._trouble[symbol] = trouble


def refusal(card: ModelCard, *, exchange: str) -> str | None:
    """Why a promoted model cannot be served live, in a sentence; None where it can.

    Live there are candles of 1m, 5m and 15m only: no order book, no perpetual, no candles of a second.
    """
    if card.exchange != exchange:
        return (
            f"{card.model_id} was trained on the market of {card.exchange}, and this is that of {exchange}: it is not "
            "served. Materialise the job forecast on data of this market."
        )
    if card.data.source != "gold_features":
        return (
            f"{card.model_id} reads {card.data.source}, which are not computed live: only gold_features of candles "
            "are. Materialise the job forecast with the source gold_features; batch predictions of it go on."
        )
    known = {feature.name: feature.source for feature in FEATURES}
    unknown = [name for name in card.features if name not in known]
    if unknown:
        return (
            f"{card.model_id} reads {', '.join(unknown)}, which gold does not have (any more). Train it anew: "
            "materialise the job forecast."
        )
    foreign = [name for name in card.features if known[name] is not Source.KLINES]
    if foreign:
        return (
            f"{card.model_id} reads {', '.join(foreign)}, which come from the order book or the perpetual: live, "
            "features are computed from candles only. Materialise the job forecast with features of candles; batch "
            "predictions of it go on."
        )
    if card.data.window > MOST_WINDOW:
        return f"{card.model_id} reads windows of {card.data.window:,} rows; live they have {MOST_WINDOW:,} at most."
    return None


def _load(content: bytes) -> Foretells:
    """The model, warmed up with the features: the first of each would take seconds."""
    from crypto_assets.features.compute import compute_features

    compute_features(FeatureInputs({}), day=date(2024, 1, 1))
    _prepare_tensorflow()
    checkpoint = load_checkpoint(content)
    card = checkpoint.card
    checkpoint.predict(_blank_table(card), np.array([card.data.window - 1]))
    return checkpoint


def _blank_table(card: ModelCard) -> FeatureTable:
    rows = card.data.window
    opened = np.arange(rows, dtype=np.int64) * MINUTE_US
    return FeatureTable(
        symbol=card.symbol,
        source=card.data.source,
        step_us=MINUTE_US,
        features=card.features,
        open_us=opened,
        as_of_us=opened + MINUTE_US,
        close=np.ones(rows),
        is_real=np.ones(rows, dtype=bool),
        warm=np.ones(rows, dtype=bool),
        values=np.tile(np.asarray(card.normaliser.mean), (rows, 1)),
    )


def _prepare_tensorflow() -> None:
    """One window a minute needs one thread, and no GPU."""
    import tensorflow as tf

    with suppress(RuntimeError):  # it has begun to work already, as in a test's process
        tf.config.set_visible_devices([], "GPU")
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
