"""A model's file from somebody else is refused with a sentence before Keras does what it asks for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card_making import make_card
from crypto_assets.forecast.checkpoint import load_checkpoint, write_checkpoint
from crypto_assets_tests.forecast.small_networks import NOW, ORIGIN, signal
from crypto_assets_tests.security.hostile import MEBIBYTE, bytes_needed

WEIGHTS = "model.weights.h5"


@pytest.fixture(scope="module")
def content() -> bytes:
    lesson = signal()
    network = lesson.train()
    card = make_card(network, lesson.table, lesson.samples, lesson.split, origin=ORIGIN, now=NOW)
    return write_checkpoint(network, card)


def with_member(content: bytes, name: str, make: Callable[[bytes], bytes]) -> bytes:
    """The file with a member made of what it was, or added."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as target:
        for member in {*source.namelist(), name}:
            before = source.read(member) if member in source.namelist() else b""
            target.writestr(member, make(before) if member == name else before)
    return sink.getvalue()


def spoilt_weights(spoil: Callable[[h5py.File], object]) -> Callable[[bytes], bytes]:
    def made(weights: bytes) -> bytes:
        held = io.BytesIO(weights)
        with h5py.File(held, "r+") as file:
            spoil(file)
        return held.getvalue()

    return made


def a_huge_one(file: h5py.File) -> None:
    file.create_dataset("huge", shape=(10**12,), dtype="f4", chunks=(1024,))


def one_of_another_file(file: h5py.File) -> None:
    file.create_dataset("lines", shape=(4,), dtype="u1", external=[("/etc/passwd", 0, 4)])


def one_put_together(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(4,))
    file.create_virtual_dataset("virtual", layout)


def texts(file: h5py.File) -> None:
    file.create_dataset("texts", data=np.array([b"text"], dtype=object), dtype=h5py.string_dtype())


WEIGHTS_OF_HARM: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "a huge one": (a_huge_one, r"would take 4,000,0\d\d,\d\d\d,\d\d\d bytes"),
    "of another file": (one_of_another_file, "are not numbers in the file"),
    "put together": (one_put_together, "are not numbers in the file"),
    "texts": (texts, "are not numbers in the file"),
    "an external link": (
        lambda file: file.__setitem__("out", h5py.ExternalLink("/etc/passwd", "/")),
        "link from 'out'",
    ),
    "a soft link": (lambda file: file.__setitem__("ring", h5py.SoftLink("/")), "link from 'ring'"),
}


@pytest.mark.parametrize("which", WEIGHTS_OF_HARM)
def test_weights_that_would_harm_are_not_read(which: str, content: bytes) -> None:
    spoil, sentence = WEIGHTS_OF_HARM[which]
    refuse(with_member(content, WEIGHTS, spoilt_weights(spoil)), sentence)


CONFIGS_OF_HARM: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a huge layer": (lambda text: text.replace(b'"units": 4', b'"units": 1000000000'), "a layer of size 1,000,000,000"),
    "a huge input": (lambda text: text.replace(b'"batch_shape": [null, ', b'"batch_shape": [null, 99999999, '), "size"),
    "a Lambda": (lambda text: text.replace(b'"class_name": "Dense"', b'"class_name": "Lambda"'), "names Lambda"),
    "a TorchModuleWrapper": (
        lambda text: text.replace(b'"class_name": "Dense"', b'"class_name": "TorchModuleWrapper"'),
        "names TorchModuleWrapper",
    ),
    "another module": (
        lambda text: text.replace(b'"module": "keras.layers"', b'"module": "builtins"'),
        "names builtins",
    ),
    "a thousand brackets": (lambda _: b"[" * 100_000, "cannot be read"),
    "no JSON": (lambda _: b"\xff", "cannot be read"),
}


@pytest.mark.parametrize("which", CONFIGS_OF_HARM)
def test_layers_that_would_harm_are_not_built(which: str, content: bytes) -> None:
    make, sentence = CONFIGS_OF_HARM[which]
    refuse(with_member(content, "config.json", make), sentence)


@pytest.mark.parametrize(
    ("name", "member", "sentence"),
    [
        ("../../evil.py", b"", r"holds '\.\./\.\./evil\.py', which this program did not write"),
        ("/etc/cron.d/evil", b"", "which this program did not write"),
        ("assets/vocabulary.txt", b"", "which this program did not write"),
        ("metadata.json", b"0" * (300 * MEBIBYTE), "unpacks to 3"),
        (WEIGHTS, b"no HDF5", "weights cannot be read"),
        ("crypto_assets.json", b"[" * 100_000, "card cannot be read"),
    ],
)
def test_members_that_are_none_of_ours_are_refused(name: str, member: bytes, sentence: str, content: bytes) -> None:
    refuse(with_member(content, name, lambda _: member), sentence)


def test_a_member_that_is_there_twice_is_refused(content: bytes) -> None:
    doubled = io.BytesIO(content)
    with zipfile.ZipFile(doubled, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", b"{}")
    refuse(doubled.getvalue(), "holds a file twice")


def test_nothing_is_left_where_a_model_was_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refuse(with_member(content, "../evil", lambda _: b"code"), "did not write")
    assert list(tmp_path.iterdir()) == []


def refuse(hostile: bytes, sentence: str) -> None:
    def load() -> None:
        with pytest.raises(CheckpointError, match=sentence) as refused:
            load_checkpoint(hostile)
        assert str(refused.value).endswith("Nothing was loaded. Materialise lstm_checkpoint anew.")
        assert "\n" not in str(refused.value)

    assert bytes_needed(load) < 64 * MEBIBYTE
