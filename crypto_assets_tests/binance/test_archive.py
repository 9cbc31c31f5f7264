"""The archive client: what it fetches, keeps, refuses and remembers."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.binance.archive import UNSIGNED, ArchiveClient
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.http import Http
from crypto_assets.errors import BadPayload, ChecksumMismatch, ConfigurationError, LakeError, Refused, Unavailable
from crypto_assets_tests.binance.local_server import LocalServer, Reply
from crypto_assets_tests.binance.zips import KLINE, checksum_of, file_bytes

FILE = ArchiveFile.spot_klines("BTCUSDT", "1m", date(2024, 8, 1))
ZIP = file_bytes(FILE, KLINE)
OTHER_ZIP = file_bytes(FILE, KLINE.replace("64000.10", "64000.20"))
ZIP_PATH = f"/{FILE.path}"
CHECKSUM_PATH = f"/{FILE.path}.CHECKSUM"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Minutes:
    """A clock that is a minute later at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return datetime(2024, 8, 2, tzinfo=UTC) + timedelta(minutes=self.looks)


def publish(server: LocalServer, content: bytes = ZIP, *, checksum: bytes | None = b"") -> None:
    """Publish the file; with its own checksum unless another one, or None for no checksum, is given."""
    server.routes[ZIP_PATH] = lambda _: Reply(body=content)
    server.routes.pop(CHECKSUM_PATH, None)
    if checksum is not None:
        text = checksum or checksum_of(content, FILE.name)
        server.routes[CHECKSUM_PATH] = lambda _: Reply(body=text)


Client = Callable[..., ArchiveClient]


@pytest.fixture
def make(server: LocalServer, http: Http, tmp_path: Path) -> Client:
    now = Minutes()

    def make_client(*accepted: str) -> ArchiveClient:
        return ArchiveClient(
            server.url,
            downloads=tmp_path / "downloads",
            accept_checksum_mismatch=frozenset(accepted),
            http=http,
            now=now,
        )

    return make_client


@pytest.fixture
def client(make: Client) -> ArchiveClient:
    return make()


def test_a_file_is_kept_with_its_checksum_under_the_archives_own_path(
    server: LocalServer, client: ArchiveClient, tmp_path: Path
) -> None:
    publish(server)
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.path == tmp_path / "downloads" / FILE.path
    assert fetched.path.read_bytes() == ZIP
    assert fetched.path.with_name(f"{FILE.name}.CHECKSUM").read_bytes() == checksum_of(ZIP, FILE.name)
    assert fetched.sha256 == fetched.published_sha256 == sha256(ZIP) == client.published(FILE)
    assert (fetched.remark, fetched.accepted_mismatch) == ("", False)


def test_what_is_here_and_still_published_is_not_downloaded_again(server: LocalServer, make: Client) -> None:
    publish(server)
    first, second = make().fetch(FILE), make().fetch(FILE)
    assert server.paths().count(ZIP_PATH) == 1
    assert first == second


def test_a_republished_file_is_new_data(server: LocalServer, client: ArchiveClient) -> None:
    publish(server)
    first = client.fetch(FILE)
    publish(server, OTHER_ZIP)
    second = client.fetch(FILE)
    assert first is not None
    assert second is not None
    assert second.path.read_bytes() == OTHER_ZIP
    assert second.received_at > first.received_at
    assert client.published(FILE) == sha256(OTHER_ZIP)


def test_a_file_damaged_on_this_machine_is_downloaded_again(server: LocalServer, client: ArchiveClient) -> None:
    publish(server)
    fetched = client.fetch(FILE)
    assert fetched is not None
    fetched.path.write_bytes(b"damaged")
    assert client.fetch(FILE) is not None
    assert fetched.path.read_bytes() == ZIP


def test_what_is_not_published_is_none(client: ArchiveClient, tmp_path: Path) -> None:
    assert client.published(FILE) is None
    assert client.fetch(FILE) is None
    assert not list(tmp_path.rglob("*.zip"))


