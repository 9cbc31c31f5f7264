from __future__ import annotations

import gzip
import io
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import BadPayload, InputIncomplete
from crypto_assets.history.files import find_files
from crypto_assets.history.load import HistoryRequest, LoadedHistory, load_history
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Retired
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets_tests.convergence.archive_folder import put_klines
from crypto_assets_tests.convergence.place import make_place

NOW = datetime(2024, 9, 1, tzinfo=UTC)
DAY = date(2024, 8, 5)
MIDNIGHT = datetime(2024, 8, 5, tzinfo=UTC)
KLINES = BRONZE_KLINES["1m"]


def candles(start: datetime = MIDNIGHT, *, minutes: int = 3) -> pl.DataFrame:
    opened = [start + timedelta(minutes=n) for n in range(minutes)]
    return pl.DataFrame(
        {
            "open_time": [int(t.timestamp() * 1000) for t in opened],
            "open": ["61000.10"] * minutes,
            "high": ["61010.00"] * minutes,
            "low": ["60990.00"] * minutes,
            "close": ["61000.20"] * minutes,
            "volume": ["1.50000000"] * minutes,
            "close_time": [int(t.timestamp() * 1000) + 59_999 for t in opened],
            "quote_volume": ["91500.25"] * minutes,
            "count": [12] * minutes,
            "taker_buy_volume": ["0.70000001"] * minutes,
            "taker_buy_quote_volume": ["42700.1"] * minutes,
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def load(folder: Path, lake: Lake, *, timeframe: str = "1m", columns: dict[str, str] | None = None) -> LoadedHistory:
    request = HistoryRequest("BTCUSDT", timeframe, columns or {})
    return load_history(find_files(str(folder)), request, lake=lake, now=NOW, progress=lambda _: None)


def stored(lake: Lake, day: date = DAY) -> pl.DataFrame:
    table = lake.read(KLINES, "BTCUSDT", day)
    assert table is not None
    return pl.DataFrame(pl.from_arrow(table)).sort("open_time")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "text", "iso"])
def test_the_unit_of_times_is_found_by_value(tmp_path: Path, lake: Lake, unit: str) -> None:
    spelled = {
        "s": pl.col("open_time") // 1000,
        "ms": pl.col("open_time"),
        "us": pl.col("open_time") * 1000,
        "ns": pl.col("open_time") * 1_000_000,
        "text": pl.from_epoch("open_time", time_unit="ms").dt.to_string("%Y-%m-%d %H:%M:%S"),
        "iso": pl.from_epoch("open_time", time_unit="ms").dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    }
    (tmp_path / "in").mkdir()
    candles().drop("close_time").with_columns(open_time=spelled[unit]).write_csv(tmp_path / "in" / "a.csv")

    assert load(tmp_path / "in", lake).rejected == 0

    rows = stored(lake)
    assert rows["open_time"].to_list() == [MIDNIGHT + timedelta(minutes=n) for n in range(3)]
    assert rows["close_time"][0] == MIDNIGHT + timedelta(seconds=59, milliseconds=999)
    assert rows["taker_buy_volume"][0] == Decimal("0.70000001")
    assert set(rows["source"]) == {"history"}
    assert set(rows["exchange"]) == {"imported"}


