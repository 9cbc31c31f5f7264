"""The landing zone on a real HDFS: whole files, equal ones left alone, and a sentence for each way it can refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import uuid4

import pytest
from hdfs_native import Client

from crypto_assets.archive.landing import Landing, explain, path_of
from crypto_assets.errors import ConfigurationError, LakeError, ServiceUnavailable

PATH = path_of("BTCUSDT", date(2024, 8, 1))
CONTENT = bytes(range(256)) * 4_000


@pytest.fixture
def uri(hdfs: str) -> str:
    """A folder of its own."""
    return f"{hdfs}/landing-{uuid4().hex[:12]}"


def files_of(hdfs: str, uri: str) -> list[str]:
    """Every file below, temporary ones too."""
    found = Client(hdfs).list_status(uri.removeprefix(hdfs), recursive=True)
    return [status.path.removeprefix(uri.removeprefix(hdfs)).lstrip("/") for status in found if not status.isdir]


def test_a_file_that_landed_is_read_as_it_was_and_nothing_else_is_there(hdfs: str, uri: str) -> None:
    landed = Landing(uri).land(PATH, CONTENT)
    assert landed.changed
    assert landed.uri == f"{uri}/klines_1s/symbol=BTCUSDT/date=2024-08-01/BTCUSDT-1s-2024-08-01.zip"
    assert Landing(uri).read(PATH) == CONTENT
    assert files_of(hdfs, uri) == [PATH]


def test_an_equal_file_is_not_written_again_and_another_takes_its_place(hdfs: str, uri: str) -> None:
    zone = Landing(uri)
    zone.land(PATH, CONTENT)
    before = Client(hdfs).get_file_info(f"{uri.removeprefix(hdfs)}/{PATH}").modification_time
    again = zone.land(PATH, CONTENT)
    assert not again.changed
    assert Client(hdfs).get_file_info(f"{uri.removeprefix(hdfs)}/{PATH}").modification_time == before
    other = CONTENT[::-1]
    assert zone.land(PATH, other).changed
    assert zone.read(PATH) == other


def test_what_a_killed_write_left_is_deleted_by_the_next_one(hdfs: str, uri: str) -> None:
    zone = Landing(uri)
    zone.land(PATH, CONTENT)
    folder, _, name = f"{uri.removeprefix(hdfs)}/{PATH}".rpartition("/")
    with Client(hdfs).create(f"{folder}/.{name}.0123abcd.tmp") as file:
        file.write(b"half")
    zone.land(PATH, CONTENT[1:])
    assert files_of(hdfs, uri) == [PATH]


def test_the_replication_is_that_asked_for_also_of_a_file_that_is_there(hdfs: str, uri: str) -> None:
    assert Landing(uri, replication=2).land(PATH, CONTENT).replication == 2
    again = Landing(uri, replication=1).land(PATH, CONTENT)
    assert (again.replication, again.changed) == (1, False)
    assert Client(hdfs).get_file_info(f"{uri.removeprefix(hdfs)}/{PATH}").replication == 1


def test_a_file_that_never_landed_is_none(uri: str) -> None:
    assert Landing(uri).read(PATH) is None


def test_a_file_in_the_place_of_a_folder_is_refused_and_stays(uri: str) -> None:
    zone = Landing(uri)
    zone.land("klines_1s", b"in the way")
    with pytest.raises(LakeError, match="A file stands where a folder is needed"):
        zone.land(PATH, CONTENT)
    assert zone.read("klines_1s") == b"in the way"


@pytest.mark.parametrize("ask", [lambda zone: zone.land("klines_1s", CONTENT), lambda zone: zone.read("klines_1s")])
def test_a_folder_in_the_place_of_the_file_is_refused(uri: str, ask: Callable[[Landing], object]) -> None:
    zone = Landing(uri)
    zone.land(PATH, CONTENT)
    with pytest.raises(LakeError, match="is a folder, where the file of a day belongs"):
        ask(zone)
    assert zone.read(PATH) == CONTENT


def test_an_address_that_is_not_hdfs_is_refused_with_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match=r"LANDING_URI=/tmp/landing .* hdfs://namenode:port/folder"):
        Landing("/tmp/landing")


def test_nobody_listening_is_said_and_may_pass() -> None:
    with pytest.raises(ServiceUnavailable, match="Connection refused") as caught:
        Landing("hdfs://127.0.0.1:1/landing").read(PATH)
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        (
            'RPCError("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "Cannot create file/a. Name node '
            'is in safe mode.\\nIt was turned on manually.\\n\\tat org.apache")',
            ServiceUnavailable,
            "Cannot create file/a. Name node is in safe mode. What was there stays as it was. .* -safemode leave",
        ),
        (
            'RPCError("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "The DiskSpace quota of /q is '
            'exceeded: quota = 1048576 B = 1 MB but diskspace consumed = 134217728 B = 128 MB\\n\\tat org.apache")',
            LakeError,
            "quota = 1048576 B .* raise the quota",
        ),
        (
            'RPCError("org.apache.hadoop.hdfs.protocol.NSQuotaExceededException", "The NameSpace quota '
            '(directories and files) of directory /q is exceeded: quota=2 file count=3\\n\\tat org.apache")',
            LakeError,
            "file count=3. .* raise the quota",
        ),
        (
            'RPCError("java.io.IOException", "File /a could only be written to 0 of the 1 minReplication nodes. There '
            'are 0 datanode(s) running\\n\\tat org.apache")',
            ServiceUnavailable,
            "No DataNode is alive",
        ),
        (
            'RPCError("org.apache.hadoop.security.AccessControlException", "Permission denied: user=me\\n\\tat o")',
            LakeError,
            "HADOOP_USER_NAME",
        ),
    ],
    ids=["safe mode", "space quota", "name quota", "no DataNode", "permission"],
)
def test_what_the_namenode_says_becomes_a_sentence_with_what_to_do(
    said: str, kind: type[Exception], advice: str
) -> None:
    found = explain(RuntimeError(said), what="Cannot write hdfs://n/a")
    assert type(found) is kind
    assert str(found).startswith("Cannot write hdfs://n/a: ")
    assert "\n" not in str(found)
    with pytest.raises(kind, match=advice):
        raise found
