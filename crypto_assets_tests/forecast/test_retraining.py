from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from crypto_assets.errors import LakeError
from crypto_assets.forecast.retraining import RetrainRequest, RetrainRequests, too_near, trained_days
from crypto_assets.lake.files import Files

PLACE = "forecast/retraining/symbol=BTCUSDT.json"


def seen(day: int, **given: str) -> RetrainRequest:
    """A drift of 2024-08-<day>."""
    known = {"symbol": "BTCUSDT", "model_id": "BTCUSDT-2024-08-02-0123456789ab", **given}
    return RetrainRequest(day=date(2024, 8, day), reasons=("wild in 97%",), **known)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path))


def test_a_request_is_kept_until_it_is_cleared(files: Files) -> None:
    requests = RetrainRequests(files)
    assert requests.of("BTCUSDT") is None
    assert requests.ask(seen(5)) == seen(5)
    assert RetrainRequests(files).of("BTCUSDT") == seen(5)
    assert requests.of("ETHUSDT") is None
    requests.clear("BTCUSDT")
    requests.clear("BTCUSDT")
    assert requests.of("BTCUSDT") is None


def test_what_is_seen_again_changes_no_open_request(files: Files) -> None:
    requests = RetrainRequests(files)
    requests.ask(seen(5))
    content = files.read(PLACE)
    assert requests.ask(seen(6)) == seen(5)
    assert files.read(PLACE) == content


def test_a_training_of_that_day_or_a_later_one_answers_it() -> None:
    assert not seen(5).is_answered([])
    assert not seen(5).is_answered([date(2024, 8, 4)])
    assert seen(5).is_answered([date(2024, 8, 5)])
    assert seen(5).is_answered([date(2024, 8, 2), date(2024, 8, 9)])


def test_another_file_in_its_place_is_told_of(files: Files) -> None:
    files.publish(PLACE, b'{"symbol": 5}')
    with pytest.raises(LakeError, match=r"is no request to train: .* Delete it: a drift is noticed again"):
        RetrainRequests(files).of("BTCUSDT")


@pytest.mark.parametrize(
    ("trained", "near"), [((), None), ((2,), None), ((3,), 3), ((1, 3, 4), 4), ((5,), 5), ((7,), 7)]
)
def test_no_training_is_asked_for_within_three_days_of_another(trained: tuple[int, ...], near: int | None) -> None:
    found = too_near(date(2024, 8, 5), [date(2024, 8, day) for day in trained])
    assert found == (date(2024, 8, near) if near else None)


def test_days_of_partitions_are_told_by_symbol() -> None:
    assert trained_days({"2024-08-05|BTCUSDT", "2024-08-02|BTCUSDT", "2024-08-03|ETHUSDT"}) == {
        "BTCUSDT": [date(2024, 8, 2), date(2024, 8, 5)],
        "ETHUSDT": [date(2024, 8, 3)],
    }
