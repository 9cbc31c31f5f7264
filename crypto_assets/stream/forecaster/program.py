"""The forecaster's life: alone, it foretells the symbols whose model is promoted, candle by candle, until its end.

For each closed candle, in this order: rows into PostgreSQL, which says how they are stored; into Kafka; into Redis;
then the offset of the candle is committed. Killed anywhere, the next forecaster reads the candle again: PostgreSQL
keeps the row that is there, and Kafka gets a copy that says the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import psycopg2
import redis
from filelock import FileLock, Timeout

from crypto_assets.config import Exchange, Settings
from crypto_assets.endpoints import exchange_name, kafka_servers, postgres_url, redis_url, schema_registry
from crypto_assets.errors import BadPayload, ConfigurationError, CryptoAssetsError, ServiceUnavailable
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.metrics.serving import serve_metrics
from crypto_assets.spans import to_us
from crypto_assets.stream.beat import Beat
from crypto_assets.stream.forecaster.announce import Announcer
from crypto_assets.stream.forecaster.feed import Feed
from crypto_assets.stream.forecaster.figures import Figures
from crypto_assets.stream.forecaster.foretell import Foretold, foretell
from crypto_assets.stream.forecaster.latest import PREDICTED, Latest
from crypto_assets.stream.forecaster.models import LOADING, Absent, Model, Models
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets.stream.forecaster.store import Store
from crypto_assets.stream.forecaster.symbols import SymbolCandles
from crypto_assets.stream.reader import LiveTopics, TopicState
from crypto_assets.stream.topics import KLINES, PREDICTIONS

ENDED, FAILED, NOT_ALONE = 0, 1, 3
"""Exit codes."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
TOPICS_EVERY_S = 5.0
"""How often it is asked whether the topic is still the one that is read."""
COMMIT_EVERY_S = 5.0
LOG_EVERY_S = 60.0
CONTRADICTION = "candles contradict each other"
WAITS = "waits for a candle"

log = logging.getLogger(__name__)


class Stopping(Exception):
    """Raised where the program is to end: what was not committed is read again by the next one."""


