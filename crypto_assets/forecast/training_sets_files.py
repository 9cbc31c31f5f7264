"""A training set as a file, and the list of the versions that there were of one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.forecast.options import DataOptions, Source
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.schemas import TIMESTAMP, Dataset, described
from crypto_assets.spans import times_us

LSTM_TRAINING_SET = Dataset(
    name="lstm_training_set",
    payload=pa.schema(
        [
            described("open_time", TIMESTAMP, "start of the row's candle"),
            described("as_of", TIMESTAMP, "when that candle had closed; every value of the row was known by then"),
            described("close", pa.float64(), "last real price by as_of, quote asset"),
            described("is_real", pa.bool_(), "false where the row's candle was not real: its close is no target"),
            described("warm", pa.bool_(), "whether every feature had all the candles that it needs"),
        ]
    ),
    key=("open_time",),
    folder="forecast/training_sets/symbol={symbol}/date={day}",
)
"""Columns that every set has; the features of its model follow them."""


class SetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a set: what its rows were made from, and when."""

    made_at: datetime
    sha256: str
    """Of the file, which is named for it."""
    rows: int
    options: DataOptions
    inputs: dict[str, str]
    """sha256 of the file of each day that was read, by `<dataset>/<day>`."""
    left_out: dict[str, str]
    """Features that were left out, with the reason."""

    @property
    def file(self) -> str:
        """Name in the folder of the set."""
        return f"{self.sha256}.parquet"


class SetManifest(msgspec.Struct, frozen=True):
    """The versions of a set, in the order of their making; the last is the one in force."""

    versions: tuple[SetVersion, ...] = ()


_manifests = msgspec.json.Decoder(SetManifest)


def encode_manifest(manifest: SetManifest) -> bytes:
    """Indented JSON, the same bytes for the same content."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1)


def decode_manifest(content: bytes, *, uri: str) -> SetManifest:
    """The manifest of these bytes; raises LakeError where they are none."""
    try:
        return _manifests.decode(content)
    except msgspec.DecodeError as error:
        raise LakeError(
            f"{uri} is no list of training sets: {error}. Move it away; the sets beside it stay as they are."
        ) from error


def encode_set(table: FeatureTable, *, options: DataOptions) -> bytes:
    """The table as Parquet; the same bytes for the same rows and options. A value that is not a number is null."""
    fixed = LSTM_TRAINING_SET.payload
    columns = [
        pa.array(table.open_us, TIMESTAMP),
        pa.array(table.as_of_us, TIMESTAMP),
        pa.array(table.close),
        pa.array(table.is_real),
        pa.array(table.warm),
        *(pa.array(column, from_pandas=True) for column in table.values.T),
    ]
    notes = {
        "symbol": table.symbol,
        "source": table.source,
        "step_us": str(table.step_us),
        "options": msgspec.json.encode(options).decode(),
    }
    schema = pa.schema([*fixed, *(pa.field(name, pa.float64()) for name in table.features)], metadata=notes)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink, compression="zstd", use_dictionary=False)
    return sink.getvalue()


def decode_set(content: bytes, *, uri: str) -> FeatureTable:
    """The table of such a file; raises LakeError where it is none."""
    try:
        stored = pq.read_table(io.BytesIO(content))
        notes = _text(stored.schema.metadata or {})
        features = tuple(stored.schema.names[len(LSTM_TRAINING_SET.payload) :])
        values = np.empty((stored.num_rows, len(features)))
        for index, name in enumerate(features):
            values[:, index] = stored[name].to_numpy()
        return FeatureTable(
            symbol=notes["symbol"],
            source=msgspec.convert(notes["source"], Source),
            step_us=int(notes["step_us"]),
            features=features,
            open_us=times_us(stored["open_time"]),
            as_of_us=times_us(stored["as_of"]),
            close=stored["close"].to_numpy(),
            is_real=stored["is_real"].to_numpy(),
            warm=stored["warm"].to_numpy(),
            values=values,
        )
    except (pa.ArrowInvalid, KeyError, ValueError) as error:
        raise LakeError(f"{uri} is no training set: {error}. Materialise lstm_training_set again.") from error


def _text(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in metadata.items()}
