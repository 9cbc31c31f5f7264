"""A model as one file: Keras' own format with the card inside, loaded without running any of its code."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import SCHEMA_VERSION, ModelCard, encode_card
from crypto_assets.forecast.model_file import ANEW, CARD_MEMBER, open_model, read_member, refuse_foreign_model
from crypto_assets.forecast.network import TrainedNetwork
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.forecast.windows import Predict, make_predictor


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A loaded model."""

    card: ModelCard
    _foretell: Predict

    def predict(self, table: FeatureTable, rows: IntArray) -> FloatArray:
        """Log-returns foretold at rows of a table, shape (rows, horizons); NaN where a window is not all finite.

        Raises CheckpointError where the table has other columns than the model was trained on, and ValueError for a row
        before which the table has not a whole window.
        """
        refuse_other_features(self.card, table.features)
        return self._foretell(table, rows)


def write_checkpoint(network: TrainedNetwork, card: ModelCard) -> bytes:
    """The `.keras` file of a network with its card inside; it holds no optimizer, and goes on in no training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"  # Keras saves to nothing but a path of this ending
        network.model.save(path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(CARD_MEMBER, encode_card(card))
        return path.read_bytes()


def read_card(content: bytes) -> ModelCard:
    """The card of a file; raises CheckpointError where it is damaged, of another version, or not one of ours."""
    card = read_member(open_model(content), CARD_MEMBER)
    try:
        found = msgspec.json.decode(card, type=_Version).schema_version
        if found != SCHEMA_VERSION:
            raise CheckpointError(
                f"The checkpoint is of version {found}, and this program reads version {SCHEMA_VERSION}. {ANEW}"
            )
        return msgspec.json.decode(card, type=ModelCard)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CheckpointError(f"The checkpoint's card cannot be read: {error}. {ANEW}") from error


def load_checkpoint(content: bytes) -> Checkpoint:
    """The model of a file, ready to foretell.

    Raises CheckpointError like `read_card`, and where the file holds anything but the layers of our networks or does
    not fit its card.
    """
    card = read_card(content)
    refuse_foreign_model(open_model(content))
    model = _load(content)
    window, horizons = card.data.window, len(card.data.horizons)
    if model.input_shape != (None, window, len(card.features)) or model.output_shape != (None, horizons):
        raise CheckpointError(
            f"The model maps {model.input_shape} to {model.output_shape}, but its card speaks of {window} rows, "
            f"{len(card.features)} features and {horizons} horizons. {ANEW}"
        )
    return Checkpoint(card, make_predictor(model, window=window, horizons=horizons))


def refuse_other_features(card: ModelCard, features: Sequence[str]) -> None:
    """Raise CheckpointError unless the features are those of the model in its order; says which are not."""
    given, known = tuple(features), card.features
    if given == known:
        return
    missing = [name for name in known if name not in set(given)]
    extra = [name for name in given if name not in set(known)]
    parts = [f"it needs {', '.join(missing)}, which are missing"] if missing else []
    parts += [f"it does not know {', '.join(extra)}"] if extra else []
    if not parts:
        place = next((n for n, (a, b) in enumerate(zip(given, known, strict=False)) if a != b), len(known))
        there = f"column {place + 1} is {given[place]}" if place < len(given) else "columns end early"
        wanted = f", the model's is {known[place]}" if place < len(known) else ", the model has none there"
        parts = [f"the order differs: {there}{wanted}"]
    raise CheckpointError(
        f"{card.model_id} was trained on {len(known)} other features than the {len(given)} given: {'; '.join(parts)}. "
        "Train it anew on these, or give it its own."
    )


class _Version(msgspec.Struct):
    schema_version: int


def _load(content: bytes) -> Any:
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        try:
            return keras.models.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, KeyError, OSError) as error:
            first_line = str(error).partition("\n")[0]
            raise CheckpointError(f"Keras cannot load the checkpoint: {first_line}. {ANEW}") from error
