"""What was foretold last: the forecaster's hash in Redis, else its newest rows in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from crypto_assets.errors import BadPayload
from crypto_assets.spans import from_us
from crypto_assets.stream.forecaster.latest import PREDICTED, prediction_key

if TYPE_CHECKING:
    import redis
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class has a lower-case name


@dataclass(frozen=True, slots=True)
class Foretold:
    """One horizon; prices in the quote asset."""

    horizon_s: int
    target_time: datetime
    predicted_return: float
    """Log-return."""
    predicted_price: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Latest:
    """What is said of a symbol: a prediction, or why there is none."""

    as_of: datetime
    """When the newest candle that was read had closed."""
    state: str
    detail: str
    """Sentence of the state; empty where the prediction says all."""
    model_id: str = ""
    price: float = 0.0
    """At `as_of`."""
    interval_share: float = 0.0
    horizons: tuple[Foretold, ...] = ()

    @property
    def is_prediction(self) -> bool:
        """Whether anything is foretold."""
        return self.state == PREDICTED and bool(self.horizons)


def read_latest(client: redis.Redis, exchange: str, symbol: str) -> Latest | None:
    """The forecaster's last words; None where it said none.

    Raises redis.RedisError, and BadPayload where it is not what this version writes.
    """
    raw = cast("Mapping[bytes, bytes]", client.hgetall(prediction_key(exchange, symbol)))
    try:
        said = {key.decode(): value.decode() for key, value in raw.items()}
        return _latest(said) if said else None
    except (KeyError, ValueError) as error:
        raise BadPayload(
            f"What Redis holds of {prediction_key(exchange, symbol)} is no prediction of this version ({error!r}). The "
            "forecaster writes it anew with the next candle: see that it runs, `make status`."
        ) from error


def _latest(said: Mapping[str, str]) -> Latest:
    as_of = from_us(int(said["as_of_us"]))
    if said["state"] != PREDICTED:
        return Latest(as_of, said["state"], said["detail"])
    return Latest(
        as_of,
        said["state"],
        said["detail"],
        model_id=said["model_id"],
        price=float(said["price"]),
        interval_share=float(said["interval_share"]),
        horizons=tuple(_foretold(said, int(horizon)) for horizon in said["horizons"].split(",")),
    )


_NEWEST = """
SELECT as_of, model_id, price, interval_share, horizon_s, target_time, predicted_return, predicted_price, low, high
FROM public.predictions
WHERE exchange = %(exchange)s AND symbol = %(symbol)s AND as_of = (
    SELECT MAX(as_of) FROM public.predictions WHERE exchange = %(exchange)s AND symbol = %(symbol)s
)
ORDER BY known_at DESC, horizon_s
"""


def stored_latest(connection: Connection, exchange: str, symbol: str) -> Latest | None:
    """The newest prediction that is stored, of the model that was asked last; None where there is none.

    Raises psycopg2.Error.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"exchange": exchange, "symbol": symbol})
        rows = cursor.fetchall()
    if not rows:
        return None
    as_of, model_id, price, share = rows[0][:4]
    horizons = tuple(Foretold(*row[4:]) for row in rows if row[1] == model_id)
    return Latest(as_of, PREDICTED, "", model_id, price, share, horizons)


def _foretold(said: Mapping[str, str], horizon_s: int) -> Foretold:
    return Foretold(
        horizon_s,
        from_us(int(said[f"target_time_us_{horizon_s}"])),
        float(said[f"predicted_return_{horizon_s}"]),
        float(said[f"predicted_price_{horizon_s}"]),
        float(said[f"low_{horizon_s}"]),
        float(said[f"high_{horizon_s}"]),
    )