def test_a_wrong_checksum_is_kept_as_evidence_and_names_both_sums(
    server: LocalServer, client: ArchiveClient, tmp_path: Path
) -> None:
    publish(server, checksum=checksum_of(OTHER_ZIP, FILE.name))
    with pytest.raises(ChecksumMismatch) as caught:
        client.fetch(FILE)
    assert (caught.value.expected, caught.value.actual) == (sha256(OTHER_ZIP), sha256(ZIP))
    assert sha256(OTHER_ZIP) in str(caught.value)
    assert sha256(ZIP) in str(caught.value)
    assert "ACCEPT_CHECKSUM_MISMATCH" in str(caught.value)
    assert server.paths().count(ZIP_PATH) == 2
    evidence = [path for path in (tmp_path / "downloads" / "_evidence").rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in evidence) == sorted([ZIP, checksum_of(OTHER_ZIP, FILE.name)])
    assert not (tmp_path / "downloads" / FILE.path).exists()
    place = f"data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-08-01.{sha256(ZIP)[:12]}.zip"
    names = {path.relative_to(tmp_path / "downloads" / "_evidence").as_posix() for path in evidence}
    assert names == {place, f"{place}.CHECKSUM"}
    with pytest.raises(ChecksumMismatch, match=place):
        client.fetch(FILE)


def test_a_file_that_disappears_between_two_downloads_is_none(server: LocalServer, client: ArchiveClient) -> None:
    server.faults = [Reply(body=checksum_of(OTHER_ZIP, FILE.name)), Reply(body=ZIP)]
    assert client.fetch(FILE) is None
    assert server.paths() == [CHECKSUM_PATH, ZIP_PATH, CHECKSUM_PATH, ZIP_PATH]


def test_a_checksum_that_was_wrong_and_is_withdrawn_leaves_the_zip_unsigned(
    server: LocalServer, client: ArchiveClient
) -> None:
    publish(server, checksum=None)
    server.faults = [Reply(body=checksum_of(OTHER_ZIP, FILE.name))]
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert (fetched.remark, fetched.sha256) == (UNSIGNED, sha256(ZIP))


def test_the_checksum_of_another_file_does_for_an_accepted_one(server: LocalServer, make: Client) -> None:
    publish(server, checksum=checksum_of(ZIP, "BTCUSDT-1m-2024-08-02.zip"))
    fetched = make(FILE.name).fetch(FILE)
    assert fetched is not None
    assert (fetched.accepted_mismatch, fetched.remark) == (False, "")


def test_one_damaged_download_is_forgiven(server: LocalServer, client: ArchiveClient) -> None:
    publish(server)
    server.faults = [Reply(body=checksum_of(ZIP, FILE.name)), Reply(body=ZIP[:-10])]
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.path.read_bytes() == ZIP


def test_a_file_published_anew_between_checksum_and_zip_is_taken(server: LocalServer, client: ArchiveClient) -> None:
    publish(server, OTHER_ZIP)
    server.faults = [Reply(body=checksum_of(ZIP, FILE.name))]
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.published_sha256 == sha256(OTHER_ZIP)


def test_an_accepted_mismatch_is_used_and_told(server: LocalServer, make: Client) -> None:
    publish(server, checksum=checksum_of(OTHER_ZIP, FILE.name))
    first, second = make(FILE.name).fetch(FILE), make(FILE.name).fetch(FILE)
    assert first is not None
    assert first == second
    assert first.accepted_mismatch
    assert (first.sha256, first.published_sha256) == (sha256(ZIP), sha256(OTHER_ZIP))
    assert sha256(OTHER_ZIP) in first.remark
    with pytest.raises(ChecksumMismatch):
        make().fetch(FILE)


def test_the_acceptance_of_another_file_does_not_count(server: LocalServer, make: Client) -> None:
    publish(server, checksum=checksum_of(OTHER_ZIP, FILE.name))
    with pytest.raises(ChecksumMismatch):
        make("BTCUSDT-1m-2024-08-02.zip").fetch(FILE)


@pytest.mark.parametrize(
    ("checksum", "reason"),
    [
        (checksum_of(ZIP, "BTCUSDT-1m-2024-08-02.zip"), "the checksum of another file, BTCUSDT-1m-2024-08-02.zip"),
        (b"<html>busy</html>", "is not a checksum: '<html>busy"),
        (b"\xff\xfe", "is not a checksum"),
        (b"abc  BTCUSDT-1m-2024-08-01.zip", "is not a checksum"),
    ],
    ids=["of another file", "a page", "no text", "no digest"],
)
def test_a_checksum_that_is_none_or_another_files_is_refused(
    server: LocalServer, client: ArchiveClient, checksum: bytes, reason: str
) -> None:
    publish(server, checksum=checksum)
    with pytest.raises(BadPayload, match=reason):
        client.fetch(FILE)
    with pytest.raises(BadPayload, match=reason):
        client.published(FILE)


