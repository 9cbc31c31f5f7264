"""What keeps collector and processor alive, on real processes, with a clock that the test moves."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from crypto_assets.errors import ServiceFailed
from crypto_assets.stream.health import Health, judge
from crypto_assets.stream.heartbeat import Heartbeat, Program
from crypto_assets.stream.supervisor import Supervisor, pause_s
from crypto_assets_tests.waiting import wait_for

SLEEPS = "import time; time.sleep(600)"
NOW_US = 1_700_000_000_000_000


@dataclass
class Stage:
    """Programs that a supervisor keeps, what their heartbeats say, and a clock."""

    folder: Path
    scripts: dict[Program, str]
    health: dict[Program, Callable[[], Health]] = field(default_factory=dict)
    now: float = 0.0
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(
            {program: [sys.executable, "-c", script] for program, script in self.scripts.items()},
            environment=os.environ,
            folder=self.folder,
            log_of=lambda program: self.folder / f"{program}.log",
            look=lambda program: self.health.get(program, lambda: judge(program, None, now_us=NOW_US))(),
            log=logging.getLogger("test"),
            clock=lambda: self.now,
        )

    def pid(self, program: Program = "collector") -> int:
        return self.supervisor.children[program]

    def lives(self, program: Program = "collector") -> None:
        """From now on its heartbeat is that of its child."""
        self.health[program] = lambda: beat_of(program, pid=self.pid(program))

    def wait_for_end(self, program: Program = "collector") -> None:
        wait_for(lambda: program in self.supervisor.children, until=lambda lives: not lives, deadline_s=20)

    def kill(self, program: Program = "collector") -> None:
        os.kill(self.pid(program), signal.SIGKILL)
        self.wait_for_end(program)


def beat_of(program: Program, *, pid: int, ago_s: float = 1, host: str | None = None) -> Health:
    beat = Heartbeat(
        program=program,
        instance="one",
        pid=pid,
        host=host or socket.gethostname(),
        started_at_us=0,
        beat_at_us=NOW_US - int(ago_s * 1_000_000),
        state="running",
    )
    return judge(program, beat, now_us=NOW_US)


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**scripts: str) -> Stage:
        made.append(Stage(tmp_path, scripts))  # pyright: ignore[reportArgumentType]
        return made[-1]

    yield make
    for stage in made:
        stage.supervisor.stop()


def test_what_does_not_run_is_started_and_what_lives_elsewhere_is_left_alone(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector=SLEEPS, processor=SLEEPS)
    stage.health["processor"] = lambda: beat_of("processor", pid=1, host="elsewhere")

    stage.supervisor.step()

    assert set(stage.supervisor.children) == {"collector"}


def test_a_killed_program_is_started_again_after_pauses_that_double(
    make_stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(collector=SLEEPS)
    stage.supervisor.step()
    for pause in (1, 2, 4):
        before = stage.pid()
        stage.kill()
        stage.supervisor.step()
        stage.now += pause - 0.1
        stage.supervisor.step()
        assert stage.supervisor.children == {}, f"it started before {pause} s were over"
        stage.now += 0.2
        stage.supervisor.step()
        assert stage.pid() != before
    assert [pause_s(crashes) for crashes in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "was killed by signal 9" in caplog.text
    assert "Crash 3 in a row; next start in 4 s." in caplog.text


def test_a_program_that_ran_well_for_a_minute_crashes_for_the_first_time_again(
    make_stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(collector=SLEEPS)
    for _ in range(2):
        stage.supervisor.step()
        stage.lives()
        stage.now += 61
        stage.supervisor.step()
        stage.kill()
        del stage.health["collector"]
        stage.supervisor.step()
        stage.now += 1.1
    assert caplog.text.count("Crash 1 in a row") == 2


def test_leaving_the_field_to_another_instance_is_no_crash(
    make_stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage = make_stage(collector="import sys; sys.exit(3)")
    for _ in range(7):
        stage.supervisor.step()
        stage.wait_for_end()
        stage.supervisor.step()
        stage.now += 9
        stage.supervisor.step()
        assert stage.supervisor.children == {}, "it was started while the other's lease may still hold"
        stage.now += 2
    assert "Crash" not in caplog.text
    assert "another instance runs" in caplog.text


def test_a_program_that_hangs_is_killed_and_started_again(
    make_stage: Callable[..., Stage], caplog: pytest.LogCaptureFixture
) -> None:
    stage = make_stage(collector=SLEEPS)
    stage.supervisor.step()
    hung = stage.pid()
    stage.health["collector"] = lambda: beat_of("collector", pid=hung, ago_s=20)
    stage.supervisor.step()
    stage.now += 9
    stage.supervisor.step()
    assert stage.pid() == hung, "one late look is not enough"

    stage.now += 2
    stage.supervisor.step()
    stage.now += 1.1
    stage.supervisor.step()

    assert not psutil.pid_exists(hung)
    assert stage.pid() != hung
    assert "said nothing for 20 s, where 15 s are allowed; it was running. It was killed." in caplog.text


def test_a_program_that_never_gives_a_heartbeat_is_hung_after_two_minutes(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector=SLEEPS)
    stage.supervisor.step()
    first = stage.pid()
    stage.now += 119
    stage.supervisor.step()
    assert stage.pid() == first
    stage.now += 2
    stage.supervisor.step()
    stage.now += 11
    stage.supervisor.step()
    assert stage.supervisor.children == {}
    assert not psutil.pid_exists(first)


def test_while_redis_is_away_nothing_is_taken_for_hung(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector=SLEEPS)
    stage.supervisor.step()
    first = stage.pid()
    stage.health["collector"] = lambda: Health("collector", "unknown", "Redis is away")
    for _ in range(5):
        stage.now += 100
        stage.supervisor.step()
    assert stage.pid() == first


def test_a_hung_program_that_was_started_elsewhere_on_this_machine_is_killed_and_replaced(
    make_stage: Callable[..., Stage],
) -> None:
    stage = make_stage(collector=SLEEPS)
    other = subprocess.Popen([sys.executable, "-c", SLEEPS, "crypto_assets.stream.collector"])
    try:
        # Linux tells Popen of the new program a moment before it tells others of its arguments.
        wait_for(psutil.Process(other.pid).cmdline, until=bool, deadline_s=10)
        stage.health["collector"] = lambda: beat_of("collector", pid=other.pid, ago_s=20)
        stage.supervisor.step()
        assert stage.supervisor.children == {}
        stage.now += 11
        stage.supervisor.step()
        assert not psutil.pid_exists(other.pid)
        assert "collector" in stage.supervisor.children
    finally:
        other.kill()


def test_a_process_that_only_has_the_number_of_a_silent_program_is_not_touched(
    make_stage: Callable[..., Stage],
) -> None:
    stage = make_stage(collector=SLEEPS)
    stranger = subprocess.Popen([sys.executable, "-c", SLEEPS])
    try:
        stage.health["collector"] = lambda: beat_of("collector", pid=stranger.pid, ago_s=20)
        stage.supervisor.step()
        stage.now += 11
        stage.supervisor.step()
        assert "collector" in stage.supervisor.children
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def crash(stage: Stage, program: Program, *, times: int) -> None:
    for _ in range(times):
        stage.supervisor.step()
        stage.wait_for_end(program)
        stage.supervisor.step()
        stage.now += 61


def test_it_gives_up_with_exit_code_and_last_lines_when_nothing_stays_up(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector="import sys; print('the password was refused'); sys.exit(7)")
    with pytest.raises(ServiceFailed) as failed:
        crash(stage, "collector", times=6)
    sentence = str(failed.value)
    assert "collector crashed 5 times in a row" in sentence
    assert "ended with exit code 7" in sentence
    assert "the password was refused" in sentence
    assert str(stage.folder / "collector.log") in sentence
    assert sentence.count("the password was refused") == 1, "only lines of the last start are shown"


def test_a_processor_that_keeps_crashing_does_not_take_the_collector_with_it(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector=SLEEPS, processor="raise SystemExit(1)")
    stage.supervisor.step()
    collector = stage.pid()
    stage.lives()
    crash(stage, "processor", times=7)
    assert stage.pid() == collector


def test_stopping_ends_everything_that_was_started(make_stage: Callable[..., Stage]) -> None:
    stage = make_stage(collector=SLEEPS, processor=SLEEPS)
    stage.supervisor.step()
    pids = list(stage.supervisor.children.values())
    stage.supervisor.stop()
    assert stage.supervisor.children == {}
    assert not any(psutil.pid_exists(pid) for pid in pids)
