"""The plan of a soak: the same for the same seed, everything in it, nothing outside its time."""

from __future__ import annotations

from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.live.faults import PROGRAMS, REFUSED_S, ExchangeFault, FlushRedis, Kill, plan_faults
from crypto_assets.simulator.faults import Fault
from crypto_assets.simulator.stream_faults import AnyStreamFault, Damage, MalformedMessage

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    def plan(seed: int) -> object:
        return plan_faults(seed, symbols=SYMBOLS, first_s=60, last_s=3600, every_s=60)

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


@given(seed=st.integers(0, 10_000))
def test_an_hour_meets_every_fault(seed: int) -> None:
    faults = [planned.fault for planned in plan_faults(seed, symbols=SYMBOLS, first_s=60, last_s=3400, every_s=60)]
    kills = [fault for fault in faults if isinstance(fault, Kill)]
    assert {kill.programs[0] for kill in kills if len(kill.programs) == 1} == set(PROGRAMS)
    assert any(len(set(kill.programs)) == 2 for kill in kills)
    assert any(kill.programs == ("postgres",) and kill.away_s == REFUSED_S for kill in kills)
    assert FlushRedis() in faults
    scripts = [fault.script for fault in faults if isinstance(fault, ExchangeFault)]
    assert {type(script) for script in scripts} == set(get_args(AnyStreamFault.__value__))
    assert {s.damage for s in scripts if isinstance(s, MalformedMessage)} == set(get_args(Damage.__value__))


def test_every_scripted_fault_is_one_that_the_simulator_takes_and_says_what_it_is() -> None:
    faults = [p.fault for p in plan_faults(3, symbols=SYMBOLS, first_s=0, last_s=3600, every_s=60)]
    for fault in faults:
        if isinstance(fault, ExchangeFault):
            script = msgspec.json.encode(fault.script)
            assert msgspec.json.decode(script, type=Fault) == fault.script
            assert str(fault).startswith(f"exchange: {fault.action} for ")
            assert fault.action in script.decode()


@given(seed=st.integers(0, 10_000), first_s=st.floats(0, 100), length_s=st.floats(0, 5_000), every_s=st.floats(5, 200))
def test_faults_come_in_order_within_the_time_given(seed: int, first_s: float, length_s: float, every_s: float) -> None:
    moments = [
        p.at_s for p in plan_faults(seed, symbols=SYMBOLS, first_s=first_s, last_s=first_s + length_s, every_s=every_s)
    ]
    assert moments == sorted(moments)
    assert all(first_s <= at_s < first_s + length_s for at_s in moments)
    assert len(moments) <= length_s / (0.5 * every_s) + 1
