"""The forecaster's life: alone, it foretells the symbols whose model is promoted, candle by candle, until its end.

For each closed candle, in this order: rows into PostgreSQL, which says how they are stored; into Kafka; into Redis;
then the offset of the candle is committed. Killed anywhere, the next forecaster reads the candle again: PostgreSQL
keeps the row that is there, and Kafka gets a copy that says the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import redis

from crypto_assets.config import Exchange, Settings
from crypto_assets.endpoints import kafka_servers, postgres_url, schema_registry
from crypto_assets.errors import BadPayload, ServiceUnavailable
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.kept import KeptConnection
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.feed import Feed
from crypto_assets.stream.forecaster.figures import Figures
from crypto_assets.stream.forecaster.foretell import Foretold, foretell
from crypto_assets.stream.forecaster.latest import PREDICTED, Latest
from crypto_assets.stream.forecaster.models import LOADING, Absent, Model, Models
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets.stream.forecaster.store import write_predictions
from crypto_assets.stream.forecaster.symbols import SymbolCandles
from crypto_assets.stream.life import FIRST_PAUSE_S, Life
from crypto_assets.stream.publisher import Publisher
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import KLINES, PREDICTIONS

TOPICS_EVERY_S = 5.0
"""How often it is asked whether the topic is still the one that is read."""
COMMIT_EVERY_S = 5.0
CONTRADICTION = "candles contradict each other"
WAITS = "waits for a candle"

log = logging.getLogger(__name__)


class Forecaster:
    """One forecaster of one exchange; `run` returns the exit code."""

    def __init__(self, settings: Settings) -> None:
        self._figures = Figures(with_the_clock=_keeps_time(settings))
        self._life = Life("forecaster", settings, counted=self._figures)
        self._exchange = self._life.exchange
        self._servers = kafka_servers(settings)
        self._topics = LiveTopics(self._servers, self._exchange)
        lake = Lake(settings.lake)
        self._symbols = {symbol: SymbolCandles(lake, symbol) for symbol in settings.symbols}
        self._told: dict[str, Absent | Model] = {}
        self._sentences: dict[str, str] = {}
        self._models = Models(Promotions(settings.checkpoints), settings.symbols, exchange=self._exchange)
        self._postgres = KeptConnection(postgres_url(settings))
        self._publisher = Publisher(self._servers, PREDICTIONS, self._exchange, registry=schema_registry(settings))
        self._latest = Latest(self._life.redis, self._exchange)

    def stop(self) -> None:
        """Let `run` end once the candle at hand is published."""
        self._life.stop.set()

    def run(self) -> int:
        """Work until `stop`; returns the exit code. Raises CryptoAssetsError where it cannot go on."""
        return self._life.live(self._work, also=self._latest.merge_all)

    def _work(self) -> None:
        self._life.until_done(self._postgres.open)
        self._models.begin()
        self._life.state = "running"
        try:
            while not self._life.stop.is_set():
                feed = self._life.until_done(self._open_feed)
                try:
                    self._serve(feed)
                except ServiceUnavailable as error:
                    log.warning("%s It is asked again.", error)
                    self._life.trouble = str(error)
                finally:
                    feed.close()
                self._life.stop.wait(FIRST_PAUSE_S)
        finally:
            self._life.state = "stopping"
            self._models.end()
            self._topics.close()

    def _open_feed(self) -> Feed:
        """The feed, once its topic is there; raises ServiceUnavailable or LakeError."""
        states = self._topics.states([KLINES, PREDICTIONS])
        missing = [topic.of(self._exchange) for topic in (KLINES, PREDICTIONS) if topic.name not in states]
        if missing:
            self._tell_models()
            raise ServiceUnavailable(f"waits for the topics {', '.join(missing)}, which the collector makes")
        now = datetime.now(UTC)
        positions = [found for held in self._symbols.values() for found in held.days.positions(now.date())]
        return Feed(
            self._servers, self._exchange, states[KLINES.name], list(self._symbols), positions=positions, now=now
        )

    def _serve(self, feed: Feed) -> None:
        """Foretell what comes until it is to stop, or the topic is another one; raises ServiceUnavailable."""
        looked_at = committed_at = time.monotonic()
        refresh = False
        while not self._life.stop.is_set():
            taken = feed.take()
            self._figures.count("rejected", taken.rejected)
            for candles in taken.candles:
                self._symbols[candles.symbol].take(candles)
            self._tell_models()
            now = time.monotonic()
            ready = [held for held in self._symbols.values() if held.is_ready] if taken.is_current else []
            for held in ready:
                self._life.until_done(lambda held=held: self._foretell(held))
            if not taken.is_current or any(held.is_waiting for held in self._symbols.values()):
                continue
            if ready or now - committed_at > COMMIT_EVERY_S:
                committed_at = now
                feed.commit()
            elif refresh:  # with time until the next candle
                self._life.until_done(self._refresh)
            refresh = bool(ready)
            if now - looked_at > TOPICS_EVERY_S:
                looked_at = now
                state = self._topics.state(KLINES)
                if state is None or state.topic_id != feed.topic_id:
                    return

    def _refresh(self) -> None:
        for held in self._symbols.values():
            held.refresh()

    def _foretell(self, held: SymbolCandles) -> None:
        """Foretell what waits of a symbol and publish it; raises CryptoAssetsError or psycopg2.Error where it must be
        done again."""
        model, waiting, newest_us = self._models.of(held.symbol), held.waiting(), held.newest_us
        stored: list[Prediction] = []
        if isinstance(model, Absent) and model.state == LOADING:
            return  # they wait for it
        if isinstance(model, Model):
            begun = time.monotonic()
            foretold = self._foretold(held, model)
            took_s = time.monotonic() - begun
            if foretold.predictions:
                stored = write_predictions(self._postgres, foretold.predictions)
                self._publisher.send([one.message() for one in stored])
            self._show(held, foretold, stored)
            if stored and newest_us in waiting:
                self._figures.note_published(
                    held.symbol,
                    rows=len(stored),
                    as_of_us=newest_us,
                    received_us=held.received_us(newest_us),
                    published_us=time.time_ns() // 1_000,
                    computing_s=took_s,
                )
        else:
            self._put(held, model.state, model.sentence)
        self._figures.count("candles", len(waiting))
        held.done(to_us(one.as_of) for one in stored)

    def _foretold(self, held: SymbolCandles, model: Model) -> Foretold:
        try:
            return foretell(
                held.rows,
                model,
                as_of_us=held.waiting(),
                newest_us=held.newest_us,
                exchange=self._exchange,
                now=datetime.now(UTC),
            )
        except BadPayload as error:
            return Foretold(CONTRADICTION, str(error))

    def _show(self, held: SymbolCandles, foretold: Foretold, stored: list[Prediction]) -> None:
        """Say what came of the newest candle, where it was among those that waited."""
        if held.newest_us not in held.waiting():
            return
        newest = [one for one in stored if to_us(one.as_of) == held.newest_us]
        if foretold.state == PREDICTED and newest:
            self._put(held, PREDICTED, f"predicted by {newest[0].model_id}", predictions=newest)
        else:
            self._figures.count("unforetold")
            self._put(held, foretold.state, foretold.sentence)

    def _put(self, held: SymbolCandles, state: str, sentence: str, *, predictions: Sequence[Prediction] = ()) -> None:
        """Say it in Redis and in the heartbeat."""
        if self._sentences.get(held.symbol) != sentence:
            self._sentences[held.symbol] = sentence
            log.info("%s: %s", held.symbol, sentence)
        self._life.detail = _summary(self._sentences)
        try:
            self._latest.put(
                held.symbol, as_of_us=held.newest_us, state=state, detail=sentence, predictions=predictions
            )
        except redis.RedisError as error:
            log.warning("Redis does not take %s, it follows when it does: %s", held.symbol, type(error).__name__)

    def _tell_models(self) -> None:
        """Say where a model came or went, without waiting for a candle."""
        found = {symbol: self._models.of(symbol) for symbol in self._symbols}
        self._figures.note_models(sum(isinstance(model, Model) for model in found.values()))
        for symbol, model in found.items():
            if self._told.get(symbol) is model:
                continue
            self._told[symbol] = model
            if isinstance(model, Absent):
                self._put(self._symbols[symbol], model.state, model.sentence)
            else:
                self._put(self._symbols[symbol], WAITS, f"{model.card.model_id} is in force from the next candle on")


def _summary(sentences: Mapping[str, str]) -> str:
    """What is said of the symbols, those of whom the same is said together."""
    together: dict[str, list[str]] = {}
    for symbol, sentence in sentences.items():
        together.setdefault(sentence, []).append(symbol)
    return "; ".join(f"{', '.join(symbols)}: {sentence}" for sentence, symbols in together.items())


def _keeps_time(settings: Settings) -> bool:
    """Whether the market runs with the clock of this machine, and not faster or in the past."""
    if settings.exchange is Exchange.SIMULATOR:
        return settings.simulator_speed == 1
    return settings.exchange is Exchange.BINANCE
