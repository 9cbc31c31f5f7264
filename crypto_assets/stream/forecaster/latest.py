"""Each symbol's latest prediction in Redis, or why there is none: hash `prediction:<exchange>:<symbol>`.

`state` is `predicted`, or says in two words what is in the way; `detail` is its sentence. `as_of_us` is when the newest
candle closed, `notice` what has to be said beside all of it. Where the state is `predicted` there are also
`known_at_us`, `model_id`, `is_simulated`, `price`, `interval_share`, `horizons` (seconds, by commas) and for each
horizon `target_time_us_<s>`, `predicted_return_<s>`, `predicted_price_<s>`, `low_<s>` and `high_<s>`. The hash is
replaced as a whole and never goes back to an earlier candle; it is filled again after Redis was emptied.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import redis

from crypto_assets.forecast.notice import notice
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.prediction import Prediction

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
