"""An HDFS that refuses or loses a node: nothing hangs, the former file stays, and the next run completes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from uuid import uuid4

import psutil
import pytest
from hdfs_native import Client

from crypto_assets.archive.landing import Landed, Landing, path_of
from crypto_assets.endpoints import service_folder
from crypto_assets.errors import LakeError, ServiceUnavailable
from crypto_assets_tests.archive.hdfs_admin import dfsadmin
from crypto_assets_tests.waiting import wait_for
from resources.services.manager import Services
from resources.services.service import Name

PATH = path_of("BTCUSDT", date(2024, 8, 1))
FORMER, NEW = b"former" * 1000, bytes(range(256)) * 20_000


@pytest.fixture
def uri(hdfs: str) -> str:
    """A folder of its own, in which a former file landed."""
    uri = f"{hdfs}/landing-{uuid4().hex[:12]}"
    Landing(uri).land(PATH, FORMER)
    return uri


@pytest.fixture
def frozen(services: Services, uri: str) -> Iterator[Callable[[Name], psutil.Process]]:
    """`frozen("datanode")` stops a process where it is; at the end it goes on, or is started again if it was killed."""
    processes: list[psutil.Process] = []

    def freeze(name: Name) -> psutil.Process:
        process = services.process(name)
        assert process is not None
        processes.append(process)
        process.suspend()
        return process

    yield freeze
    for process in processes:
        if process.is_running():
            process.resume()
    services.start(["datanode"])


def names_in(hdfs: str, uri: str) -> list[str]:
    folder = f"{uri.removeprefix(hdfs)}/{PATH}".rpartition("/")[0]
    return [status.path.rpartition("/")[2] for status in Client(hdfs).list_status(folder)]


def landed_again(uri: str) -> Landed:
    """The new file, once HDFS takes it: after a loss the NameNode believes for a while that the node is there."""

    def land() -> Landed | str:
        try:
            return Landing(uri).land(PATH, NEW)
        except ServiceUnavailable as error:
            return str(error)

    found = wait_for(land, until=lambda seen: isinstance(seen, Landed), deadline_s=120)
    assert isinstance(found, Landed)
    return found


def test_safe_mode_refuses_the_write_and_says_how_to_end_it(hdfs: str, uri: str) -> None:
    dfsadmin(hdfs, "-safemode", "enter")
    try:
        with pytest.raises(
            ServiceUnavailable, match=r"safe mode.* stays as it was.*dfsadmin -safemode leave"
        ) as caught:
            Landing(uri).land(PATH, NEW)
        assert caught.value.retryable
        assert Landing(uri).read(PATH) == FORMER
    finally:
        dfsadmin(hdfs, "-safemode", "leave")
    assert Landing(uri).land(PATH, NEW).changed
    assert names_in(hdfs, uri) == [PATH.rpartition("/")[2]]


@pytest.mark.parametrize(
    ("quota", "clear"),
    [(("-setSpaceQuota", "1m"), "-clrSpaceQuota"), (("-setQuota", "5"), "-clrQuota")],
    ids=["space", "names"],
)
def test_a_quota_that_is_used_up_refuses_the_write_for_good_until_it_is_raised(
    hdfs: str, uri: str, quota: tuple[str, str], clear: str
) -> None:
    folder = uri.removeprefix(hdfs)
    dfsadmin(hdfs, *quota, folder)
    with pytest.raises(
        LakeError, match=r"quota.* is exceeded.* stays as it was.*raise the quota.*LANDING_URI"
    ) as caught:
        Landing(uri).land(PATH, NEW)
    assert not caught.value.retryable
    assert Landing(uri).read(PATH) == FORMER
    dfsadmin(hdfs, clear, folder)
    assert Landing(uri).land(PATH, NEW).changed
    assert names_in(hdfs, uri) == [PATH.rpartition("/")[2]]


def test_a_datanode_lost_in_the_middle_of_a_write_costs_that_write_only(
    hdfs: str, uri: str, services: Services, frozen: Callable[[Name], psutil.Process]
) -> None:
    frozen("datanode")
    failures: list[BaseException] = []

    def land() -> None:
        try:
            Landing(uri).land(PATH, NEW)
        except ServiceUnavailable as error:
            failures.append(error)

    writer = threading.Thread(target=land, daemon=True)
    writer.start()
    wait_for(lambda: len(names_in(hdfs, uri)), until=lambda files: files == 2, deadline_s=30)
    services.kill("datanode")
    writer.join(180)
    assert "stays as it was. A DataNode or the NameNode was lost" in str(failures)
    services.start(["datanode"])
    assert Landing(uri).read(PATH) == FORMER
    assert landed_again(uri).changed
    assert Landing(uri).read(PATH) == NEW
    assert names_in(hdfs, uri) == [PATH.rpartition("/")[2]]


@pytest.mark.parametrize("node", ["datanode", "namenode"])
def test_a_node_that_is_frozen_is_waited_for_no_longer_than_the_limit_and_the_former_file_stays(
    hdfs: str, uri: str, frozen: Callable[[Name], psutil.Process], node: Name
) -> None:
    process = frozen(node)
    with pytest.raises(ServiceUnavailable, match=r"did not answer within 7 s.*`make status`") as caught:
        Landing(uri, time_limit_s=2).land(PATH, NEW)
    assert caught.value.retryable
    process.resume()
    assert Landing(uri).read(PATH) == FORMER
    assert landed_again(uri).changed
    wait_for(lambda: names_in(hdfs, uri), until=lambda files: files == [PATH.rpartition("/")[2]], deadline_s=60)
    assert Landing(uri).read(PATH) == NEW


def test_a_block_that_a_disk_changed_is_not_read_and_is_written_anew_by_the_next_run(
    uri: str, services: Services
) -> None:
    content = uuid4().bytes * 50_000
    Landing(uri).land(PATH, content)
    blocks = service_folder(services.settings.data_dir, "datanode").rglob("finalized/**/blk_*")
    (block,) = [path for path in blocks if path.suffix != ".meta" and path.read_bytes() == content]
    block.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(
        ServiceUnavailable, match=r"gives a block of it whole; asked: 127\.0\.0\.1:\d+\. .*checksum.*again"
    ):
        Landing(uri).read(PATH)
    again = Landing(uri).land(PATH, content)
    assert again.changed
    assert Landing(uri).read(PATH) == content
