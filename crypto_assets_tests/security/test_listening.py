"""What is served is served to this machine only, unless somebody says otherwise.

That holds of every embedded service of every test: the fixture `services` looks at its processes before it ends them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from crypto_assets.config import Settings
from crypto_assets.metrics.serving import serve_metrics
from crypto_assets.spark.launch import local_configuration
from crypto_assets_tests.security.listening import listening, open_to_others, with_children
from crypto_assets_tests.services import NAMED
from crypto_assets_tests.waiting import wait_for
from resources.services.folder import ServiceFolder
from resources.services.manager import Services
from resources.services.process import family

START_S = 240


def test_servers_of_make_up_listen_on_this_machine_only(services: Services, live_settings: Settings) -> None:
    services.start(["postgres", "redis", "simulator", "sheets"])
    for name in ("postgres", "redis", "simulator", "sheets"):
        processes = family(ServiceFolder.of(live_settings.data_dir, name))
        assert list(listening(processes)), name
        assert open_to_others(processes) == [], name


@pytest.mark.parametrize(
    "module", ["crypto_assets.dashboard", "crypto_assets.simulator", "crypto_assets.exporter"], ids=str
)
def test_a_program_that_is_told_no_address_listens_on_this_machine_only(module: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name.lower() not in NAMED}
    command = [sys.executable, "-m", module, "--port", "0"]
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            command, env={**environment, "DATA_DIR": str(tmp_path)}, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        found = wait_for(lambda: list(listening(with_children(child.pid))), until=bool, deadline_s=START_S)
        assert open_to_others(with_children(child.pid)) == [], found
    finally:
        started = with_children(child.pid)
        child.terminate()
        _, left = psutil.wait_procs(started, timeout=20)
        for process in left:
            process.kill()
        child.wait()


def test_pages_of_metrics_and_of_spark_are_for_this_machine(tmp_path: Path) -> None:
    settings = Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
    page = serve_metrics(CollectorRegistry(), host=settings.metrics_host, port=settings.metrics_port)
    try:
        assert page.address.startswith("http://127.0.0.1:")
        assert open_to_others([psutil.Process()]) == []
    finally:
        page.end()
    spark = local_configuration([], folder=tmp_path, heap="1g", java="")
    assert (spark["spark.driver.bindAddress"], spark["spark.ui.enabled"]) == ("127.0.0.1", "false")
    assert settings.spark_ui is False


def test_the_search_finds_what_is_open_to_others() -> None:
    with socket.create_server(("0.0.0.0", 0)) as opened:
        assert [found for found in open_to_others([psutil.Process()]) if str(opened.getsockname()[1]) in found]
