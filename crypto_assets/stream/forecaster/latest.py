"""Each symbol's latest predictions, or why there are none: in Redis the hash `prediction:<exchange>:<symbol>`.

`state` is `predicted`, or says in two words what is in the way; `detail` is its sentence. `as_of_us` is when the newest
candle closed, `notice` what has to be said beside all of it. Where the state is `predicted` there are also
`known_at_us`, `model_id`, `is_simulated`, `price`, `interval_share`, `horizons` (seconds, by commas) and for each
horizon `target_time_us_<s>`, `predicted_return_<s>`, `predicted_price_<s>`, `low_<s>` and `high_<s>`. The hash is
replaced as a whole and never goes back to an earlier candle; it is filled again after Redis was emptied.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

import redis

from crypto_assets.errors import BadPayload
from crypto_assets.forecast.notice import notice
from crypto_assets.postgres.statements import statement
from crypto_assets.spans import from_us, to_us
from crypto_assets.stream.forecaster.prediction import Prediction

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class has a lower-case name

PREDICTED = "predicted"

REPLACE = """
local held = redis.call('HGET', KEYS[1], 'as_of_us')
if held and tonumber(held) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'as_of_us', ARGV[1], unpack(ARGV, 2))
return 1
"""
"""Times are below 2^53, which Lua's numbers hold exactly."""


def prediction_key(exchange: str, symbol: str) -> str:
    """Name of the hash of a symbol."""
    return f"prediction:{exchange}:{symbol}"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is said of a symbol: a prediction for each horizon, ascending, or why there is none."""

    as_of: datetime
    """When the newest candle that was read had closed."""
    state: str
    detail: str
    """Sentence of the state; empty where the predictions say all."""
    predictions: tuple[Prediction, ...] = ()


def read_outlook(client: redis.Redis, exchange: str, symbol: str) -> Outlook | None:
    """The forecaster's last words; None where it said none.

    Raises redis.RedisError, and BadPayload where it is not what this version writes.
    """
    key = prediction_key(exchange, symbol)
    raw = cast("Mapping[bytes, bytes]", client.hgetall(key))
    try:
        said = {name.decode(): value.decode() for name, value in raw.items()}
        return _outlook(said, exchange, symbol) if said else None
    except (KeyError, ValueError) as error:
        raise BadPayload(
            f"What Redis holds of {key} is no prediction of this version ({error!r}). The "
            "forecaster writes it anew with the next candle: see that it runs, `make status`."
        ) from error


def read_stored_outlook(connection: Connection, exchange: str, symbol: str) -> Outlook | None:
    """The newest predictions that PostgreSQL has, of the model that was asked last; None where there are none.

    Raises psycopg2.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement("select_newest_predictions"), {"exchange": exchange, "symbol": symbol})
        found = [Prediction(*row) for row in cursor.fetchall()]
    if not found:
        return None
    newest = found[0]
    return Outlook(newest.as_of, PREDICTED, "", tuple(one for one in found if one.model_id == newest.model_id))


class Latest:
    """Writer of the hashes of one exchange; for several threads."""

    def __init__(self, client: redis.Redis, exchange: str) -> None:
        self._replace = client.register_script(REPLACE)
        self._exchange = exchange
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, list[str]]] = {}

    def put(
        self, symbol: str, *, as_of_us: int, state: str, detail: str, predictions: Sequence[Prediction] = ()
    ) -> None:
        """Say this of the symbol from now on; raises redis.RedisError, and then it is said by `merge_all`."""
        said = {"state": state, "detail": detail, "notice": notice(self._exchange), **_fields(predictions)}
        with self._lock:
            held_us, held = self._entries.get(symbol, (0, []))
            entry = max(as_of_us, held_us), [text for pair in said.items() for text in pair]
            if entry == (held_us, held):
                return
            self._entries[symbol] = entry
            self._merge(symbol)

    def merge_all(self) -> None:
        """Put in whatever Redis may have lost; raises redis.RedisError."""
        with self._lock:
            for symbol in self._entries:
                self._merge(symbol)

    def _merge(self, symbol: str) -> None:
        as_of_us, texts = self._entries[symbol]
        self._replace(keys=[prediction_key(self._exchange, symbol)], args=[str(as_of_us), *texts])


def _outlook(said: Mapping[str, str], exchange: str, symbol: str) -> Outlook:
    as_of, state, detail = from_us(int(said["as_of_us"])), said["state"], said["detail"]
    if state != PREDICTED:
        return Outlook(as_of, state, detail)
    predictions = tuple(
        Prediction(
            exchange=exchange,
            symbol=symbol,
            as_of=as_of,
            known_at=from_us(int(said["known_at_us"])),
            target_time=from_us(int(said[f"target_time_us_{horizon_s}"])),
            horizon_s=int(horizon_s),
            price=float(said["price"]),
            predicted_return=float(said[f"predicted_return_{horizon_s}"]),
            predicted_price=float(said[f"predicted_price_{horizon_s}"]),
            low=float(said[f"low_{horizon_s}"]),
            high=float(said[f"high_{horizon_s}"]),
            interval_share=float(said["interval_share"]),
            model_id=said["model_id"],
            is_simulated=said["is_simulated"] == "true",
            notice=said["notice"],
        )
        for horizon_s in said["horizons"].split(",")
    )
    return Outlook(as_of, state, detail, predictions)


def _fields(predictions: Sequence[Prediction]) -> Mapping[str, str]:
    if not predictions:
        return {}
    one = predictions[0]
    fields = {
        "known_at_us": str(to_us(one.known_at)),
        "model_id": one.model_id,
        "is_simulated": str(one.is_simulated).lower(),
        "price": repr(one.price),
        "interval_share": repr(one.interval_share),
        "horizons": ",".join(str(each.horizon_s) for each in predictions),
    }
    for each in predictions:
        values = {
            "target_time_us": str(to_us(each.target_time)),
            "predicted_return": repr(each.predicted_return),
            "predicted_price": repr(each.predicted_price),
            "low": repr(each.low),
            "high": repr(each.high),
        }
        fields |= {f"{name}_{each.horizon_s}": value for name, value in values.items()}
    return fields
