"""The raw zone: what is published is what lies there, downloaded once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import override

import pytest
from starlette.testclient import TestClient

from crypto_assets.archive.raw import RawDay, RawDays, file_of, path_of, read_zip
from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.errors import ChecksumMismatch, InputIncomplete, LakeError, NothingOfDay
from crypto_assets.lake.files import Files
from crypto_assets.simulator.app import create_app
from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets_tests.archive.second_files import SYMBOL, line, publish, second, unzipped, zipped

DAY = date(2024, 2, 5)
DAYS = [date(2024, 2, 1) + timedelta(days=n) for n in range(29)]
MONTH = ArchiveFile.spot_klines(SYMBOL, "1s", "2024-02")


class Zone:
    """An archive of files, and a raw zone beside it."""

    def __init__(self, folder: Path) -> None:
        self.archive, self.downloads = folder / "archive", folder / "downloads"
        self.archive.mkdir()
        self.files = Files(str(folder / "lake"))

    def publish_day(self, day: date, text: str, *, sha256: str | None = None) -> bytes:
        content = zipped(file_of(SYMBOL, day), text)
        publish(self.archive, file_of(SYMBOL, day), content, sha256=sha256)
        return content

    def publish_month(self, *, close: str = "60000.00", without: frozenset[date] = frozenset()) -> None:
        text = "".join(line(second(day, 5), close=close) for day in DAYS if day not in without)
        publish(self.archive, MONTH, zipped(MONTH, text))

    def raw(
        self,
        *wanted: tuple[str, date],
        accept: frozenset[str] = frozenset(),
        tell: Callable[[str], None] = lambda _: None,
    ) -> RawDays:
        client = ArchiveClient(self.archive.as_uri(), downloads=self.downloads, accept_checksum_mismatch=accept)
        return RawDays(self.files, client, wanted=wanted, tell=tell)

    def write(self, *days: date, accept: frozenset[str] = frozenset()) -> list[RawDay]:
        raw = self.raw(*((SYMBOL, day) for day in days), accept=accept)
        return [raw.write(SYMBOL, day) for day in days]


class Killed(BaseException):
    """The end of a process."""


class EndingFiles(Files):
    """Files of a process that is killed before it writes or deletes once more."""

    def __init__(self, uri: str, *, writes: int) -> None:
        super().__init__(uri)
        self._left = writes

    @override
    def publish(self, path: str, content: bytes) -> bool:
        self._count()
        return super().publish(path, content)

    @override
    def remove(self, path: str) -> None:
        self._count()
        super().remove(path)

    def _count(self) -> None:
        if not self._left:
            raise Killed
        self._left -= 1


class InterruptedFiles(Files):
    """Files of a reader to whom something happens after one of its reads."""

    def __init__(self, uri: str, happens: Callable[[], object], *, after: int) -> None:
        super().__init__(uri)
        self._happens, self._left = happens, after

    @override
    def read(self, path: str) -> bytes | None:
        content = super().read(path)
        self._left -= 1
        if not self._left:
            self._happens()
        return content


def kill(zone: Zone, *, writes: int) -> None:
    """Write the day in a process that is killed after so many writes."""
    lasting = zone.files
    zone.files = EndingFiles(lasting.uri, writes=writes)
    with pytest.raises(Killed):
        zone.write(DAY)
    zone.files = lasting


def is_whole(zone: Zone, content: bytes) -> bool:
    """Whether the day is this zip, with its checksum and its record, and nothing else."""
    file, folder = file_of(SYMBOL, DAY), Path(zone.files.uri_of(path_of(SYMBOL, DAY))).parent
    found = read_zip(zone.files, SYMBOL, DAY)
    sha256 = hashlib.sha256(content).hexdigest()
    return (
        found is not None
        and found[0] == (folder / file.name).read_bytes() == content
        and (folder / file.checksum_name).read_text().startswith(sha256)
        and {path.name for path in folder.iterdir()} == {file.name, file.checksum_name, "_origin.json"}
    )


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    return Zone(tmp_path)


def test_a_day_is_the_archives_own_zip_with_its_checksum_beside_it(zone: Zone) -> None:
    content = zone.publish_day(DAY, line(second(DAY, 0)))
    (written,) = zone.write(DAY)
    folder = Path(written.uri).parent
    assert (folder / "BTCUSDT-1s-2024-02-05.zip").read_bytes() == content
    sha256 = hashlib.sha256(content).hexdigest()
    assert (folder / "BTCUSDT-1s-2024-02-05.zip.CHECKSUM").read_text() == f"{sha256}  BTCUSDT-1s-2024-02-05.zip\n"
    assert str(folder).endswith("raw/klines_1s/symbol=BTCUSDT/date=2024-02-05")


def test_a_repeat_downloads_nothing_and_a_day_published_anew_is_taken(zone: Zone) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    (again,) = zone.write(DAY)
    assert not again.changed
    assert not again.downloaded
    content = zone.publish_day(DAY, line(second(DAY, 1)))
    (anew,) = zone.write(DAY)
    assert anew.changed
    assert anew.origin.sha256 == hashlib.sha256(content).hexdigest()


def test_a_whole_month_comes_from_one_file_and_a_repeat_asks_for_its_checksum_alone(zone: Zone) -> None:
    zone.publish_month()
    written = zone.write(*DAYS)
    assert {day.origin.path for day in written} == {MONTH.path}
    assert len(list(zone.downloads.rglob("*.zip"))) == 1
    found = read_zip(zone.files, SYMBOL, DAY)
    assert found is not None
    assert unzipped(file_of(SYMBOL, DAY), found[0]) == line(second(DAY, 5))
    assert not any(day.downloaded for day in zone.write(*DAYS))
    zone.publish_month(close="60001.00")
    assert all(day.changed for day in zone.write(*DAYS))


def test_a_month_of_the_simulated_archive_is_downloaded_once_and_its_days_are_the_daily_files(zone: Zone) -> None:
    symbol, clock = "AVAXUSDT", Clock.frozen_at(datetime(2020, 10, 10, tzinfo=UTC))
    month = ArchiveFile.spot_klines(symbol, "1s", "2020-09")
    days = [date(2020, 9, 1) + timedelta(days=n) for n in range(30)]
    listed = days[21:]  # nine days of seconds instead of thirty
    told: list[str] = []
    with TestClient(create_app(SimulatorOptions(symbols=(symbol,), clock=clock), wall_us=lambda: 0)) as exchange:
        publish(zone.archive, month, exchange.get(f"/{month.path}").content)
        daily = {day: exchange.get(f"/{file_of(symbol, day).path}").content for day in (listed[0], listed[-1])}
    raw = zone.raw(*((symbol, day) for day in days), tell=told.append)
    written = [raw.write(symbol, day) for day in listed]
    assert {day.origin.path for day in written} == {month.path}
    assert [path.name for path in zone.downloads.rglob("*.zip")] == [month.name]
    assert [line.split(" ")[1] for line in told] == ["asks", "splits"]
    for day, content in daily.items():
        found = read_zip(zone.files, symbol, day)
        assert found is not None
        assert unzipped(file_of(symbol, day), found[0]) == unzipped(file_of(symbol, day), content)


def test_days_that_are_there_stay_when_their_whole_month_is_asked_for(zone: Zone) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    zone.publish_month()
    zone.write(DAY)
    changed = {day.origin.path for day in zone.write(*DAYS) if day.changed}
    assert changed == {MONTH.path}
    assert [day.changed for day in zone.write(*DAYS)] == [False] * len(DAYS)


def test_a_day_of_which_only_the_month_is_published_is_taken_from_it(zone: Zone) -> None:
    zone.publish_month()
    (written,) = zone.write(DAY)
    assert written.origin.path == MONTH.path


def test_a_day_that_nobody_publishes_is_refused_with_both_names(zone: Zone) -> None:
    with pytest.raises(InputIncomplete, match=r"BTCUSDT-1s-2024-02-05\.zip nor BTCUSDT-1s-2024-02\.zip"):
        zone.write(DAY)


@pytest.mark.parametrize("wanted", [DAYS, [DAY]], ids=["month", "day"])
def test_a_day_of_which_a_published_month_has_no_candle_is_not_to_be_tried_again(
    zone: Zone, wanted: list[date]
) -> None:
    zone.publish_month(without=frozenset({DAY}))
    raw = zone.raw(*((SYMBOL, day) for day in wanted))
    with pytest.raises(NothingOfDay, match=r"2024-02\.zip is published and has no candle of this day.*leave it out"):
        raw.write(SYMBOL, DAY)
    assert all(raw.write(SYMBOL, day).changed for day in wanted if day != DAY)


def test_a_day_that_is_no_longer_published_stays_and_says_so(zone: Zone) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    for path in zone.archive.rglob("*.zip*"):
        path.unlink()
    (kept,) = zone.write(DAY)
    assert "no longer published" in kept.remark
    assert not kept.changed


def test_a_wrong_checksum_is_refused_and_where_it_is_accepted_the_true_one_is_kept(zone: Zone) -> None:
    content = zone.publish_day(DAY, line(second(DAY, 0)), sha256="0" * 64)
    with pytest.raises(ChecksumMismatch):
        zone.write(DAY)
    assert read_zip(zone.files, SYMBOL, DAY) is None
    (accepted,) = zone.write(DAY, accept=frozenset({"BTCUSDT-1s-2024-02-05.zip"}))
    assert "accepted although" in accepted.remark
    checksum = Path(f"{accepted.uri}.CHECKSUM").read_text()
    assert checksum.split()[0] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("lost", ["BTCUSDT-1s-2024-02-05.zip", "BTCUSDT-1s-2024-02-05.zip.CHECKSUM", "_origin.json"])
def test_a_run_that_was_killed_between_two_files_is_made_good_by_the_next(zone: Zone, lost: str) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    (written,) = zone.write(DAY)
    (Path(written.uri).parent / lost).unlink()
    zone.write(DAY)
    assert read_zip(zone.files, SYMBOL, DAY) is not None
    assert Path(f"{written.uri}.CHECKSUM").exists()


def test_a_zip_that_was_changed_is_not_read_and_is_replaced_by_the_next_run(zone: Zone) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    (written,) = zone.write(DAY)
    Path(written.uri).write_bytes(b"changed")
    with pytest.raises(LakeError, match=path_of(SYMBOL, DAY)):
        read_zip(zone.files, SYMBOL, DAY)
    (again,) = zone.write(DAY)
    assert again.changed


@pytest.mark.parametrize("writes", range(6))
def test_a_run_that_is_killed_as_it_publishes_a_day_anew_leaves_the_former_day_or_the_new_one(
    zone: Zone, writes: int
) -> None:
    former = zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    new = zone.publish_day(DAY, line(second(DAY, 1)))
    kill(zone, writes=writes)
    found = read_zip(zone.files, SYMBOL, DAY)
    assert found is not None
    assert found[0] == (former if writes < 2 else new)
    zone.write(DAY)
    assert is_whole(zone, new)


@pytest.mark.parametrize("writes", range(6))
def test_what_a_killed_run_left_goes_with_the_next_file_that_is_published(zone: Zone, writes: int) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    zone.publish_day(DAY, line(second(DAY, 1)))
    kill(zone, writes=writes)
    newest = zone.publish_day(DAY, line(second(DAY, 2)))
    zone.write(DAY)
    assert is_whole(zone, newest)


def test_a_day_that_a_killed_run_left_is_put_in_its_place_though_it_is_published_no_more(zone: Zone) -> None:
    zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    new = zone.publish_day(DAY, line(second(DAY, 1)))
    kill(zone, writes=2)
    for path in zone.archive.rglob("*.zip*"):
        path.unlink()
    (kept,) = zone.write(DAY)
    assert "no longer published" in kept.remark
    assert is_whole(zone, new)


@pytest.mark.parametrize("writes", [0, 2])
@pytest.mark.parametrize("after", [1, 2, 3])
def test_who_reads_while_a_day_is_published_anew_has_the_former_day_or_the_new_one(
    zone: Zone, after: int, writes: int
) -> None:
    former = zone.publish_day(DAY, line(second(DAY, 0)))
    zone.write(DAY)
    new = zone.publish_day(DAY, line(second(DAY, 1)))
    kill(zone, writes=writes)
    found = read_zip(InterruptedFiles(zone.files.uri, lambda: zone.write(DAY), after=after), SYMBOL, DAY)
    assert found is not None
    assert found[0] in (former, new)
    assert found[1].sha256 == hashlib.sha256(found[0]).hexdigest()