def test_zips_made_at_different_times_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert file_bytes(FILE, KLINE) == ZIP


def test_a_file_without_a_checksum_is_taken_and_told(server: LocalServer, client: ArchiveClient) -> None:
    publish(server, checksum=None)
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.published_sha256 is None
    assert fetched.remark == UNSIGNED == client.published(FILE)


def test_a_file_without_a_checksum_is_looked_at_again(server: LocalServer, client: ArchiveClient) -> None:
    publish(server, checksum=None)
    first = client.fetch(FILE)
    same = client.fetch(FILE)
    publish(server, OTHER_ZIP, checksum=None)
    changed = client.fetch(FILE)
    assert first == same
    assert changed is not None
    assert changed.sha256 == sha256(OTHER_ZIP)


def test_a_cut_download_is_resumed_and_verified(server: LocalServer, client: ArchiveClient) -> None:
    publish(server)

    def resume(asked) -> Reply:
        start = int(asked.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        return Reply(206, ZIP[start:], {"Content-Range": f"bytes {start}-{len(ZIP) - 1}/{len(ZIP)}"})

    server.routes[ZIP_PATH] = resume
    server.faults = [Reply(body=checksum_of(ZIP, FILE.name)), Reply(body=ZIP, cut_after=50)]
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.path.read_bytes() == ZIP
    assert server.paths() == [CHECKSUM_PATH, ZIP_PATH, ZIP_PATH]


def test_an_old_beginning_of_another_version_is_found_out_by_the_checksum(
    server: LocalServer, client: ArchiveClient, tmp_path: Path
) -> None:
    publish(server)
    part = tmp_path / "downloads" / f"{FILE.path.rpartition('/')[0]}/.{FILE.name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(OTHER_ZIP[:-20] + b"?")

    def ranged(asked) -> Reply:
        start = int(asked.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {start}-{len(ZIP) - 1}/{len(ZIP)}"}
        return Reply(206, ZIP[start:], headers) if start else Reply(body=ZIP)

    server.routes[ZIP_PATH] = ranged
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.path.read_bytes() == ZIP


def old_beginning(server: LocalServer, folder: Path) -> None:
    """An earlier process left the beginning of another version, and the server continues what it is told of."""
    part = folder / "downloads" / f"{FILE.path.rpartition('/')[0]}/.{FILE.name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 20)

    def ranged(asked) -> Reply:
        start = int(asked.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        headers = {"Content-Range": f"bytes {start}-{len(ZIP) - 1}/{len(ZIP)}"}
        return Reply(206, ZIP[start:], headers) if start else Reply(body=ZIP)

    server.routes[ZIP_PATH] = ranged


@pytest.mark.parametrize("accepted", [(), (FILE.name,)])
def test_without_a_sum_that_would_tell_a_download_begins_anew(
    server: LocalServer, make: Client, tmp_path: Path, accepted: tuple[str, ...]
) -> None:
    publish(server, checksum=checksum_of(OTHER_ZIP, FILE.name) if accepted else None)
    old_beginning(server, tmp_path)
    fetched = make(*accepted).fetch(FILE)
    assert fetched is not None
    assert fetched.path.read_bytes() == ZIP
    assert server.paths().count(ZIP_PATH) == 1


def test_with_a_sum_what_an_earlier_process_left_is_continued(
    server: LocalServer, client: ArchiveClient, tmp_path: Path
) -> None:
    publish(server)
    old_beginning(server, tmp_path)
    (tmp_path / "downloads" / f"{FILE.path.rpartition('/')[0]}/.{FILE.name}.part").write_bytes(ZIP[:20])
    assert client.fetch(FILE) is not None
    assert [asked.headers.get("Range") for asked in server.asked] == [None, "bytes=20-"]


def test_a_checksum_in_capitals_is_the_same_sum(server: LocalServer, client: ArchiveClient) -> None:
    publish(server, checksum=f"{sha256(ZIP).upper()} *{FILE.name}".encode())
    fetched = client.fetch(FILE)
    assert fetched is not None
    assert fetched.published_sha256 == sha256(ZIP) == client.published(FILE)


def test_of_a_page_that_is_no_checksum_the_beginning_is_shown(server: LocalServer, client: ArchiveClient) -> None:
    publish(server, checksum=b"<" * 5_000)
    with pytest.raises(BadPayload) as caught:
        client.published(FILE)
    assert str(caught.value) == f"{FILE.name}.CHECKSUM is not a checksum: '{'<' * 80}'"


def test_a_checksum_that_is_withdrawn_does_not_stay_beside_the_zip(server: LocalServer, client: ArchiveClient) -> None:
    publish(server)
    signed = client.fetch(FILE)
    publish(server, checksum=None)
    unsigned = client.fetch(FILE)
    assert signed is not None
    assert unsigned is not None
    assert not unsigned.path.with_name(f"{FILE.name}.CHECKSUM").exists()
    assert (unsigned.received_at, unsigned.published_sha256) == (signed.received_at, None)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"{}"), lambda path: path.unlink()])
