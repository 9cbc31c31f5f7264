from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.convergence.converge import converge
from crypto_assets.convergence.recipes import RECIPES, Recipe
from crypto_assets.errors import ConfigurationError, InputIncomplete, Refused, Unavailable
from crypto_assets.lake.manifest import Retired
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_OPEN_INTEREST, BRONZE_ORDERBOOK
from crypto_assets.spans import Span, day_span, to_us
from crypto_assets_tests.convergence.archive_folder import DAY, kline_line, put_file, put_klines, withdraw
from crypto_assets_tests.convergence.place import KLINES, LATER, START, Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


def test_a_published_day_comes_from_the_archive_alone(place: Place) -> None:
    put_klines(place.archive, DAY, range(1440))

    result = place.converge()

    assert (result.manifest.rows, dict(result.added)) == (1440, {"archive": 1440})
    assert (result.missing, result.manifest.halts) == ((), ())
    assert place.rest.asked == []
    assert place.minutes() == list(range(1440))


def test_a_repeat_with_nothing_new_writes_nothing(place: Place) -> None:
    put_klines(place.archive, DAY, range(100, 1440))
    first = place.converge()
    before = place.contents()

    again = place.converge()

    assert place.contents() == before
    assert (again.changed, dict(again.added), again.manifest.data_version) == (False, {}, first.manifest.data_version)


def test_an_unpublished_day_is_taken_from_rest_up_to_the_last_closed_candle(place: Place) -> None:
    place.rest.minutes = set(range(1440))

    place.converge(now=START + timedelta(minutes=30, seconds=20))

    assert place.minutes() == list(range(30))
    assert place.rest.asked == [Span(START, START + timedelta(minutes=30))]


def test_only_missing_minutes_are_asked_for(place: Place) -> None:
    place.rest.minutes = set(range(1440))
    place.converge(now=START + timedelta(minutes=30))
    place.rest.asked.clear()

    result = place.converge(now=START + timedelta(minutes=35))

    assert place.rest.asked == [Span(START + timedelta(minutes=30), START + timedelta(minutes=35))]
    assert dict(result.added) == {"rest": 5}
    assert place.minutes() == list(range(35))


def test_holes_of_an_archive_file_are_filled_from_rest_with_few_requests(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - {10, 20, 21, 1400})
    place.rest.minutes = set(range(1440))

    result = place.converge()

    assert place.minutes() == list(range(1440))
    assert dict(result.added) == {"archive": 1436, "rest": 4}
    assert len(place.rest.asked) == 2


def test_a_candle_off_the_grid_does_not_hide_that_its_minute_is_missing(place: Place) -> None:
    lines = [kline_line(DAY, minute) for minute in range(1440)]
    opened = lines[700].split(",")[0]
    lines[700] = lines[700].replace(opened, str(int(opened) + 7_000))
    put_file(place.archive, ArchiveFile.spot_klines("BTCUSDT", "1m", DAY), lines)
    place.rest.minutes = {700}

    assert dict(place.converge().added) == {"archive": 1440, "rest": 1}


def test_minutes_that_archive_and_rest_lack_are_a_halt(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - set(range(600, 660)))
    place.rest.minutes = set(range(600))

    assert place.converge().manifest.halts == (Span(START + timedelta(hours=10), START + timedelta(hours=11)),)


def test_holes_before_the_archive_is_published_are_no_halt(place: Place) -> None:
    place.rest.minutes = set(range(600))

    result = place.converge()

    assert result.manifest.halts == ()
    assert result.missing == (Span(START + timedelta(hours=10), day_span(DAY).end),)


def test_a_halt_is_not_confirmed_while_rest_does_not_answer(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - {7, 8})
    place.rest.error = Unavailable("the exchange answers 503")

    result = place.converge()

    assert result.manifest.halts == ()
    assert any("503" in sentence for sentence in result.answers)


@pytest.mark.parametrize("error", [Unavailable("the exchange answers 503"), Refused("Invalid symbol.")])
def test_a_confirmed_halt_stays_while_rest_does_not_answer(place: Place, error: Exception) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - set(range(600, 660)))
    confirmed = place.converge()
    place.rest.error = error

    result = place.converge()

    assert result.manifest == confirmed.manifest
    assert not result.changed


def test_of_a_confirmed_halt_only_what_is_still_missing_stays_while_rest_does_not_answer(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - set(range(600, 660)))
    place.converge()
    put_klines(place.archive, DAY, set(range(1440)) - set(range(600, 620)) - {630, 1000})
    place.rest.error = Unavailable("the exchange answers 503")

    result = place.converge()

    ten = START + timedelta(hours=10)
    still = (Span(ten, ten + timedelta(minutes=20)), Span(ten + timedelta(minutes=30), ten + timedelta(minutes=31)))
    assert result.manifest.halts == still, "nobody confirmed minute 1000"
    place.rest.error = None
    assert len(place.converge().manifest.halts) == 3


