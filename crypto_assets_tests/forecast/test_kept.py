from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

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
    path = tmp_path / "day/_fits/a.kept"
    whole = path.read_bytes()
    for damaged in (whole[:100], whole[:-20], b"", whole.replace(np.float64(7).tobytes(), np.float64(8).tobytes())):
        path.write_bytes(damaged)
        assert kept.read("a") is None


ARRAYS = {"mean": np.arange(3_000.0)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 240) | st.integers(-90, -1), byte=st.integers(0, 255))
@example(at=-10, byte=0)  # a list of files of no length
def test_a_byte_that_is_another_one_never_ends_the_work(tmp_path: Path, at: int, byte: int) -> None:
    kept = kept_in(tmp_path)
    kept.keep("a", ARRAYS)
    path = tmp_path / "day/_fits/a.kept"
    content = bytearray(path.read_bytes())
    content[at] = byte
    path.write_bytes(content)
    found = kept.read("a")
    assert found is None or found["mean"].tolist() == ARRAYS["mean"].tolist()
