from __future__ import annotations

import errno
import hashlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crypto_assets.errors import CheckpointError, LakeError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.promotions import LEDGER_FILE, PROMOTED_FILE, Promotion, Promotions
from crypto_assets_tests.forecast.small_networks import small_card

VERDICT = "beats persistence by 1.8 % ± 0.6 % (p = 0.01)"
WRITES = 4
"""Files that a promotion writes: the model, the ledger, two copies."""


def card_of(model_id: str, *, symbol: str = "BTCUSDT", as_of_day: date = date(2024, 8, 10)) -> ModelCard:
    return small_card(model_id=model_id, symbol=symbol, as_of_day=as_of_day)


FORMER, NEW = card_of("former", as_of_day=date(2024, 8, 3)), card_of("new")


def content(name: str) -> bytes:
    return name.encode() * 10_000


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 8, day, hour, tzinfo=UTC)


@pytest.fixture
def promotions(tmp_path: Path) -> Promotions:
    return Promotions(str(tmp_path / "ckpts"))


def promote(promotions: Promotions, card: ModelCard, *, now: datetime, made: bytes | None = None) -> Promotion:
    return promotions.promote(card, made or content(card.model_id), verdict=VERDICT, now=now)


def test_before_any_promotion_no_model_is_in_force(promotions: Promotions) -> None:
    assert promotions.current("BTCUSDT") is None
    assert promotions.at("BTCUSDT", at(20)) is None
    assert promotions.symbols() == []
    promotions.repair("BTCUSDT")
    assert promotions.files.read(PROMOTED_FILE) is None


def test_a_promoted_model_is_named_kept_and_copied(promotions: Promotions) -> None:
    entry = promote(promotions, NEW, now=at(11, 3))

    assert entry == Promotion(
        model_id="new",
        symbol="BTCUSDT",
        as_of_day=date(2024, 8, 10),
        promoted_at=at(11, 3),
        verdict=VERDICT,
        sha256=hashlib.sha256(content("new")).hexdigest(),
    )
    assert promotions.current("BTCUSDT") == entry
    assert promotions.content(entry) == content("new")
    assert promotions.files.read("lstm_checkpoint.keras") == content("new")
    assert promotions.files.read("symbol=BTCUSDT/lstm_checkpoint.keras") == content("new")
    assert Promotions(promotions.files.uri).all("BTCUSDT") == (entry,)


def test_promoting_twice_is_promoting_once(promotions: Promotions) -> None:
    first = promote(promotions, NEW, now=at(11))

    assert promote(promotions, NEW, now=at(12)) == first
    assert promotions.all("BTCUSDT") == (first,)


def test_another_model_of_the_same_day_takes_its_place_and_may_lose_it_again(promotions: Promotions) -> None:
    promote(promotions, NEW, now=at(11))
    other = promote(promotions, card_of("other"), now=at(12))
    assert promotions.current("BTCUSDT") == other

    again = promote(promotions, NEW, now=at(13))

    assert promotions.current("BTCUSDT") == again
    assert [entry.model_id for entry in promotions.all("BTCUSDT")] == ["new", "other", "new"]


def test_two_files_of_one_model_id_are_both_kept(promotions: Promotions) -> None:
    first = promote(promotions, NEW, now=at(11))
    second = promote(promotions, NEW, now=at(12), made=b"fitted again")

    assert promotions.content(first) == content("new")
    assert promotions.content(second) == b"fitted again"


def test_a_model_of_an_older_day_does_not_replace_a_newer_one(promotions: Promotions) -> None:
    newer = promote(promotions, NEW, now=at(11))
    promote(promotions, FORMER, now=at(12))

    assert promotions.current("BTCUSDT") == newer
    assert promotions.files.read("symbol=BTCUSDT/lstm_checkpoint.keras") == content("new")


@pytest.mark.parametrize(
    ("moment", "in_force", "backcast"),
    [
        (at(3, 23), None, None),  # its day had not ended
        (at(4), None, "former"),  # it had, but the model was promoted two days later
        (at(6), "former", "former"),
        (at(10, 23), "former", "former"),
        (at(11), "former", "new"),
        (at(11, 3), "new", "new"),
    ],
)
def test_the_model_in_force_at_a_moment_had_seen_nothing_after_it(
    promotions: Promotions, moment: datetime, in_force: str | None, backcast: str | None
) -> None:
    promote(promotions, FORMER, now=at(6))
    promote(promotions, NEW, now=at(11, 3))

    def named(entry: Promotion | None) -> str | None:
        return None if entry is None else entry.model_id

    assert named(promotions.at("BTCUSDT", moment)) == in_force
    assert named(promotions.at("BTCUSDT", moment, backcast=True)) == backcast