def test_a_halt_that_is_confirmed_later_makes_the_same_rows_new_data(place: Place) -> None:
    put_klines(place.archive, DAY, set(range(1440)) - set(range(600, 660)))
    place.rest.error = Unavailable("the exchange answers 503")
    doubtful = place.converge()
    place.rest.error = None

    confirmed, again = place.converge(), place.converge()

    assert (confirmed.changed, confirmed.manifest.parts) == (True, doubtful.manifest.parts)
    assert confirmed.manifest.data_version != doubtful.manifest.data_version
    assert (again.changed, again.manifest.data_version) == (False, confirmed.manifest.data_version)


def test_an_archive_file_published_later_takes_precedence_and_rest_rows_stay_for_comparison(place: Place) -> None:
    place.rest.minutes = set(range(1440))
    place.converge()
    put_klines(place.archive, DAY, range(1440), close="61000.30")

    result = place.converge()

    assert dict(result.added) == {"archive": 1440}
    table = place.lake.read(KLINES, "BTCUSDT", DAY)
    assert table is not None
    assert sorted(set(table["source"].to_pylist())) == ["archive", "rest"]


def test_a_republished_file_replaces_its_rows(place: Place) -> None:
    put_klines(place.archive, DAY, range(1440))
    before = place.converge()
    put_klines(place.archive, DAY, range(1440), close="61009.99")

    after = place.converge()

    assert after.changed
    assert after.manifest.data_version != before.manifest.data_version
    table = place.lake.read(KLINES, "BTCUSDT", DAY)
    assert table is not None
    assert {str(close) for close in table["close"].to_pylist()} == {"61009.99000000"}
    assert len(list(Path(place.lake.uri_of(KLINES, "BTCUSDT", DAY)).rglob("*.parquet"))) == 24


def test_a_day_that_only_the_monthly_file_has_is_taken_from_it_until_the_daily_one_comes(place: Place) -> None:
    days = [DAY + timedelta(days=n) for n in (-1, 0, 1)]
    monthly = ArchiveFile.spot_klines("BTCUSDT", "1m", "2024-08")
    put_file(place.archive, monthly, [kline_line(day, minute) for day in days for minute in range(1440)])

    first = place.converge()

    assert (first.manifest.rows, first.manifest.rejected, place.rest.asked) == (1440, 0, [])
    assert any("BTCUSDT-1m-2024-08.zip: 1,440 rows" in answer for answer in first.answers)
    put_klines(place.archive, DAY, range(1440), close="61009.99")
    assert place.converge().manifest.rows == 1440
    table = place.lake.read(KLINES, "BTCUSDT", DAY)
    assert table is not None
    assert {str(close) for close in table["close"].to_pylist()} == {"61009.99000000"}


def test_a_withdrawn_file_leaves_the_rows_that_were_taken_from_it(place: Place) -> None:
    path = put_klines(place.archive, DAY, range(1440))
    place.converge()
    withdraw(path)

    assert place.converge().changed is False
    assert place.minutes() == list(range(1440))


def test_a_day_that_no_source_knows_names_each_answer(place: Place) -> None:
    with pytest.raises(InputIncomplete) as raised:
        place.converge()

    message = str(raised.value)
    assert "archive: BTCUSDT-1m-2024-08-05.zip is not published" in message
    assert "rest: asked for 2024-08-05 00:00" in message
    assert "0 rows" in message
    assert "history_klines" in message


def test_an_unknown_symbol_says_what_the_exchange_said(place: Place) -> None:
    place.rest.error = Refused("Invalid symbol.", code=-1121)

    with pytest.raises(InputIncomplete, match="rest: Invalid symbol"):
        place.converge()


def test_a_failure_of_rest_without_an_archive_file_is_raised_and_leaves_the_partition(place: Place) -> None:
    place.rest.minutes = set(range(10))
    place.converge(now=START + timedelta(minutes=10))
    before = place.contents()
    place.rest.error = Unavailable("the exchange answers 503")

    with pytest.raises(Unavailable):
        place.converge(now=START + timedelta(minutes=20))
    assert place.contents() == before


def test_a_day_in_the_future_has_nothing_to_fetch(place: Place) -> None:
    with pytest.raises(InputIncomplete, match="has not begun"):
        place.converge(now=START - timedelta(hours=1))