class Forecaster:
    """One forecaster of one exchange; `run` returns the exit code."""

    def __init__(self, settings: Settings) -> None:
        self._exchange = exchange_name(settings)
        self._servers = kafka_servers(settings)
        self._lock = settings.data_dir / "stream" / f"forecaster-{self._exchange}.lock"
        self._topics = LiveTopics(self._servers, self._exchange)
        self._stop = threading.Event()
        self._taken = False
        self._trouble = ""
        self._redis_answers = threading.Event()
        self._redis_answers.set()
        lake = Lake(settings.lake)
        self._symbols = {symbol: SymbolCandles(lake, symbol) for symbol in settings.symbols}
        self._told: dict[str, Absent | Model] = {}
        self._sentences: dict[str, str] = {}
        self._models = Models(Promotions(settings.checkpoints), settings.symbols, exchange=self._exchange)
        self._store = Store(postgres_url(settings))
        self._announcer = Announcer(self._servers, self._exchange, registry=schema_registry(settings))
        self._figures = Figures(with_the_clock=_keeps_time(settings))
        client = redis.Redis.from_url(redis_url(settings), socket_timeout=2, socket_connect_timeout=2)
        self._latest = Latest(client, self._exchange)
        page = serve_metrics(self._figures.registry, host=settings.metrics_host, port=settings.metrics_port)
        self._beat = Beat(
            client,
            self._exchange,
            "forecaster",
            counted=self._figures,
            trouble=lambda: self._trouble,
            also=self._latest.merge_all,
            lost=self._give_way,
            answers=self._redis_answers,
            metrics_port=page.port,
        )

    def stop(self) -> None:
        """Let `run` end once the candle at hand is published."""
        self._stop.set()

    def run(self) -> int:
        """Work until `stop`; returns ENDED, or NOT_ALONE. Raises CryptoAssetsError where it cannot go on."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._lock, timeout=0):
                if not self._beat.take_lease(self._stop):
                    return self._refuse("on another machine, or one that was just killed")
                return self._alone()
        except Timeout:
            return self._refuse("in this DATA_DIR")

    def _refuse(self, where: str) -> int:
        log.error("Another forecaster of %s runs %s; this one ends.", self._exchange, where)
        return NOT_ALONE

    def _alone(self) -> int:
        self._beat.begin()
        try:
            self._work()
        except Stopping:
            pass
        except CryptoAssetsError as error:
            self._beat.end("failed", str(error))
            raise
        finally:
            self._models.end()
            self._topics.close()
        if self._taken:
            self._beat.end("failed", "another forecaster took the lease")
            return self._refuse("and took the lease")
        self._beat.end("stopped")
        log.info("Stopped after %d predictions", self._figures.figures()["predictions"])
        return ENDED

    def _give_way(self) -> None:
        self._taken = True
        self._stop.set()

    def _work(self) -> None:
        self._until_done(self._store.open)
        self._models.begin()
        self._beat.state = "running"
        while not self._stop.is_set():
            feed = self._until_done(self._open_feed)
            try:
                self._serve(feed)
            except ServiceUnavailable as error:
                log.warning("%s It is asked again.", error)
                self._trouble = str(error)
            finally:
                feed.close()
            self._stop.wait(FIRST_PAUSE_S)
        self._beat.state = "stopping"

    def _open_feed(self) -> Feed:
        """The feed, once its topic is there; raises ServiceUnavailable or LakeError."""
        states = self._topics.states([KLINES, PREDICTIONS])
        missing = [topic.of(self._exchange) for topic in (KLINES, PREDICTIONS) if topic.name not in states]
        if missing:
            self._tell_models()
            raise ServiceUnavailable(f"waits for the topics {', '.join(missing)}, which the collector makes")
        now = datetime.now(UTC)
        positions = [found for held in self._symbols.values() for found in held.days.positions(now.date())]
        state: TopicState = states[KLINES.name]
        return Feed(self._servers, self._exchange, state, list(self._symbols), positions=positions, now=now)

    def _serve(self, feed: Feed) -> None:
        """Foretell what comes until it is to stop, or the topic is another one; raises ServiceUnavailable."""
        looked_at = committed_at = logged_at = time.monotonic()
        refresh = False
        while not self._stop.is_set():
            taken = feed.take()
            self._figures.count("rejected", taken.rejected)
            for candles in taken.candles:
                self._symbols[candles.symbol].take(candles)
            self._tell_models()
            now = time.monotonic()
            ready = [held for held in self._symbols.values() if held.is_ready] if taken.is_current else []
            for held in ready:
                self._until_done(lambda held=held: self._foretell(held))
            if not taken.is_current or any(held.is_waiting for held in self._symbols.values()):
                continue
            if ready or now - committed_at > COMMIT_EVERY_S:
                committed_at = now
                feed.commit()
            elif refresh:  # with time until the next candle
                self._until_done(self._refresh)
            refresh = bool(ready)
            if now - looked_at > TOPICS_EVERY_S:
                looked_at = now
                state = self._topics.state(KLINES)
                if state is None or state.topic_id != feed.topic_id:
                    return
            if now - logged_at > LOG_EVERY_S:
                logged_at = now
                log.info("%s", " ".join(f"{name}={value:.3g}" for name, value in self._figures.figures().items()))

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
                stored = self._store.write(foretold.predictions)
                self._announcer.send(stored)
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
        self._beat.detail = _summary(self._sentences)
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

    def _until_done[T](self, act: Callable[[], T]) -> T:
        """The outcome, after as many attempts as it takes: what it needs may be away for long; raises Stopping."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                outcome = act()
            except ConfigurationError:
                raise
            except (CryptoAssetsError, psycopg2.Error) as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                if self._trouble != reason:
                    log.warning("%s", reason)
                self._trouble = reason
            else:
                if self._trouble:
                    log.info("It goes on")
                self._trouble = ""
                return outcome
            if self._stop.wait(pause_s):
                raise Stopping
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


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
