from __future__ import annotations

import json

from crypto_assets.cleaning.gaps import Gap, GapCause, gaps_as_json, gaps_from_json, merged_spans
from crypto_assets.spans import Span
from crypto_assets_tests.cleaning.examples import at


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
