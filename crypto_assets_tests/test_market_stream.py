"""Runs of market_stream: what lives while one lasts, and what is left when it ends, however it ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil
import pytest
import redis
from filelock import FileLock

from crypto_assets.endpoints import exchange_name
from crypto_assets.jobs import MARKET_STREAM
from crypto_assets.stream.health import PROGRAMS
from crypto_assets.stream.heartbeat import Heartbeat, read_heartbeat
from crypto_assets_tests.small_stream import SmallStream, small_stream
from crypto_assets_tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[1]
START_S = 120
"""A run starts Python and Dagster; many tests may share the machine."""


@pytest.fixture
def stream(tmp_path: Path, redis_server: str) -> SmallStream:
    return small_stream(tmp_path / "data", redis_server)


@pytest.fixture
def code_location(tmp_path: Path, stream: SmallStream) -> Path:
    """The project's graph with a market stream of programs that only give heartbeats."""
    Path(stream.folder).mkdir()
    path = tmp_path / "small_location.py"
    given = {"folder": stream.folder, "redis_server": stream.redis_server, "seed": stream.seed}
    path.write_text(
        textwrap.dedent(
            f"""
            import json
            from crypto_assets.config import read_settings
            from crypto_assets.definitions import build_definitions
            from crypto_assets_tests.small_stream import SmallStream

            stream = SmallStream(**json.loads({json.dumps(json.dumps(given))}))
            defs = build_definitions(read_settings(), market_stream=stream)
            """
        )
    )
    return path


@pytest.fixture
def environment(tmp_path: Path, stream: SmallStream) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    with dg.DagsterInstance.from_config(str(home)):
        pass  # two programs that make its tables at once trip over each other
    return {**os.environ, "DAGSTER_HOME": str(home), "DATA_DIR": stream.folder, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts Dagster's programs; ends them, and what they started, with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        log = (tmp_path / f"{program}-{len(started)}.log").open("wb")
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log))
        return started[-1]

    yield begin
    for program in started:
        with suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(program.pid).children(recursive=True), psutil.Process(program.pid)]
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        program.wait()


def beats(stream: SmallStream) -> dict[str, Heartbeat]:
    """Heartbeats of the programs whose process lives."""
    with redis.Redis.from_url(stream.redis_server) as client:
        found = [read_heartbeat(client, exchange_name(stream.settings), name) for name in PROGRAMS]
    return {beat.program: beat for beat in found if beat is not None and psutil.pid_exists(beat.pid)}


def wait_for_all(stream: SmallStream, *, other_than: int = 0) -> dict[str, Heartbeat]:
    return wait_for(
        lambda: beats(stream),
        until=lambda found: len(found) == len(PROGRAMS) and other_than not in {beat.pid for beat in found.values()},
        deadline_s=START_S,
    )


def wait_until_gone(stream: SmallStream) -> None:
    wait_for(lambda: beats(stream), until=lambda found: found == {}, deadline_s=30)


def job(start: Callable[..., subprocess.Popen[bytes]], location: Path) -> subprocess.Popen[bytes]:
    return start("dagster", "job", "execute", "-f", str(location), "-a", "defs", "-j", "market_stream")


def output_of(tmp_path: Path, number: int = 0) -> str:
    return (tmp_path / f"dagster-{number}.log").read_text()


def test_a_killed_program_lives_again_and_a_run_that_is_told_to_end_leaves_none(
    start: Callable[..., subprocess.Popen[bytes]], code_location: Path, stream: SmallStream, tmp_path: Path
) -> None:
    run = job(start, code_location)
    collector = wait_for_all(stream)["collector"].pid

    os.kill(collector, signal.SIGKILL)
    assert wait_for_all(stream, other_than=collector)["collector"].pid != collector
    assert "was killed by signal 9" in output_of(tmp_path)

    second = job(start, code_location)
    assert second.wait(timeout=START_S) == 0
    assert "supervises already; this one has nothing to do" in output_of(tmp_path, 1)
    assert len(beats(stream)) == len(PROGRAMS)

    run.send_signal(signal.SIGTERM)
    run.wait(timeout=60)
    assert beats(stream) == {}
    assert (Path(stream.folder) / "collector.flushed").exists(), "it was asked to end, not killed"


def test_a_run_that_is_killed_leaves_no_program(
    start: Callable[..., subprocess.Popen[bytes]], code_location: Path, stream: SmallStream
) -> None:
    run = job(start, code_location)
    wait_for_all(stream)
    run.kill()
    wait_until_gone(stream)
    assert (Path(stream.folder) / "processor.flushed").exists(), "they were told, and flushed"


def test_a_run_whose_programs_keep_crashing_fails_with_what_they_said_last(
    start: Callable[..., subprocess.Popen[bytes]], code_location: Path, stream: SmallStream, tmp_path: Path
) -> None:
    for program in PROGRAMS:
        (Path(stream.folder) / f"{program}.does").write_text("crash")
    run = job(start, code_location)
    assert run.wait(timeout=START_S) == 1
    said = output_of(tmp_path)
    assert "crashed 5 times in a row, and nothing else that was started here runs" in said
    assert "ended with exit code 7" in said
    assert "something that nobody expected" in said


