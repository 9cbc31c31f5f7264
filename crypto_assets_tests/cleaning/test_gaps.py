from __future__ import annotations

import itertools
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.cleaning.gaps import Gap, GapCause, find_gaps, gaps_as_json, gaps_from_json, merged_spans
from crypto_assets.spans import Span, to_us
from crypto_assets_tests.cleaning.examples import MINUTE, at


def test_gaps_survive_their_way_through_a_files_footer() -> None:
    gaps = (Gap(at(-5), at(3), GapCause.EXCHANGE_HALT), Gap(at(7), at(9), GapCause.NOT_RECEIVED))
    text = gaps_as_json(gaps)
    assert gaps_from_json(text) == gaps
    assert json.loads(text)[1] == {
        "start": "2024-08-01T00:07:00+00:00",
        "end": "2024-08-01T00:09:00+00:00",
        "cause": "not_received",
    }


def test_spans_that_touch_or_overlap_become_one() -> None:
    spans = [Span(at(5), at(6)), Span(at(0), at(2)), Span(at(2), at(3)), Span(at(1), at(2))]
    assert merged_spans(spans) == (Span(at(0), at(3)), Span(at(5), at(6)))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6))))
def test_merged_spans_hold_the_same_moments_in_as_few_as_possible(made: list[tuple[int, int]]) -> None:
    merged = merged_spans(Span(at(start), at(start + length)) for start, length in made)
    held = {minute for start, length in made for minute in range(start, start + length)}
    assert [m for m in range(30) if any(span.start <= at(m) < span.end for span in merged)] == sorted(held)
    assert all(former.end < later.start for former, later in itertools.pairwise(merged))


@given(
    present=st.sets(st.integers(10, 29)),
    halted=st.sets(st.integers(5, 34)),
    before=st.none() | st.integers(0, 9),
    after=st.none() | st.integers(30, 40),
)
def test_gaps_are_the_runs_of_missing_slots_of_one_cause(
    present: set[int], halted: set[int], before: int | None, after: int | None
) -> None:
    found = find_gaps(
        np.array([to_us(at(minute)) for minute in sorted(present)], np.int64),
        span=Span(at(10), at(30)),
        step=MINUTE,
        halts=merged_spans(Span(at(minute), at(minute + 1)) for minute in halted),
        last_before=None if before is None else at(before),
        first_after=None if after is None else at(after),
    )
    expected: list[tuple[int, int, GapCause]] = []
    causes = {True: GapCause.EXCHANGE_HALT, False: GapCause.NOT_RECEIVED}
    for what, slots in itertools.groupby(range(10, 30), lambda slot: None if slot in present else slot in halted):
        if what is not None:
            run = list(slots)
            start = before + 1 if run[0] == 10 and before is not None else run[0]
            end = after if run[-1] == 29 and after is not None else run[-1] + 1
            expected.append((start, end, causes[what]))
    assert found == tuple(Gap(at(start), at(end), cause) for start, end, cause in expected)
