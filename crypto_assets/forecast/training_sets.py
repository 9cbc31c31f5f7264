"""The training sets of the lake: each as it is now, and as it was known at any moment since its first making."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.forecast.options import DataOptions, Source
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.table import FeatureTable, Samples
from crypto_assets.forecast.training_sets_days import MadeSet
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE
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


@dataclass(frozen=True, slots=True)
class StoredSet:
    """One version of a set."""

    table: FeatureTable
    as_of_day: date
    """Day of the partition: nothing in the table was known after its end."""
    version: SetVersion
    uri: str
    bytes: int
    changed: bool = False
    """Whether it was this publication that made it the version in force."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.version.sha256

    @property
    def options(self) -> DataOptions:
        """What was asked for; `table.features` are the columns that came of it."""
        return self.version.options

    @property
    def inputs(self) -> Mapping[str, str]:
        """sha256 of the file of each day that was read, by `<dataset>/<day>`."""
        return self.version.inputs

    def samples(self) -> Samples:
        """Its windows and their targets, as its options say."""
        return samples_of(self.table, self.options)


class TrainingSets:
    """Publishes and reads training sets; a version that was published stays.

    A version is a file named for the sha256 of its content, written before the list that names it: an end in between
    leaves the former list, and a file that the next attempt finds written. All methods raise LakeError with the reason
    where the store cannot be used, or does not hold what its list says.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def publish(self, symbol: str, day: date, made: MadeSet, *, made_at: datetime) -> StoredSet:
        """Make the set the version in force of a day; where its table is so already, nothing is written.

        `inputs` are those of the publication that made the version. Writers on this machine wait for one another; of
        two on different machines the later list stands.
        """
        content = encode_set(made.table, options=made.options)
        new = SetVersion(
            made_at=made_at,
            sha256=hashlib.sha256(content).hexdigest(),
            rows=len(made.table),
            options=made.options,
            inputs=dict(made.inputs),
            left_out=dict(made.left_out),
        )
        folder = _folder(symbol, day)
        self._lake.files.publish(f"{folder}/{new.file}", content)
        with self._lake.writing(LSTM_TRAINING_SET, symbol):
            versions = self.versions(symbol, day)
            changed = not versions or versions[-1].sha256 != new.sha256
            if changed:
                manifest = encode_manifest(SetManifest((*versions, new)))
                self._lake.files.publish(f"{folder}/{MANIFEST_FILE}", manifest)
        version = new if changed else versions[-1]
        return StoredSet(made.table, day, version, self._uri(symbol, day, version), len(content), changed)

    def read(
        self, symbol: str, day: date, *, known_at: datetime | None = None, sha256: str | None = None
    ) -> StoredSet | None:
        """The version in force of a day; with `known_at` the one in force at that moment, with `sha256` that one.

        None where there is none, or was none by then.
        """
        versions = [
            version
            for version in self.versions(symbol, day)
            if (known_at is None or version.made_at <= known_at) and sha256 in (None, version.sha256)
        ]
        if not versions:
            return None
        version, uri = versions[-1], self._uri(symbol, day, versions[-1])
        content = self._lake.files.read_published(
            f"{_folder(symbol, day)}/{version.file}",
            sha256=version.sha256,
            advice=f"Materialise lstm_training_set of {day} {symbol} again.",
        )
        return StoredSet(decode_set(content, uri=uri), day, version, uri, len(content))

    def versions(self, symbol: str, day: date) -> tuple[SetVersion, ...]:
        """Every version of a day, in the order of their making; none where it was never published."""
        path = f"{_folder(symbol, day)}/{MANIFEST_FILE}"
        content = self._lake.files.read(path)
        return () if content is None else decode_manifest(content, uri=self._lake.files.uri_of(path)).versions

    def _uri(self, symbol: str, day: date, version: SetVersion) -> str:
        return self._lake.files.uri_of(f"{_folder(symbol, day)}/{version.file}")


def _folder(symbol: str, day: date) -> str:
    return LSTM_TRAINING_SET.partition_path(symbol, day)


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