def test_the_second_process_of_a_run_that_was_ended_meanwhile_starts_nothing(stream: SmallStream) -> None:
    Path(stream.folder).mkdir()
    said = stream.supervise(run_id="one", log=logging.getLogger(__name__), has_ended=lambda: True)
    assert said == "Run one was ended before this process of it had something to do."
    assert beats(stream) == {}


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (dg.DagsterInstance.report_run_canceling, dg.DagsterRunStatus.CANCELED),
        (dg.DagsterInstance.report_run_canceled, dg.DagsterRunStatus.CANCELED),
        (dg.DagsterInstance.report_run_failed, dg.DagsterRunStatus.FAILURE),
    ],
    ids=["being cancelled", "cancelled", "failed"],
)
def test_programs_end_with_their_run_which_stays_as_another_process_of_it_ended_it(
    stream: SmallStream,
    end: Callable[[dg.DagsterInstance, dg.DagsterRun], object],
    status: dg.DagsterRunStatus,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path(stream.folder).mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path), quiet) as instance, ThreadPoolExecutor(1) as other_process:

        def end_it_once_all_run() -> None:
            wait_for_all(stream)
            (run,) = instance.get_runs()
            end(instance, run)

        ended = other_process.submit(end_it_once_all_run)
        result = MARKET_STREAM.execute_in_process(
            instance=instance, resources={"market_stream": stream}, raise_on_error=False
        )
        ended.result()
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is status, "the last event of a run says how it ended, whichever process writes it"
    assert f"Run {run.run_id} was ended. Collector, processor and forecaster are ended." in capfd.readouterr().err
    assert beats(stream) == {}


def test_the_second_process_of_a_run_waits_and_takes_over_from_the_first(stream: SmallStream) -> None:
    Path(stream.folder).mkdir()
    lock = FileLock(Path(stream.folder) / "services" / "market_stream.lock")
    lock_file = Path(lock.lock_file)
    lock_file.parent.mkdir()
    lock_file.with_suffix(".json").write_text('{"run_id": "one", "pid": 1}')
    run_ended = threading.Event()
    pauses = []

    def first_process_dies_then_the_run_is_ended(seconds: float) -> None:
        pauses.append(seconds)
        if lock.is_locked:
            assert beats(stream) == {}, "one process starts programs, not both"
            lock.release()
        else:
            wait_for_all(stream)
            run_ended.set()

    with lock:
        said = stream.supervise(
            run_id="one",
            log=logging.getLogger(__name__),
            has_ended=run_ended.is_set,
            pause=first_process_dies_then_the_run_is_ended,
        )
    assert said == "Run one was ended. Collector, processor and forecaster are ended."
    assert len(pauses) >= 2


def supervising(stream: SmallStream, instance: dg.DagsterInstance, *, other_than: str = "") -> dg.DagsterRun:
    """The run that has the programs; two daemons may have asked for another one, which has nothing to do."""
    holder = wait_for(
        stream.supervisor_run,
        until=lambda holder: holder is not None and holder.pid != 0 and holder.run_id != other_than,
        deadline_s=START_S,
    )
    assert holder is not None
    run = instance.get_run_by_id(holder.run_id)
    assert run is not None
    return run


def test_under_two_daemons_one_run_has_the_programs_which_the_page_can_cancel_and_which_ends_with_its_daemon(
    start: Callable[..., subprocess.Popen[bytes]],
    code_location: Path,
    stream: SmallStream,
    environment: dict[str, str],
) -> None:
    daemons = [start("dagster-daemon", "run", "-f", str(code_location), "-a", "defs") for _ in range(2)]
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        first = wait_for_all(stream)
        run = supervising(stream, instance)
        assert run.status is dg.DagsterRunStatus.STARTED
        assert run.tags["market_stream/reason"].startswith("collector and processor and forecaster: the first run")

        assert instance.run_launcher.terminate(run.run_id)
        # Dagster tells the code server that started the run last. Where that one's process of it had found the run
        # started already and ended, the server calls the run failed.
        cancelled = {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}
        ended = wait_for(lambda: instance.get_run_by_id(run.run_id), until=is_finished, deadline_s=60)
        assert ended is not None
        assert ended.status in cancelled
        again = wait_for_all(stream, other_than=first["collector"].pid)
        assert {beat.pid for beat in again.values()} & {beat.pid for beat in first.values()} == set()
        second = supervising(stream, instance, other_than=run.run_id)
        assert second.status is dg.DagsterRunStatus.STARTED

        for daemon in daemons:
            daemon.kill()
        wait_until_gone(stream)
        wait_for(lambda: instance.get_run_by_id(second.run_id), until=is_finished, deadline_s=60)


def is_finished(run: dg.DagsterRun | None) -> bool:
    return run is not None and run.is_finished
