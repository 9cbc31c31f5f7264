"""The training sets of the lake: each as it is now, and as it was known at any moment since its first making."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from crypto_assets.errors import LakeError
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.table import FeatureTable, Samples
from crypto_assets.forecast.training_sets_days import MadeSet
from crypto_assets.forecast.training_sets_files import (
    LSTM_TRAINING_SET,
    SetManifest,
    SetVersion,
    decode_manifest,
    decode_set,
    encode_manifest,
    encode_set,
)
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE

__all__ = ["LSTM_TRAINING_SET", "StoredSet", "TrainingSets"]


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
        content = self._lake.files.read(f"{_folder(symbol, day)}/{version.file}")
        if content is None or hashlib.sha256(content).hexdigest() != version.sha256:
            what = "is gone" if content is None else "is not the file that was published: its sha256 differs"
            raise LakeError(f"{uri} {what}. Materialise lstm_training_set of {day} {symbol} again.")
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
