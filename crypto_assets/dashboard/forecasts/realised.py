"""Predictions of a span beside what came of them: of the lake's days, and live ones of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.dashboard.market.messages import Candle
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, Outcome, outcomes, realised
from crypto_assets.postgres.statements import statement
from crypto_assets.spans import MINUTE_US, to_us

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class has a lower-case name

MOST_LIVE = 100_000
"""Rows of PostgreSQL that are read at most, the newest: three horizons of three weeks."""


@dataclass(frozen=True, slots=True)
class Record:
    """Predictions of one horizon, ascending in time, with the schema of LSTM_PREDICTIONS, and what came of them."""

    rows: pa.Table
    outcome: Outcome | None
    """None where nothing has come due."""

    def between(self, start: datetime, end: datetime) -> Record:
        """Those whose as_of lies in [start, end)."""
        rows = _frame(self.rows).filter(pl.col("as_of").is_between(start, end, closed="left"))
        return _record(rows)

    @property
    def inside(self) -> float | None:
        """Share of prices that came and lie in their interval."""
        return float(self.outcome.inside.mean()) if self.outcome and self.outcome.inside.size else None


def live_predictions(connection: Connection, exchange: str, symbol: str, *, start: datetime, end: datetime) -> pa.Table:
    """What was foretold live of [start, end), nothing realised; raises psycopg2.Error."""
    with connection.cursor() as cursor:
        values = {"exchange": exchange, "symbol": symbol, "start": start, "end": end, "most": MOST_LIVE}
        cursor.execute(statement("select_predictions_of_span"), values)
        found = cursor.fetchall()
    names = [column for column in LSTM_PREDICTIONS.schema.names if column not in _NOT_STORED]
    columns = {name: [row[place] for row in found] for place, name in enumerate(names)}
    columns |= {"is_backcast": [False] * len(found)}
    columns |= {name: [None] * len(found) for name in ("realised_return", "realised_price")}
    schema = LSTM_PREDICTIONS.schema
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


_NOT_STORED = ("is_backcast", "realised_return", "realised_price")


def with_closes(predictions: pa.Table, candles: Iterable[Candle]) -> pa.Table:
    """The predictions, with the closes of candles of one minute as what came, where nothing was known."""
    closed = [one for one in candles if one.is_closed and one.volume is not None]
    if not closed or not predictions.num_rows:
        return predictions
    ends = np.array([to_us(one.open_time) + MINUTE_US for one in closed], np.int64)
    return realised(predictions, as_of_us=ends, close=np.array([one.close for one in closed]))


def joined(stored: pa.Table, live: pa.Table) -> pa.Table:
    """Both, ascending in time; of what both hold the one that says what came, for the live one was said in time."""
    together = pl.concat([_frame(live), _frame(stored)])
    keys = ["as_of", "horizon_s"]
    known = together.sort(*keys, pl.col("realised_price").is_null(), "is_backcast", maintain_order=True)
    return known.unique(keys, keep="first", maintain_order=True).to_arrow().cast(LSTM_PREDICTIONS.schema)


def record_of(predictions: pa.Table, horizon_s: int) -> Record:
    """The predictions of one horizon."""
    return _record(_frame(predictions).filter(pl.col("horizon_s") == horizon_s))


def _record(frame: pl.DataFrame) -> Record:
    rows = frame.to_arrow().cast(LSTM_PREDICTIONS.schema)
    found = next(iter(outcomes(rows)), None)
    return Record(rows, found if found is not None and found.came.size else None)


def _frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(table)
