"""The evaluations of the lake: what a day's model is worth, as figures and as the forecasts that they are about."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.forecast.judge.baselines import BASELINES, MAJORITY_SIGN, column_of
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.leaks import Leak
from crypto_assets.forecast.judge.verdict import Verdict
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import Dataset, described

SCHEMA_VERSION = 1
JUDGE_AGAIN = "Materialise lstm_evaluation of this day again."

LSTM_EVALUATION = Dataset(
    name="lstm_evaluation",
    payload=pa.schema(
        [
            described("as_of_us", pa.int64(), "moment of the forecast, us UTC: when the newest candle had closed"),
            described(
                "fold", pa.int32(), "step of the walk, from 1, ascending in time; none of its rows was fitted on"
            ),
            described("seed", pa.int64(), "of the network; the first one of the newest fold is the checkpoint itself"),
            described("horizon", pa.int32(), "rows ahead"),
            described("regime", pa.int8(), "volatility before the forecast: 0 quiet, 1 usual, 2 wild"),
            described("realised", pa.float64(), "log-return that came"),
            described("forecast", pa.float64(), "log-return that the model foretold"),
            described("half_width", pa.float64(), "half of the interval around it, log-return"),
            *(
                described(
                    column_of(name),
                    pa.float64(),
                    f"log-return that {name} foretold{' (a direction, 1 or -1)' if name == MAJORITY_SIGN else ''}",
                )
                for name in BASELINES
            ),
        ]
    ),
    key=("as_of_us", "fold", "seed", "horizon"),
    folder="forecast/evaluations/symbol={symbol}/date={day}",
    file="evaluation.json",
)
"""Columns of the forecasts; the day's file names the one that holds them."""


class ModelEvaluation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is known of a model's worth."""

    schema_version: int = SCHEMA_VERSION
    key: str
    """sha256 of all that the figures depend on: model, training set, options, library versions."""
    symbol: str
    exchange: str
    as_of_day: date
    made_at: datetime
    model_id: str
    checkpoint_sha256: str
    """Of the model's file."""
    training_set_sha256: str
    evaluation: Evaluation
    verdict: Verdict
    leaks: tuple[Leak, ...]
    audited: tuple[str, ...]
    """What was computed again from what was known then, for people."""
    forecasts: str = ""
    """Name of the file of forecasts, which ends in the beginning of its sha256; `Evaluations.publish` fills it in."""
    forecasts_sha256: str = ""


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """An evaluation as the lake holds it."""

    evaluated: ModelEvaluation
    uri: str
    bytes: int
    """Of both files."""
    changed: bool = False
    """Whether it was this publication that wrote it."""


class Evaluations:
    """Publishes and reads evaluations; all methods raise LakeError where the store cannot be used.

    The forecasts are written first, into a file named for their content, then the figures that name it: an end in
    between leaves the former evaluation whole. What it does not name any more is removed last.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def publish(self, evaluated: ModelEvaluation, forecasts: pa.Table) -> StoredEvaluation:
        """Make this the evaluation of its day; `forecasts` has the columns of LSTM_EVALUATION."""
        folder = evaluation_folder(evaluated.symbol, evaluated.as_of_day)
        content = _to_parquet(forecasts)
        sha256 = hashlib.sha256(content).hexdigest()
        named = f"forecasts-{sha256[:16]}.parquet"
        evaluated = msgspec.structs.replace(evaluated, forecasts=named, forecasts_sha256=sha256)
        figures = encode_evaluated(evaluated)
        self._lake.files.publish(f"{folder}/{named}", content)
        changed = self._lake.files.publish(f"{folder}/{LSTM_EVALUATION.file}", figures)
        for name in self._lake.files.names(folder):
            if name.startswith("forecasts-") and name != named:
                self._lake.files.remove(f"{folder}/{name}")
        return StoredEvaluation(evaluated, self.uri_of(evaluated), len(content) + len(figures), changed)

    def read(self, symbol: str, day: date) -> StoredEvaluation | None:
        """The evaluation of a day; None where there is none."""
        path = f"{evaluation_folder(symbol, day)}/{LSTM_EVALUATION.file}"
        raw = self._lake.files.read(path)
        if raw is None:
            return None
        evaluated = decode_evaluated(raw, uri=self._lake.files.uri_of(path))
        beside = self._lake.files.size(f"{evaluation_folder(symbol, day)}/{evaluated.forecasts}") or 0
        return StoredEvaluation(evaluated, self.uri_of(evaluated), len(raw) + beside)

    def forecasts(self, evaluated: ModelEvaluation) -> pa.Table:
        """The forecasts that an evaluation is about, with the columns of LSTM_EVALUATION."""
        path = f"{evaluation_folder(evaluated.symbol, evaluated.as_of_day)}/{evaluated.forecasts}"
        content = self._lake.files.read_published(path, sha256=evaluated.forecasts_sha256, advice=JUDGE_AGAIN)
        return pq.read_table(io.BytesIO(content))

    def days(self, symbol: str) -> list[date]:
        """Days of a symbol that have an evaluation, ascending."""
        return self._lake.days(LSTM_EVALUATION, symbol)

    def uri_of(self, evaluated: ModelEvaluation) -> str:
        """Where the figures lie."""
        return self._lake.uri_of(LSTM_EVALUATION, evaluated.symbol, evaluated.as_of_day)


def evaluation_folder(symbol: str, day: date) -> str:
    """Where the files of a day's evaluation lie."""
    return LSTM_EVALUATION.folder.format(symbol=symbol, day=day.isoformat())


def encode_evaluated(evaluated: ModelEvaluation) -> bytes:
    """Indented JSON; raises LakeError where it could not be read again, as where a figure is no number."""
    content = msgspec.json.format(msgspec.json.encode(evaluated), indent=1) + b"\n"
    decode_evaluated(content, uri="what was to be published")
    return content


def decode_evaluated(content: bytes, *, uri: str) -> ModelEvaluation:
    """The evaluation of these bytes; raises LakeError where they are none, or of another version."""
    try:
        found = msgspec.json.decode(content, type=_Version).schema_version
        if found != SCHEMA_VERSION:
            raise LakeError(
                f"{uri} is of version {found}, and this program reads version {SCHEMA_VERSION}. {JUDGE_AGAIN}"
            )
        return msgspec.json.decode(content, type=ModelEvaluation)
    except msgspec.DecodeError as error:
        raise LakeError(f"{uri} is no evaluation: {error}. {JUDGE_AGAIN}") from error


class _Version(msgspec.Struct):
    schema_version: int


def _to_parquet(forecasts: pa.Table) -> bytes:
    """The same bytes for the same forecasts."""
    ordered = forecasts.select(LSTM_EVALUATION.payload.names).cast(LSTM_EVALUATION.payload).combine_chunks()
    sink = io.BytesIO()
    pq.write_table(ordered, sink, compression="zstd")
    return sink.getvalue()
