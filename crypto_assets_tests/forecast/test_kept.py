from __future__ import annotations

from pathlib import Path

import numpy as np

from crypto_assets.forecast.kept import KeptArrays
from crypto_assets.lake.files import Files


def kept_in(folder: Path) -> KeptArrays:
    return KeptArrays(Files(str(folder)), "day/_fits")


def test_arrays_come_back_by_their_key_until_they_are_forgotten(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.keep("a", {"mean": np.array([1.5, np.nan]), "rows": np.arange(3)})
    kept.keep("b", {"mean": np.zeros(2)})

    found = kept_in(tmp_path).read("a")
    assert found is not None
    np.testing.assert_array_equal(found["mean"], [1.5, np.nan])
    assert found["rows"].tolist() == [0, 1, 2]
    assert kept.read("c") is None

    kept.forget()
    assert (kept.read("a"), kept.read("b")) == (None, None)


def test_a_damaged_file_is_worth_as_much_as_none(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    kept.keep("a", {"mean": np.arange(100.0)})
    path = tmp_path / "day/_fits/a.npz"
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-20], b"", whole.replace(np.float64(7).tobytes(), np.float64(8).tobytes())):
        path.write_bytes(damaged)
        assert kept.read("a") is None
