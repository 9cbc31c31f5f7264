"""What is killed when follows from the seed."""

from __future__ import annotations

from itertools import islice

import pytest

from proof.crash.blows import AIMS, Blow, plan_blows


def test_the_same_seed_gives_the_same_kills_and_another_seed_others() -> None:
    first = list(islice(plan_blows(20), 200))
    assert list(islice(plan_blows(20), 200)) == first
    assert list(islice(plan_blows(21), 200)) != first


def test_every_aim_is_taken_and_most_are_the_run_itself() -> None:
    aims = [blow.aim for blow in islice(plan_blows(20), 300)]
    assert set(aims) == set(AIMS)
    assert aims.count("run") > 300 // 2


def test_the_first_attempt_is_hit_after_two_to_six_seconds_of_a_mean_of_four() -> None:
    waits = [blow.wait_s(4.0, failed=0) for blow in islice(plan_blows(20), 300)]
    assert 2.0 <= min(waits) < 2.2
    assert 5.8 < max(waits) <= 6.0


def test_the_wait_grows_by_a_quarter_with_each_failed_attempt() -> None:
    blow = Blow(wait=1.0, aim="run", pick=0.0)
    assert [blow.wait_s(4.0, failed=failed) for failed in range(3)] == [4.0, 5.0, 6.25]


@pytest.mark.parametrize(("pick", "chosen"), [(0.0, "a"), (0.34, "b"), (0.999, "c")])
def test_a_pick_chooses_among_however_many_there_are(pick: float, chosen: str) -> None:
    assert Blow(1.0, "service", pick).chosen(["a", "b", "c"]) == chosen
