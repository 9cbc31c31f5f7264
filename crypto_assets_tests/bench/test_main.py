"""What can be typed, and when the bench fails."""

from __future__ import annotations

import pytest

from bench.__main__ import falls_short, main
from bench.measuring import Rounds
from bench.results import held_against
from crypto_assets_tests.bench.results import MACHINE, document

FAST, SLOW = Rounds([0.5] * 6), Rounds([0.9] * 6)
ELSEWHERE = MACHINE.__class__("Model 9", 64, 500, "Linux", "3.12", {})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["querry"], "there is no part querry; there are imports, "),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["query", "--store"], "--store takes a whole run"),
        (["--store", "--rounds", "2"], "--store takes a whole run"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_result_is_refused_before_anything_is_measured(tmp_path: object) -> None:
    with pytest.raises(SystemExit, match=r"reference\.txt cannot be read"):
        main(["query", "--against", f"{tmp_path}/reference.txt"])


def test_an_aim_that_is_missed_falls_short() -> None:
    assert falls_short(document({"query.year": Rounds([1.5] * 6)}), None)
    assert not falls_short(document({"query.year": Rounds([0.5, 1.5, 1.2, 0.8, 0.9, 1.1])}), None)


def test_a_figure_that_got_worse_falls_short_even_within_its_aim() -> None:
    assert falls_short(document({"query.year": SLOW}), held_against(document({"query.year": FAST}), MACHINE))
    assert not falls_short(document({"query.year": FAST}), held_against(document({"query.year": SLOW}), MACHINE))


def test_slower_than_another_machine_is_not_short() -> None:
    of_another = held_against(document({"query.year": FAST}, machine=ELSEWHERE), MACHINE)
    assert not falls_short(document({"query.year": SLOW}), of_another)
