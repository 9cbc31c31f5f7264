"""The simulator as a child process: ready when handed over, gone with its parent, and clear about a failed start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.sync.client import connect

from crypto_assets.errors import Unavailable
from crypto_assets.simulator.process import start_simulator

NOW = datetime(2025, 1, 3, 6, tzinfo=UTC)
PARENT = """
import os, threading, time
from crypto_assets.simulator.process import start_simulator

def start():
    simulator = start_simulator(symbols=["BTCUSDT"])
    print(simulator.pid, simulator.url, flush=True)

starter = threading.Thread(target=start)  # whose end must not be taken for that of the process
starter.start()
starter.join()
os.fork()
time.sleep(60)
"""


def test_a_simulator_answers_when_it_is_handed_over_and_is_gone_after_stop() -> None:
    with start_simulator(symbols=["BTCUSDT"], frozen_at=NOW) as simulator:
        assert simulator.is_running
        assert httpx.get(f"{simulator.url}/api/v3/time").json() == {"serverTime": int(NOW.timestamp() * 1000)}
    assert not simulator.is_running
    assert not psutil.pid_exists(simulator.pid)
    simulator.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(simulator.url)


def test_a_simulator_ends_with_a_parent_that_is_killed_although_a_fork_of_it_lives_on() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout is not None
    try:
        pid, url = parent.stdout.readline().split()
        simulator = psutil.Process(int(pid))
        assert httpx.get(f"{url}/health").status_code == 200
        os.kill(parent.pid, signal.SIGKILL)
        gone, _ = psutil.wait_procs([simulator], timeout=20)
        assert gone == [simulator]
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()


def test_streams_run_at_the_speed_asked_for_at_the_address_that_health_tells() -> None:
    begun = datetime(2024, 8, 5, 13, tzinfo=UTC)
    with start_simulator(symbols=["BTCUSDT"], now=begun, speed=50) as simulator:
        assert httpx.get(f"{simulator.url}/health").json()["streams"] == simulator.stream_url
        with connect(f"{simulator.stream_url}/ws/btcusdt@kline_1s") as client:
            ends = [json.loads(client.recv(timeout=30))["k"]["T"] for _ in range(20)]
        assert ends == list(range(ends[0], ends[0] + 20_000, 1000))
        assert ends[0] >= begun.timestamp() * 1000 - 1


def test_a_speed_of_zero_is_for_replay_only() -> None:
    with pytest.raises(Unavailable, match="--speed is above 0"):
        start_simulator(speed=0)


def test_a_start_that_fails_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "simulator.log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"(?s)ended with status 2\. Its log, .*{port} cannot be used"):
            start_simulator(port=port, log_path=log)
    assert str(port) in log.read_text()


def test_options_that_cannot_be_used_are_explained(tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text("faults: [{action: explode}]")
    with pytest.raises(Unavailable, match="Invalid value 'explode'"):
        start_simulator(faults=script)
    with pytest.raises(Unavailable, match="neither archive/ nor recordings/"):
        start_simulator(replay=tmp_path)


def test_a_program_that_is_not_ready_in_time_is_ended() -> None:
    before = set(psutil.Process().children())
    with pytest.raises(Unavailable, match="was not ready after 0 s"):
        start_simulator(timeout_s=0)
    assert set(psutil.Process().children()) == before


def test_faults_of_a_script_are_in_force_from_the_start(tmp_path: Path) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text("faults: [{action: status, path: /api/v3/ping, status: 503}]")
    with start_simulator(symbols=["BTCUSDT"], faults=script) as simulator:
        assert httpx.get(f"{simulator.url}/api/v3/ping").status_code == 503


def test_starting_one_does_not_load_what_the_simulator_itself_needs() -> None:
    program = "import sys, crypto_assets.simulator.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "polars", "starlette", "uvicorn", "msgspec"} & set(loaded)