def test_a_zip_of_which_nothing_is_remembered_is_downloaded_again(
    server: LocalServer, client: ArchiveClient, damage: Callable[[Path], object]
) -> None:
    publish(server)
    first = client.fetch(FILE)
    assert first is not None
    damage(first.path.with_name(f".{FILE.name}.json"))
    second = client.fetch(FILE)
    assert second is not None
    assert second.received_at > first.received_at
    assert server.paths().count(ZIP_PATH) == 2


def test_an_address_may_end_with_a_slash(server: LocalServer, http: Http, tmp_path: Path) -> None:
    publish(server)
    assert ArchiveClient(f"{server.url}/", downloads=tmp_path, http=http).fetch(FILE) is not None


def test_a_server_that_fails_leaves_the_old_file(server: LocalServer, client: ArchiveClient, tmp_path: Path) -> None:
    publish(server)
    client.fetch(FILE)
    publish(server, OTHER_ZIP)
    server.routes[ZIP_PATH] = lambda _: Reply(503)
    with pytest.raises(Unavailable):
        client.fetch(FILE)
    assert (tmp_path / "downloads" / FILE.path).read_bytes() == ZIP


def test_a_folder_laid_out_like_the_archive_is_one(tmp_path: Path) -> None:
    source = tmp_path / "a folder" / "archive"
    place = source / FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(ZIP)
    client = ArchiveClient(source.as_uri(), downloads=tmp_path / "downloads")
    unsigned = client.fetch(FILE)
    place.with_name(f"{FILE.name}.CHECKSUM").write_bytes(checksum_of(ZIP, FILE.name))
    signed = client.fetch(FILE)
    assert unsigned is not None
    assert signed is not None
    assert (unsigned.remark, signed.remark) == (UNSIGNED, "")
    assert signed.path.read_bytes() == ZIP
    assert client.fetch(ArchiveFile.spot_klines("BTCUSDT", "1m", date(2024, 8, 2))) is None


def test_a_file_that_may_not_be_read_is_refused_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / FILE.path
    place.parent.mkdir(parents=True)
    place.write_bytes(ZIP)
    client = ArchiveClient(tmp_path.as_uri(), downloads=tmp_path / "downloads")
    opened = Path.open

    def denied(self: Path, *args: object, **kwargs: object) -> object:
        if self == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return opened(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(Refused, match="cannot be read: Permission denied"):
        client.fetch(FILE)


def test_recorded_days_are_fetched_and_verified_from_their_folder(real_data: Path, tmp_path: Path) -> None:
    client = ArchiveClient((real_data / "archive").as_uri(), downloads=tmp_path)
    fetched = client.fetch(ArchiveFile.spot_klines("BTCUSDT", "1m", date(2020, 1, 1)))
    assert fetched is not None
    assert fetched.sha256 == fetched.published_sha256


def test_a_full_disk_is_told_as_such(
    server: LocalServer, client: ArchiveClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(server)

    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(LakeError, match="No space left on device") as caught:
        client.fetch(FILE)
    assert str(caught.value).startswith("Cannot keep ")
    assert str(caught.value).endswith(
        f"{FILE.name}: No space left on device. Free space or change permissions, or set DATA_DIR elsewhere."
    )


@pytest.mark.parametrize("url", ["data.binance.vision", "s3://bucket", "file://relative", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no address of an archive"):
        ArchiveClient(url, downloads=tmp_path)
