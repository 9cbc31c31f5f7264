"""What a person reads of a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from bench.declared import MEASURES
from bench.measuring import Rounds
from bench.results import Document, Former, Missing, held_against
from bench.table import aim_of, declaration, number, results_table, sentences
from crypto_assets_tests.bench.results import MACHINE, declared, document

YEAR = Rounds([0.5, 0.6, 0.55, 0.52, 0.58, 0.51])


def lines(of: Document, former: Former | None = None) -> list[str]:
    """The table as it is printed where no terminal is."""
    text = io.StringIO()
    Console(file=text, width=150, highlight=False).print(results_table(of, former))
    return [" ".join(line.split()) for line in text.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.7149, "", "0.715"),
        (12.34, "ms", "12.3 ms"),
        (1440.4, "MB", "1,440 MB"),
        (3.0, "", "3"),
        (995.2, "/s", "995/s"),
    ],
)
def test_numbers_have_at_least_three_digits_that_count(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


def test_an_aim_says_in_which_direction_and_unit() -> None:
    assert aim_of(declared("collector.bare")) == "at least 0.7"
    assert aim_of(declared("imports.more")) == "at most 1 s"
    assert aim_of(declared("flush.time")) == ""


def test_a_line_has_both_sides_the_figure_its_noise_its_aim_and_its_change() -> None:
    now = document({"copy.psycopg": Rounds([3.0] * 6, [2.5] * 6), "query.year": YEAR})
    before = document({"copy.psycopg": Rounds([3.0] * 6, [1.5] * 6), "query.year": YEAR}, hour=9)
    _, copied, year = lines(now, held_against(before, MACHINE))
    assert copied == "copy.psycopg 3 s 2.5 s 1.2 1.2 1.2 6 at most 1.5 met better (-40 %)"
    assert year == "query.year 0.535 s 0.5 s 0.6 s 6 at most 1 s met ="


def test_a_measure_that_failed_has_its_line_and_its_sentence() -> None:
    of = document({"query.year": YEAR}, missing={"copy.psycopg": Missing("RuntimeError: [1] no S3", failed=True)})
    _, copied, _ = lines(of)
    assert copied == "copy.psycopg -"
    assert sentences(of, None)[0] == "copy.psycopg could not be measured: RuntimeError: [1] no S3"


def test_what_this_machine_lacks_is_left_out_and_no_failure() -> None:
    of = document({}, missing={"training.gpu": Missing("TensorFlow sees no GPU", failed=False)})
    assert sentences(of, None)[0] == "training.gpu is left out: TensorFlow sees no GPU"


def test_another_machine_is_called_so() -> None:
    of = document({"query.year": YEAR})
    elsewhere = document({"query.year": YEAR}, machine=MACHINE.__class__("Model 9", 64, 500, "Linux", "3.12", {}))
    (*_, last) = sentences(of, held_against(elsewhere, MACHINE))
    assert "ANOTHER MACHINE" in last
    assert "64 cores of Model 9, 500 GB" in last
    assert "2 cores of Model 1, 23 GB" in last


def test_few_rounds_are_said_to_be_less_sure() -> None:
    of = document({"query.year": Rounds([0.5, 0.6, 0.55])})
    assert "of 3 rounds with 75 %" in sentences(of, None)[0]


def test_a_busy_machine_is_told() -> None:
    assert any("busy" in sentence for sentence in sentences(document({"query.year": YEAR}, load=3.0), None))
    assert not any("busy" in sentence for sentence in sentences(document({"query.year": YEAR}, load=0.1), None))


def test_the_declaration_lists_every_measure() -> None:
    text = io.StringIO()
    Console(file=text, width=200).print(declaration())
    assert [measure.name for measure in MEASURES if measure.name not in text.getvalue()] == []
