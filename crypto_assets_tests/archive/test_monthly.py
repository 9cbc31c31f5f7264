"""A month's file as days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.archive.monthly import split_month
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.errors import BadPayload
from crypto_assets_tests.archive.second_files import SYMBOL, line, second, unzipped, zipped

MONTH = ArchiveFile.spot_klines(SYMBOL, "1s", "2024-02")
DAYS = [date(2024, 2, 1) + timedelta(days=n) for n in range(29)]


def split(folder: Path, text: str, *, days: list[date] = DAYS) -> dict[date, bytes]:
    path = folder / MONTH.name
    path.write_bytes(zipped(MONTH, text))
    return split_month(path, MONTH, days=days)


def texts(found: dict[date, bytes]) -> dict[date, str]:
    return {day: unzipped(ArchiveFile.spot_klines(SYMBOL, "1s", day), content) for day, content in found.items()}


@pytest.mark.parametrize("unit_us", [1000, 1])
def test_a_day_holds_its_lines_as_they_were_whatever_the_unit_of_their_times(tmp_path: Path, unit_us: int) -> None:
    by_day = {day: "".join(line(second(day, n), unit_us=unit_us) for n in (0, 1, 86_399)) for day in DAYS}
    found = split(tmp_path, "".join(by_day.values()))
    assert texts(found) == by_day


def test_the_same_month_gives_the_same_bytes_whenever_it_is_split(tmp_path: Path) -> None:
    text = "".join(line(second(day, 5)) for day in DAYS)
    first, again = split(tmp_path, text), split(tmp_path, text)
    assert first == again
    assert len(set(first.values())) == len(DAYS)


def test_days_that_nobody_asked_for_are_left_out(tmp_path: Path) -> None:
    text = "".join(line(second(day, 5)) for day in DAYS)
    assert list(split(tmp_path, text, days=[DAYS[3], DAYS[9]])) == [DAYS[3], DAYS[9]]


def test_each_day_gets_the_header_of_the_month(tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume\n"
    found = texts(split(tmp_path, header + line(second(DAYS[0], 1)) + line(second(DAYS[1], 1))))
    assert [text.startswith(header) for text in found.values()] == [True, True]


def test_blank_lines_do_not_hide_the_header(tmp_path: Path) -> None:
    header = "open_time,open,high,low,close,volume\n"
    found = texts(split(tmp_path, "\n \r\n" + header + line(second(DAYS[0], 1)) + line(second(DAYS[1], 1))))
    assert [text.startswith(header) for text in found.values()] == [True, True]


def test_a_line_that_begins_with_no_time_of_the_month_stays_beside_the_line_before_it(tmp_path: Path) -> None:
    strange = "tomorrow,1,2\n" + line(second(date(2023, 1, 1), 0)) + "17\n"
    found = texts(split(tmp_path, "?\n" + line(second(DAYS[7], 1)) + strange + line(second(DAYS[8], 0))))
    assert found == {DAYS[0]: "?\n", DAYS[7]: line(second(DAYS[7], 1)) + strange, DAYS[8]: line(second(DAYS[8], 0))}


def test_a_month_that_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / MONTH.name
    path.write_bytes(b"<html>")
    with pytest.raises(BadPayload, match="not a zip"):
        split_month(path, MONTH, days=DAYS)


@given(st.lists(st.tuples(st.integers(0, 28), st.integers(0, 86_399), st.booleans()), min_size=1, max_size=60))
def test_no_line_is_lost_doubled_or_moved_before_another_of_its_day(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int, bool]]
) -> None:
    lines = [
        (DAYS[d], line(second(DAYS[d], n), close=f"{i}.5", unit_us=1 if us else 1000))
        for i, (d, n, us) in enumerate(rows)
    ]
    found = texts(split(tmp_path_factory.mktemp("month"), "".join(text for _, text in lines)))
    for day in DAYS:
        assert found.get(day, "") == "".join(text for of, text in lines if of == day)