def test_symbols_have_models_of_their_own_and_the_last_one_lies_at_the_root(promotions: Promotions) -> None:
    promote(promotions, NEW, now=at(11))
    promote(promotions, card_of("ether", symbol="ETHUSDT"), now=at(12))
    promote(promotions, NEW, now=at(13))

    assert promotions.symbols() == ["BTCUSDT", "ETHUSDT"]
    assert promotions.files.read("symbol=BTCUSDT/lstm_checkpoint.keras") == content("new")
    assert promotions.files.read("symbol=ETHUSDT/lstm_checkpoint.keras") == content("ether")
    assert promotions.files.read(PROMOTED_FILE) == content("ether")


def test_a_damaged_model_is_refused_and_the_way_back_named(promotions: Promotions) -> None:
    entry = promote(promotions, NEW, now=at(11))
    (kept,) = Path(promotions.files.uri).glob("symbol=*/promoted/*")
    kept.write_bytes(content("new")[:-1])

    with pytest.raises(CheckpointError, match=r"29,999 bytes that are not those promoted.*2024-08-10\|BTCUSDT"):
        promotions.content(entry)
    kept.unlink()
    with pytest.raises(CheckpointError, match="is not there"):
        promotions.content(entry)


def test_a_damaged_ledger_is_refused_and_nothing_is_written(promotions: Promotions) -> None:
    promote(promotions, FORMER, now=at(6))
    promotions.files.publish(f"symbol=BTCUSDT/{LEDGER_FILE}", b'{"promotions": [')

    with pytest.raises(CheckpointError, match=r"promotions\.json is no ledger of promotions"):
        promote(promotions, NEW, now=at(11))
    assert promotions.files.read(PROMOTED_FILE) == content("former")


def on_write(number: int, act: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], int]:
    """`Path.write_bytes` whose call of that number writes half and then does something else."""
    written = Path.write_bytes
    calls = iter(range(1, 100))

    def write(path: Path, data: bytes) -> int:
        if next(calls) != number:
            return written(path, data)
        written(path, data[: len(data) // 2])
        act(path, data)
        raise AssertionError("unreachable")

    return write


def assert_whole(promotions: Promotions, *, new_from: int, number: int) -> None:
    """One of the two models is in force, and every file is the whole of one of them."""
    entry = promotions.current("BTCUSDT")
    assert entry is not None
    assert entry.model_id == ("new" if number >= new_from else "former")
    assert promotions.content(entry) == content(entry.model_id)
    for copy in (PROMOTED_FILE, f"symbol=BTCUSDT/{PROMOTED_FILE}"):
        assert promotions.files.read(copy) in (content("former"), content("new"))
    if number < new_from:
        assert promotions.files.read(PROMOTED_FILE) == content("former")


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_full_disk_at_any_write_leaves_a_whole_model_in_force(
    promotions: Promotions, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    promote(promotions, FORMER, now=at(6))

    def full(path: Path, _: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", on_write(number, full))
        with pytest.raises(LakeError, match="disk is full"):
            promote(promotions, NEW, now=at(11))

    assert_whole(promotions, new_from=3, number=number)
    promote(promotions, NEW, now=at(12))
    assert promotions.files.read(PROMOTED_FILE) == content("new")
    assert len(promotions.all("BTCUSDT")) == 2


@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_a_kill_at_any_write_leaves_a_whole_model_in_force(promotions: Promotions, number: int) -> None:
    promote(promotions, FORMER, now=at(6))

    child = os.fork()
    if child == 0:
        kill = on_write(number, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        pytest.MonkeyPatch().setattr(Path, "write_bytes", kill)
        promote(promotions, NEW, now=at(11))
        os._exit(0)
    _, status = os.waitpid(child, 0)

    assert os.WTERMSIG(status) == signal.SIGKILL
    assert_whole(promotions, new_from=3, number=number)
    promote(promotions, NEW, now=at(12))
    assert promotions.files.read(PROMOTED_FILE) == content("new")
    assert [entry.model_id for entry in promotions.all("BTCUSDT")] == ["former", "new"]
    assert not list(Path(promotions.files.uri).rglob("*.tmp"))


def test_copies_that_a_kill_kept_from_being_written_are_mended(promotions: Promotions) -> None:
    promote(promotions, NEW, now=at(11))
    promotions.files.remove(PROMOTED_FILE)
    promotions.files.publish(f"symbol=BTCUSDT/{PROMOTED_FILE}", content("former"))

    promotions.repair("BTCUSDT")

    assert promotions.files.read(PROMOTED_FILE) == content("new")
    assert promotions.files.read(f"symbol=BTCUSDT/{PROMOTED_FILE}") == content("new")


def test_promotions_at_once_are_all_in_the_ledger(promotions: Promotions) -> None:
    children: list[int] = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            promote(promotions, card_of(f"model-{number}"), now=at(11, number))
            os._exit(0)
        children.append(child)

    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert {entry.model_id for entry in promotions.all("BTCUSDT")} == {f"model-{n}" for n in range(4)}
    current = promotions.current("BTCUSDT")
    assert current is not None
    assert current.model_id == "model-3"
    assert promotions.files.read(PROMOTED_FILE) == content("model-3")
