"""A `.keras` file from outside, looked at before Keras is: its members, what its layers ask for, its weights.

Keras refuses code in a file, but builds layers of any size that a file asks for, and reads weights of any shape, from
other files too where the file points there.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

import msgspec

from crypto_assets.errors import DAMAGED, CheckpointError

CARD_MEMBER = "crypto_assets.json"
CONFIG_MEMBER = "config.json"
WEIGHTS_MEMBER = "model.weights.h5"
MEMBERS = frozenset({CARD_MEMBER, CONFIG_MEMBER, WEIGHTS_MEMBER, "metadata.json"})
LARGEST_BYTES = 256 << 20
"""Of all members together; a model of ours has about one mebibyte."""
LARGEST_SIZE = 100_000
"""Of a dimension or a number of units."""
SIZES = frozenset({"units", "batch_shape", "batch_input_shape", "input_shape", "shape", "target_shape"})

ALLOWED_CLASSES = frozenset(
    {"Functional", "InputLayer", "Rescaling", "Activation", "LSTM", "LSTMCell", "Dropout", "Dense"}
    | {"GlorotUniform", "Orthogonal", "OrthogonalInitializer", "Zeros", "Ones", "DTypePolicy", "__keras_tensor__"}
)
"""What our networks consist of. A file that names another class is not one of ours, and is not given to Keras."""

ANEW = "Nothing was loaded. Materialise lstm_checkpoint anew."


def open_model(content: bytes) -> zipfile.ZipFile:
    """The archive, every member of which is one of ours and has its sum; raises CheckpointError."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        _refuse_other_members(archive)
        broken = archive.testzip()
    except (*DAMAGED, OSError) as error:
        raise CheckpointError(
            f"The checkpoint is damaged or cut short: {len(content):,} bytes are no archive ({error}). {ANEW}"
        ) from error
    if broken is not None:
        raise CheckpointError(f"The checkpoint is damaged: {broken} does not have the sum noted for it. {ANEW}")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes; raises CheckpointError where there is none."""
    try:
        return archive.read(name)
    except KeyError:
        raise CheckpointError(
            f"The checkpoint has no {name}: this program did not write it, and cannot know what it is for. {ANEW}"
        ) from None


def refuse_foreign_model(archive: zipfile.ZipFile) -> None:
    """Raise CheckpointError unless the layers are of the kinds and sizes of ours, and the weights lie in the file."""
    try:
        config = msgspec.json.decode(read_member(archive, CONFIG_MEMBER))
        named, sizes = sorted(set(_class_names(config))), list(_sizes(config))
    except (msgspec.DecodeError, RecursionError) as error:
        raise CheckpointError(f"The checkpoint's {CONFIG_MEMBER} cannot be read: {error}. {ANEW}") from None
    foreign = [name for name in named if name not in ALLOWED_CLASSES]
    if foreign:
        raise CheckpointError(
            f"The checkpoint names {', '.join(foreign)}, which our networks do not consist of: it may hold "
            f"foreign code. {ANEW}"
        )
    if sizes and max(sizes) > LARGEST_SIZE:
        raise CheckpointError(f"The checkpoint asks for a layer of size {max(sizes):,}: no network of ours. {ANEW}")
    _refuse_foreign_weights(read_member(archive, WEIGHTS_MEMBER))


def _refuse_other_members(archive: zipfile.ZipFile) -> None:
    names = [member.filename for member in archive.infolist()]
    if others := sorted(set(names) - MEMBERS):
        raise CheckpointError(f"The checkpoint holds {others[0][:100]!a}, which this program did not write. {ANEW}")
    if len(set(names)) < len(names):
        raise CheckpointError(f"The checkpoint holds a file twice. {ANEW}")
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST_BYTES:
        raise CheckpointError(
            f"The checkpoint unpacks to {unpacked:,} bytes; at most {LARGEST_BYTES:,} are read. {ANEW}"
        )


def _refuse_foreign_weights(content: bytes) -> None:
    import h5py

    held = 0
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            for name, dataset in _datasets(file):
                if dataset.external or dataset.is_virtual or dataset.dtype.kind not in "fiu":
                    raise CheckpointError(f"The checkpoint's weights {name} are not numbers in the file. {ANEW}")
                held += dataset.size * dataset.dtype.itemsize
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise CheckpointError(f"The checkpoint's weights cannot be read: {error}. {ANEW}") from None
    if held > LARGEST_BYTES:
        raise CheckpointError(f"The checkpoint's weights would take {held:,} bytes: no network of ours. {ANEW}")


def _datasets(group: Any) -> Iterator[tuple[str, Any]]:
    """Every dataset below a group; raises CheckpointError for a link, which could lead to another file or in a ring."""
    import h5py

    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise CheckpointError(f"The checkpoint's weights link from {name[:100]!a} elsewhere. {ANEW}")
        child = group[name]
        if isinstance(child, h5py.Dataset):
            yield f"{group.name}/{name}", child
        elif isinstance(child, h5py.Group):
            yield from _datasets(child)
        else:
            raise CheckpointError(f"The checkpoint's weights hold {name[:100]!a}, which is none. {ANEW}")


def _class_names(node: Any) -> Iterator[str]:
    """Every class that a configuration of Keras names, with its module unless that is Keras."""
    if isinstance(node, dict):
        if "class_name" in node:
            module = node.get("module")
            ours = module is None or str(module).split(".")[0] == "keras"
            yield str(node["class_name"]) if ours else f"{module}.{node['class_name']}"
        for value in node.values():
            yield from _class_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _class_names(value)


def _sizes(node: Any, *, is_size: bool = False) -> Iterator[float]:
    """Numbers that say how large something is to be made."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _sizes(value, is_size=is_size or key in SIZES)
    elif isinstance(node, list):
        for value in node:
            yield from _sizes(value, is_size=is_size)
    elif is_size and isinstance(node, int | float) and not isinstance(node, bool):
        yield abs(node)