def test_files_of_every_kind_in_one_folder_fill_their_days(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles().write_csv(folder / "a.csv", include_header=False)
    with gzip.open(folder / "b.csv.gz", "wb") as packed:
        packed.write(candles(MIDNIGHT + timedelta(days=1)).write_csv().encode())
    numbers = candles(MIDNIGHT + timedelta(days=2)).with_columns(
        pl.col("open", "high", "low", "close").cast(pl.Float64)
    )
    numbers.with_columns(pl.from_epoch("open_time", time_unit="ms")).write_parquet(folder / "c.parquet")

    loaded = load(folder, lake)

    assert loaded.rows_by_day == {DAY: 3, date(2024, 8, 6): 3, date(2024, 8, 7): 3}
    assert loaded.changed_days == set(loaded.rows_by_day)
    assert stored(lake, date(2024, 8, 7))["open"][0] == Decimal("61000.10")


def test_columns_are_found_by_usual_names_or_by_the_mapping(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    names = {
        "open_time": "Open Time",
        "quote_volume": "Quote asset volume",
        "count": "Number of trades",
        "volume": "Amt",
    }
    candles().rename(names).write_csv(folder / "a.csv")

    with pytest.raises(BadPayload, match=r"no column for volume; it has Open Time"):
        load(folder, lake)
    assert load(folder, lake, columns={"volume": "Amt"}).rows == 3


def test_only_rows_of_the_symbol_are_taken(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    symbols = pl.Series("symbol", ["BTC/USDT", "ETH/USDT", "BTCUSDT"])
    candles().with_columns(symbols).write_parquet(folder / "a.parquet")

    assert load(folder, lake).rows == 2


def test_loading_again_changes_nothing_and_a_changed_file_replaces_its_rows(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles().write_csv(folder / "a.csv")
    load(folder, lake)
    before = lake.manifest(KLINES, "BTCUSDT", DAY)

    assert load(folder, lake).changed_days == set()
    assert lake.manifest(KLINES, "BTCUSDT", DAY) == before

    candles().with_columns(close=pl.lit("61009.99")).write_csv(folder / "a.csv")
    assert load(folder, lake).changed_days == {DAY}
    assert stored(lake)["close"].to_list() == [Decimal("61009.99")] * 3


def test_loading_again_on_another_day_leaves_every_byte(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles().write_csv(folder / "a.csv")
    load(folder, lake)
    before = {path: path.read_bytes() for path in Path(lake.uri).rglob("*.parquet")}

    later = NOW + timedelta(days=30)
    request = HistoryRequest("BTCUSDT", "1m")
    load_history(find_files(str(folder)), request, lake=lake, now=later, progress=lambda _: None)

    assert {path: path.read_bytes() for path in Path(lake.uri).rglob("*.parquet")} == before


def test_what_other_sources_gave_and_said_stays(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    put_klines(place.archive, DAY, range(100, 1440))
    place.converge()
    folder = tmp_path / "in"
    folder.mkdir()
    candles().write_csv(folder / "a.csv")

    load(folder, place.lake)

    manifest = place.lake.manifest(KLINES, "BTCUSDT", DAY)
    assert manifest is not None
    assert [answer.origin for answer in manifest.answers] == ["BTCUSDT-1m-2024-08-05.zip"]
    assert sorted({part.source for part in manifest.parts}) == ["archive", "history"]


def test_a_file_named_as_the_archives_takes_nothing_from_it(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    put_klines(place.archive, DAY, range(100, 1440))
    place.converge()
    folder = tmp_path / "in"
    folder.mkdir()
    with zipfile.ZipFile(folder / "BTCUSDT-1m-2024-08-05.zip", "w") as packed:
        packed.writestr("BTCUSDT-1m-2024-08-05.csv", candles().write_csv())

    load(folder, place.lake)

    assert stored(place.lake)["source"].value_counts().sort("source").rows() == [("archive", 1_340), ("history", 3)]


def test_files_of_one_name_in_several_folders_are_all_kept(tmp_path: Path, lake: Lake) -> None:
    for number, begin in enumerate((MIDNIGHT, MIDNIGHT + timedelta(hours=1), MIDNIGHT + timedelta(hours=2))):
        folder = tmp_path / "in" / f"hour={number}"
        folder.mkdir(parents=True)
        candles(begin).write_parquet(folder / "part-0.parquet")

    assert load(tmp_path / "in", lake).rows_by_day == {DAY: 9}
    assert stored(lake).height == 9
    assert load(tmp_path / "in", lake).changed_days == set()
    assert load(tmp_path / "in" / "hour=1", lake).changed_days == set()


def test_what_an_unsorted_file_no_longer_holds_is_gone(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    far = candles(MIDNIGHT + timedelta(days=1), minutes=1_440)
    later = pl.concat([candles(MIDNIGHT + timedelta(days=n), minutes=1_440) for n in range(1, 60)])
    pl.concat([candles(), later, candles(MIDNIGHT + timedelta(hours=1))]).write_csv(folder / "a.csv")
    load(folder, lake)
    assert stored(lake).height == 6

    pl.concat([candles(), far]).write_csv(folder / "a.csv")
    assert load(folder, lake).changed_days == {DAY}
    assert stored(lake).height == 3
    assert load(folder, lake).changed_days == set()


def test_a_day_that_retention_deleted_is_not_replaced_by_less(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles(minutes=10).write_csv(folder / "a.csv")
    load(folder, lake)
    lake.retire(KLINES, "BTCUSDT", DAY, Retired(at=NOW, rows=10, keys=10, bytes=1, data_version=""))
    pl.concat([candles(), candles(MIDNIGHT + timedelta(days=1))]).write_csv(folder / "a.csv")

    loaded = load(folder, lake)

    assert set(loaded.rows_by_day) == loaded.changed_days == {DAY + timedelta(days=1)}
    assert "deleted by retention" in loaded.refused[DAY]
    assert lake.manifest(KLINES, "BTCUSDT", DAY) is None
    assert lake.retired(KLINES, "BTCUSDT", DAY) is not None


def test_floats_are_rounded_to_the_decimals_of_the_exchange(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles().with_columns(volume=pl.lit(0.1 + 0.2), quote_volume=pl.lit(12345.678900000001)).write_parquet(
        folder / "a.parquet"
    )

    assert load(folder, lake).rejected == 0
    assert stored(lake).select("volume", "quote_volume").row(0) == (Decimal("0.30000000"), Decimal("12345.67890000"))


def test_rows_that_cannot_be_read_are_kept_with_their_line_and_reason(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = candles().write_csv().splitlines()
    lines[2] = lines[2].replace("61010.00", "much")
    lines.insert(3, "1,2,3")
    (folder / "a.csv").write_text("\n".join(lines) + "\n")

    loaded = load(folder, lake)

    assert (loaded.rows, loaded.rejected) == (2, 2)
    kept = pl.read_parquet(f"{lake.uri}/{KLINES.rejected_path(NOW.date())}/*.parquet").sort("reason")
    assert kept["reason"].to_list() == [
        "has another number of columns than the header",
        "high 'much' is not a number of at most 20 digits and 8 decimals",
    ]
    assert b"much" in kept["raw"][1]
    assert set(kept["origin"]) == {"a.csv"}


def test_days_outside_the_wanted_range_are_left_alone(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    candles(minutes=3 * 1440).write_parquet(folder / "a.parquet")
    request = HistoryRequest("BTCUSDT", "1m", first_day=date(2024, 8, 6), last_day=date(2024, 8, 6))

    loaded = load_history(find_files(str(folder)), request, lake=lake, now=NOW, progress=lambda _: None)

    assert loaded.rows_by_day == {date(2024, 8, 6): 1440}
    assert lake.days(KLINES, "BTCUSDT") == [date(2024, 8, 6)]


def test_a_file_that_returns_to_a_day_loses_no_row(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_assets.history.files.BATCH_ROWS", 3)
    folder = tmp_path / "in"
    folder.mkdir()
    tomorrow, later = candles(MIDNIGHT + timedelta(days=1)), candles(MIDNIGHT + timedelta(minutes=3))
    pl.concat([candles(), tomorrow, later]).write_parquet(folder / "a.parquet")

    assert load(folder, lake).rows_by_day == {DAY: 6, date(2024, 8, 6): 3}
    assert stored(lake).height == 6
    assert load(folder, lake).changed_days == set()


def test_a_place_without_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputIncomplete, match="holds no kline file: 0 files found"):
        find_files(str(tmp_path))


def test_an_empty_file_and_a_broken_one_are_refused(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for content in (b"", b"\n \r\n"):
        (folder / "a.csv").write_bytes(content)
        with pytest.raises(BadPayload, match=r"a\.csv cannot be read: it is empty"):
            load(folder, lake)
    (folder / "a.csv").unlink()
    (folder / "b.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadPayload, match=r"b\.parquet cannot be read"):
        load(folder, lake)


def test_lines_that_are_no_text_are_kept_and_cost_no_other_line(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = candles().write_csv().encode().splitlines()
    lines[2] = lines[2].replace(b"61010.00", b"6\xa0000")
    lines.insert(3, b"1,\xff\xa0,3")
    (folder / "a.csv").write_bytes(b"\n".join(lines) + b"\n")

    loaded = load(folder, lake)

    assert (loaded.rows, loaded.rejected) == (2, 2)
    kept = pl.read_parquet(f"{lake.uri}/{KLINES.rejected_path(NOW.date())}/*.parquet").sort("reason")
    assert kept["raw"][0] == rb"1,\xff\xa0,3"
    assert rb"6\xa0000" in kept["raw"][1]


def test_blank_lines_are_no_rows_and_hide_no_header(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    lines = candles().write_csv().splitlines()
    lines[2] = lines[2].replace("61010.00", "much")
    (folder / "a.csv").write_text("\n".join(["", "\r", " ", *lines, "  ", "1,2,3", "", " "]))

    loaded = load(folder, lake)

    assert (loaded.rows, loaded.rejected) == (2, 2)
    kept = pl.read_parquet(f"{lake.uri}/{KLINES.rejected_path(NOW.date())}/*.parquet").sort("line")
    assert kept["line"].to_list() == [6, 9]


def test_a_file_of_torn_lines_only_loses_none(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    header = candles().write_csv().partition("\n")[0]
    (folder / "a.csv").write_text(f"{header}\n1,2,3\n4,5\n")
    loaded = load(folder, lake)
    assert (loaded.rows, loaded.rejected) == (0, 2)


def test_lines_that_end_as_they_did_on_old_machines_are_named(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_bytes(candles().write_csv().encode().replace(b"\n", b"\r"))
    with pytest.raises(BadPayload, match=r"a\.csv cannot be read: its lines end with a carriage return alone"):
        load(folder, lake)


def test_a_csv_in_utf_16_is_refused_with_what_to_do(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text(candles().write_csv(), encoding="utf-16")
    with pytest.raises(BadPayload, match=r"a\.csv cannot be read: its first line holds zero bytes; write it as UTF-8"):
        load(folder, lake)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_that_comes_twice_is_named(tmp_path: Path, lake: Lake, suffix: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    table = candles().to_arrow()
    twice = table.append_column("close", table["close"])
    if suffix == "csv":
        pacsv.write_csv(twice, folder / "a.csv")
    else:
        pq.write_table(twice, folder / "a.parquet")
    with pytest.raises(BadPayload, match=rf"a\.{suffix} cannot be read: it has more than one column close"):
        load(folder, lake)


def test_a_zip_whose_places_lie_before_its_begin_is_refused(tmp_path: Path, lake: Lake) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a.csv", candles().write_csv())
    content = bytearray(whole.getvalue())
    begin = content.rindex(b"PK\x05\x06") + 16
    content[begin : begin + 4] = (int.from_bytes(content[begin : begin + 4], "little") + 9_999).to_bytes(4, "little")
    (folder / "a.zip").write_bytes(content)
    with pytest.raises(BadPayload, match=r"a\.zip cannot be read"):
        load(folder, lake)


def test_a_mapping_of_a_column_that_is_none_of_ours_is_refused(tmp_path: Path, lake: Lake) -> None:
    candles().write_csv(tmp_path / "a.csv")
    with pytest.raises(BadPayload, match="columns maps colour, which is none of open_time"):
        load(tmp_path, lake, columns={"colour": "x"})


def test_counts_that_came_as_floats_and_times_that_came_as_days_are_read(tmp_path: Path, lake: Lake) -> None:
    frame = candles(minutes=1).with_columns(pl.col("count").cast(pl.Float64), open_time=pl.lit(DAY))
    frame.drop("close_time").write_parquet(tmp_path / "a.parquet")
    assert load(tmp_path, lake).rows == 1
    assert stored(lake).select("open_time", "count").rows() == [(MIDNIGHT, 12)]


def test_files_are_found_by_a_pattern_by_their_name_and_by_their_folder(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a.csv", "b.csv.gz", "c.txt", "deep/d.parquet"):
        (tmp_path / name).write_bytes(b"")
    found = {uri: [file.name for file in find_files(f"{tmp_path}/{uri}")] for uri in ("*.csv*", "a.csv", "")}
    assert found == {"*.csv*": ["a.csv", "b.csv.gz"], "a.csv": ["a.csv"], "": ["a.csv", "b.csv.gz", "d.parquet"]}
    with pytest.raises(InputIncomplete, match="0 files found"):
        find_files(f"{tmp_path}/e.csv")


def test_a_day_of_more_rows_than_it_has_moments_is_no_history(
    tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_assets.history.load.MOST_ROWS_OF_A_DAY", 2)
    candles(minutes=3).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(BadPayload, match=r"holds more than 2 rows of 2024-08-05"):
        load(tmp_path, lake)


def test_a_file_without_a_header_has_the_columns_of_the_exchange(tmp_path: Path, lake: Lake) -> None:
    (tmp_path / "a.csv").write_text("1722816000000,1,1,1\n")
    with pytest.raises(
        BadPayload, match="has no header and 4 columns; without a header it must have the exchange's 12"
    ):
        load(tmp_path, lake)


def test_a_first_line_without_an_end_is_refused(tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_assets.history.files.LONGEST_HEADER", 64)
    (tmp_path / "a.csv").write_text("x" * 100)
    with pytest.raises(BadPayload, match="its first line is longer than 64 bytes"):
        load(tmp_path, lake)
