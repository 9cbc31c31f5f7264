"""Files of every kind become tables that say what the files say."""

from __future__ import annotations

import io
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proof.crash.documents import tables_of


def rows_of(path: str, content: bytes) -> list[tuple[str, str]]:
    ((_, table),) = tables_of(path, content)
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def test_a_parquet_file_is_its_rows_and_its_notes() -> None:
    sink = io.BytesIO()
    table = pa.table({"a": [1, 2]}).replace_schema_metadata({"state": "foretold", "inputs": '{"x": 1}'})
    pq.write_table(table, sink)
    found = dict(tables_of("day.parquet", sink.getvalue()))
    assert found["day.parquet"].to_pydict() == {"a": [1, 2]}
    assert found["day.parquet#notes"].to_pydict() == {"name": ["state", "inputs.x"], "value": ["foretold", "1"]}


def test_json_is_its_leaves() -> None:
    assert rows_of("a.json", b'{"parts": [{"rows": 3, "path": "p"}], "none": []}') == [
        ("parts[0].rows", "3"),
        ("parts[0].path", '"p"'),
        ("none", "[]"),
    ]


def model(weights: list[float]) -> bytes:
    arrays, sink = io.BytesIO(), io.BytesIO()
    with h5py.File(arrays, "w") as file:
        file["layers/lstm/vars/0"] = np.array(weights, np.float32)
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("card.json", b'{"made_at": "now"}')
        archive.writestr("model.weights.h5", arrays.getvalue())
    return sink.getvalue()


def test_a_model_is_its_card_and_the_bits_of_its_weights() -> None:
    first, again = rows_of("m.keras", model([1.0, 2.0])), rows_of("m.keras", model([1.0, 2.0]))
    other = rows_of("m.keras", model([1.0, np.nextafter(np.float32(2), np.float32(3))]))
    assert first == again
    assert [name for name, _ in first] == ["card.json.made_at", "model.weights.h5:layers/lstm/vars/0"]
    assert first[0] == other[0]
    assert first[1] != other[1]


def test_any_other_file_is_its_sum() -> None:
    assert rows_of("a.csv", b"1,2") != rows_of("a.csv", b"1,3")


@pytest.mark.parametrize("path", ["a.parquet", "a.json", "a.keras"])
def test_half_a_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"is no|Parquet"):
        list(tables_of(path, b'{"half'))