def test_another_exchange_is_not_mixed_into_a_lake(place: Place) -> None:
    put_klines(place.archive, DAY, range(1440))
    place.converge()
    place.sources = replace(place.sources, exchange="binance")

    with pytest.raises(ConfigurationError, match=r"holds data of simulator-7, and EXCHANGE gives data of binance"):
        place.converge()


def test_an_optional_dataset_that_nobody_has_is_an_empty_partition(place: Place) -> None:
    result = converge(BRONZE_ORDERBOOK, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=place.sources)

    assert (result.manifest.rows, result.manifest.parts) == (0, ())
    assert place.lake.has(BRONZE_ORDERBOOK, "BTCUSDT", DAY)
    assert "CAPTURE_URI" in " ".join(result.answers)


def test_funding_payments_of_the_rest_of_a_day_are_added_as_they_come(place: Place) -> None:
    place.rest.funding_hours = {0, 8, 16}

    def funding_at(hour: int) -> int:
        sources = replace(place.sources, now=lambda: START + timedelta(hours=hour))
        return converge(BRONZE_FUNDING_RATE, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=sources).manifest.rows

    assert [funding_at(9), funding_at(10), funding_at(17), funding_at(48)] == [2, 2, 3, 3]


def test_files_that_a_killed_run_left_are_removed_by_the_next(place: Place) -> None:
    put_klines(place.archive, DAY, range(1440))
    place.converge()
    stray = Path(place.lake.uri_of(KLINES, "BTCUSDT", DAY)) / "hour=03" / "rest-0123456789abcdef.parquet"
    stray.write_bytes(b"half a file")

    place.converge()

    assert not stray.exists()


def test_a_day_of_payments_that_the_archive_has_is_not_asked_for_again(place: Place) -> None:
    lines = ["calc_time,funding_interval_hours,last_funding_rate", f"{to_us(START) // 1000},8,0.00010000"]
    put_file(place.archive, ArchiveFile.funding_rate("BTCUSDT", "2024-08"), lines)
    found = converge(BRONZE_FUNDING_RATE, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=place.sources)
    assert (found.manifest.rows, found.missing, place.rest.asked) == (1, (), [])


def test_what_rest_does_not_give_stays_missing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        cast("dict[str, Recipe]", RECIPES), KLINES.name, Recipe(questions=(), pace=timedelta(minutes=1))
    )
    found = place.converge()
    assert (found.missing, place.rest.asked) == ((day_span(DAY),), [])


def test_open_interest_is_asked_for_only_while_the_exchange_keeps_it(place: Place) -> None:
    asked: list[Span] = []

    def history(symbol: str, start: datetime, end: datetime) -> Parsed:
        asked.append(Span(start, end))
        return join_parsed([], payload=BRONZE_OPEN_INTEREST.payload)

    place.rest.open_interest_history = history  # type: ignore[attr-defined]
    for now in (START + timedelta(hours=1), START + timedelta(days=400)):
        sources = replace(place.sources, now=lambda now=now: now)
        converge(BRONZE_OPEN_INTEREST, symbol="BTCUSDT", day=DAY, lake=place.lake, sources=sources)
    assert asked == [Span(START, START + timedelta(hours=1))]


def test_a_file_that_is_withdrawn_while_it_is_fetched_ends_the_run_and_leaves_the_day(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_klines(place.archive, DAY, range(1440))
    place.converge()
    before = place.contents()
    put_klines(place.archive, DAY, range(1440), close="61009.99")
    monkeypatch.setattr(ArchiveClient, "fetch", lambda archive, file: None)
    with pytest.raises(Unavailable, match="was withdrawn from the archive while it was fetched"):
        place.converge()
    assert place.contents() == before


@pytest.mark.parametrize(("minutes", "is_kept"), [(1_440, True), (1_439, False)])
def test_a_day_that_was_deleted_is_made_again_only_from_all_of_it(place: Place, minutes: int, is_kept: bool) -> None:
    place.rest.minutes = set(range(1440))
    manifest = place.converge().manifest
    retired = Retired(LATER, rows=1_441, keys=1_440, bytes=1, data_version=manifest.data_version)
    place.lake.retire(KLINES, "BTCUSDT", DAY, retired)
    place.rest.minutes = set(range(minutes))
    if is_kept:
        assert place.converge().manifest.rows == 1_440
        return
    with pytest.raises(InputIncomplete, match=r"its 1,441 rows were deleted by retention .* give 1,439 of 1,440 now"):
        place.converge()
    assert not place.lake.has(KLINES, "BTCUSDT", DAY)
