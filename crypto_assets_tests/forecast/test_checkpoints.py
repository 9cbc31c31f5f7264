"""Models below their URI: one for each day and symbol, whole or as it was."""

from __future__ import annotations

import errno
import threading
from datetime import date
from pathlib import Path

import msgspec
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.forecast.card import ModelCard, as_markdown
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.training_state import TrainingState
from crypto_assets_tests.forecast.small_networks import small_card

DAY = date(2024, 8, 2)
FOLDER = "symbol=BTCUSDT/date=2024-08-02"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(str(tmp_path))


def test_a_model_lies_in_its_days_folder_beside_its_card(checkpoints: Checkpoints, tmp_path: Path) -> None:
    card = small_card()
    assert checkpoints.read("BTCUSDT", DAY) is None
    assert checkpoints.publish("BTCUSDT", DAY, content=b"model", card=card)
    assert not checkpoints.publish("BTCUSDT", DAY, content=b"model", card=card)
    assert checkpoints.read("BTCUSDT", DAY) == b"model"
    assert checkpoints.uri_of("BTCUSDT", DAY) == f"{tmp_path}/{FOLDER}/lstm_checkpoint.keras"
    assert msgspec.json.decode((tmp_path / FOLDER / "lstm_checkpoint.json").read_bytes(), type=ModelCard) == card
    assert (tmp_path / FOLDER / "lstm_checkpoint.md").read_text() == as_markdown(card)


@pytest.mark.parametrize("full_at", ["keras", "json", "md"])
def test_a_full_disk_leaves_a_whole_model_and_the_next_publication_the_new_one(
    checkpoints: Checkpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_at: str
) -> None:
    old, new = small_card(), small_card(model_id="BTCUSDT-2024-08-02-ffffffffffff")
    checkpoints.publish("BTCUSDT", DAY, content=b"old", card=old)
    write = Path.write_bytes

    def write_until_full(path: Path, content: bytes) -> int:
        if f"lstm_checkpoint.{full_at}." in path.name:
            write(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", write_until_full)
        with pytest.raises(LakeError, match=r"The disk is full: free space, or point CHECKPOINTS_URI elsewhere"):
            checkpoints.publish("BTCUSDT", DAY, content=b"new", card=new)
    assert checkpoints.read("BTCUSDT", DAY) == (b"old" if full_at == "keras" else b"new")
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
        f"lstm_checkpoint.{kind}" for kind in ("json", "keras", "md")
    ]
    checkpoints.publish("BTCUSDT", DAY, content=b"new", card=new)
    assert checkpoints.read("BTCUSDT", DAY) == b"new"
    assert (tmp_path / FOLDER / "lstm_checkpoint.md").read_text() == as_markdown(new)


def test_kept_epochs_of_a_day_are_forgotten_and_no_others(checkpoints: Checkpoints) -> None:
    state = TrainingState((), (), (), ())
    keepers = [
        checkpoints.keeper("BTCUSDT", day, key=key) for day, key in ((DAY, "a"), (DAY, "b"), (date(2024, 8, 3), "a"))
    ]
    for keeper in keepers:
        keeper.keep(state)
    checkpoints.forget_epochs("BTCUSDT", DAY)
    assert [keeper.read() is None for keeper in keepers] == [True, True, False]


def test_a_second_training_of_a_day_is_told_and_waits_and_one_of_another_day_does_not(tmp_path: Path) -> None:
    told, entered = threading.Event(), threading.Event()

    def second() -> None:
        with Checkpoints(str(tmp_path)).training("BTCUSDT", DAY, on_wait=told.set):
            entered.set()

    with Checkpoints(str(tmp_path)).training("BTCUSDT", DAY):
        with Checkpoints(str(tmp_path)).training("BTCUSDT", date(2024, 8, 3), on_wait=lambda: pytest.fail("it waits")):
            pass
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(10)
        assert not entered.is_set()
    other.join(10)
    assert entered.is_set()
