"""SQL over the lake: what it sees, how little it opens, and everything that it must not do."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.config import Settings
from crypto_assets.errors import BadQuestion, ConfigurationError, LakeBusy, LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.files import Files, Opened
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE, Manifest
from crypto_assets.reading import views
from crypto_assets.reading.open_lake import OpenLake, open_lake
from crypto_assets.reading.relations import RELATIONS
from crypto_assets.schemas import BRONZE_TRADES
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets_tests.reading.small_lake import DAYS, fill, rows, write_part


def rows_of(reader: OpenLake, sql: str) -> list[tuple[object, ...]]:
    return reader.sql(sql).rows()


def test_each_dataset_is_a_view_with_symbol_and_date(reader: OpenLake) -> None:
    sql = "SELECT symbol, date, count(*) FROM gold_features GROUP BY ALL ORDER BY ALL"
    expected = [("BTCUSDT", day, 3) for day in DAYS] + [("ETHUSDT", DAYS[0], 2)]
    assert rows_of(reader, sql) == expected


def test_every_dataset_can_be_asked_for_before_anything_was_made(tmp_path: Path) -> None:
    lake = open_lake(str(tmp_path / "empty"))
    of_warehouse = {"fact_trades", "dim_time", "dim_symbol"}
    for name in RELATIONS.keys() - of_warehouse:
        assert rows_of(lake, f"SELECT count(*) FROM {name}") == [(0,)]
    assert not (tmp_path / "empty").exists()


def test_the_catalog_lists_every_dataset_with_its_columns(reader: OpenLake) -> None:
    assert {row[0] for row in rows_of(reader, "SHOW TABLES")} == set(RELATIONS)
    described = reader.sql("DESCRIBE gold_features")["column_name"].to_list()
    assert described == ["symbol", "date", *GOLD_FEATURES.schema.names]


def test_times_are_utc_and_prices_exact(reader: OpenLake) -> None:
    answer = reader.sql("SELECT open_time, close FROM silver_klines_1m ORDER BY open_time LIMIT 2", kind="arrow")
    assert [str(field.type) for field in answer.schema] == ["timestamp[us, tz=UTC]", "decimal128(28, 8)"]
    assert [str(value) for value in answer["close"].to_pylist()] == ["0E-8", "1.00000000"]


def test_only_parts_that_the_manifest_lists_count(reader: OpenLake, lake: Lake) -> None:
    folder = Path(lake.uri_of(BRONZE_TRADES, "BTCUSDT", DAYS[0]))
    assert len(list(folder.rglob("*.parquet"))) == 3
    assert rows_of(reader, "SELECT count(*) FROM bronze_trades") == [(5,)]


def test_a_filter_on_symbol_and_date_opens_no_other_day(reader: OpenLake, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: set[str] = set()
    really = Files.open

    def note(self: Files, path: str) -> Opened:
        opened.add(path)
        return really(self, path)

    monkeypatch.setattr(Files, "open", note)
    sql = "SELECT count(*) FROM gold_features WHERE symbol = 'BTCUSDT' AND date BETWEEN '2024-08-02' AND '2024-08-03'"
    assert rows_of(reader, sql) == [(3,)]
    first_of_all = "gold/features/symbol=BTCUSDT/date=2024-08-01/features.parquet"  # says which columns there are
    assert opened == {first_of_all, "gold/features/symbol=BTCUSDT/date=2024-08-02/features.parquet"}


def test_aggregates_have_the_date_of_their_folder(reader: OpenLake) -> None:
    sql = "SELECT date, symbol, count(*) FROM price_aggregates GROUP BY ALL"
    assert rows_of(reader, sql) == [(DAYS[0], "BTCUSDT", 2)]


def test_days_written_before_a_feature_existed_have_nulls_there(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    for day in DAYS:
        lake.publish(GOLD_FEATURES, "BTCUSDT", day, rows(GOLD_FEATURES.schema, day=day, count=2))
    for old in (DAYS[0], DAYS[2]):  # the first file says which columns there are, a later one may lack some
        path = Path(lake.uri_of(GOLD_FEATURES, "BTCUSDT", old))
        pq.write_table(pq.read_table(path, partitioning=None).drop_columns(["rsi_14_1m"]), path)
        sql = "SELECT date, count(rsi_14_1m), count(warm) FROM gold_features GROUP BY date ORDER BY date"
        found = rows_of(open_lake(str(tmp_path)), sql)
        assert found == [(day, 0 if day <= old and day != DAYS[1] else 2, 2) for day in DAYS]


FORBIDDEN = {
    "a file beside": "SELECT * FROM '{folder}/secret.csv'",
    "a file by function": "SELECT * FROM read_csv('{folder}/secret.csv')",
    "a text": "SELECT * FROM read_text('/etc/hostname')",
    "a blob": "SELECT * FROM read_blob('/etc/hostname')",
    "metadata of a file": "SELECT * FROM parquet_metadata('{folder}/secret.parquet')",
    "a list of files": "SELECT * FROM glob('{folder}/*')",
    "a file by a computed name": "SELECT * FROM query_table('{folder}/secret.csv')",
    "out of the lake": "SELECT * FROM read_text('{lake}/../secret.csv')",
    "a file of the lake by its path": "SELECT * FROM read_text('{lake}/gold/features')",
    "out of what is served": "SELECT * FROM read_text('lake://../../secret.csv'), gold_features",
    "an unlisted file": "SELECT * FROM read_parquet('lake://bronze_trades/symbol=BTCUSDT/date=2024-08-01/9.parquet')",
    "an address": "SELECT * FROM read_parquet('https://example.com/x.parquet')",
    "a bucket": "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "an attached database": "ATTACH '{folder}/new.db'",
    "a copy": "COPY (SELECT 1) TO '{folder}/new.csv'",
    "a copy into the lake": "COPY (SELECT 1) TO '{lake}/new.csv'",
    "a copy inside a query": "WITH x AS (COPY (SELECT 1) TO '{lake}/new.csv') SELECT 1",
    "a copy onto a day": (
        "WITH x AS (COPY (SELECT 1) TO 'lake://gold_features/symbol=BTCUSDT/date=2024-08-01/0.parquet') "
        "SELECT count(*) FROM gold_features"
    ),
    "an explained copy": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{folder}/new.csv'",
    "an export": "EXPORT DATABASE '{folder}/new'",
    "an import": "IMPORT DATABASE '{folder}'",
    "an extension": "INSTALL httpfs",
    "a loaded extension": "LOAD httpfs",
    "a setting": "SET enable_external_access = true",
    "the lock": "SET lock_configuration = false",
    "a secret": "CREATE SECRET (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "a table": "CREATE TABLE t AS SELECT 1",
    "a deletion": "DELETE FROM gold_features",
    "two statements": "SELECT 1; SELECT 2",
    "nothing": "  -- only a comment",
    "a variable of the program": "SELECT * FROM secret_table",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake and with files that are none of its business."""
    folder = tmp_path_factory.mktemp("guarded")
    fill(Lake(str(folder / "lake")))
    (folder / "secret.csv").write_text("word\nhidden\n")
    pq.write_table(rows(GOLD_FEATURES.schema, day=DAYS[0], count=1), folder / "secret.parquet")
    return folder


@pytest.mark.parametrize("sql", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_query_reaches_nothing_but_the_datasets(sql: str, guarded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = guarded / "lake"
    monkeypatch.setattr(views, "secret_table", pq.read_table(guarded / "secret.parquet"), raising=False)
    before = _content(guarded)
    with pytest.raises(BadQuestion) as refused:
        open_lake(str(lake)).sql(sql.format(folder=guarded, lake=lake))
    assert "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert _content(guarded) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SET memory_limit = '1GB'", "locked"),
        ("SET enable_external_access = true", "locked"),
        ("COPY (SELECT 1) TO 'lake://gold_features/symbol=BTCUSDT/date=2024-08-01/0.parquet'", "it may only read"),
        ("COPY (SELECT 1) TO '{folder}/new.csv'", "no other file"),
        ("ATTACH '{folder}/new.db'", "no other file"),
        ("INSTALL httpfs", "no other file|it may only read|disabled"),
    ],
)
def test_the_engine_refuses_what_the_look_at_the_statement_would_let_through(
    sql: str, said: str, guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "_refuse_other_statements", lambda _: None)
    before = _content(guarded)
    with pytest.raises(BadQuestion, match=said):
        open_lake(str(guarded / "lake")).sql(sql.format(folder=guarded))
    assert _content(guarded) == before


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT nothing FROM gold_features", 'column "nothing" not found'),
        ("SELECT * FROM gold_feature", "There are bronze_klines_1m"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT CAST('x' AS INTEGER)", "Could not convert string 'x'"),
        ("SELECT count(*) FROM gold_features WHERE date = 'august'", "august"),
    ],
)
def test_a_mistake_in_a_query_is_told_in_a_line(reader: OpenLake, sql: str, said: str) -> None:
    with pytest.raises(BadQuestion) as told:
        reader.sql(sql)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_tables_of_the_warehouse_say_what_runs_their_store(reader: OpenLake) -> None:
    with pytest.raises(ConfigurationError, match=r"make up .*WAREHOUSE_S3_URI"):
        reader.sql("SELECT * FROM fact_trades")


def test_tables_of_the_warehouse_have_the_date_of_their_day(bucket: str, settings: Settings) -> None:
    store = WarehouseStore(f"{bucket}/warehouse")
    for day in DAYS:
        store.publish(FACT_TRADES, day, rows(FACT_TRADES.schema, day=day, count=2))
    named = settings.model_copy(update={"warehouse_s3_uri": store.uri})
    sql = "SELECT date, symbol, max(min_price) FROM fact_trades WHERE date > '2024-08-01' GROUP BY ALL ORDER BY ALL"
    assert open_lake(settings=named).sql(sql).rows() == [(day, "BTCUSDT", Decimal(1)) for day in DAYS[1:]]


def test_of_a_training_set_the_newest_version_counts_with_the_columns_of_each(tmp_path: Path) -> None:
    for symbol, names in (("BTCUSDT", ["old"]), ("BTCUSDT", ["rsi", "atr"]), ("ETHUSDT", ["rsi"])):
        folder = tmp_path / "forecast" / "training_sets" / f"symbol={symbol}" / "date=2024-08-01"
        folder.mkdir(parents=True, exist_ok=True)
        sha256 = "-".join(names).ljust(64, "0")
        pq.write_table(pa.table({name: [1.0] for name in names}), folder / f"{sha256}.parquet")
        record = folder / MANIFEST_FILE
        versions = json.loads(record.read_text())["versions"] if record.exists() else []
        record.write_text(json.dumps({"versions": [*versions, {"sha256": sha256}]}))
    found = open_lake(str(tmp_path)).sql("SELECT * FROM lstm_training_set ORDER BY symbol").to_dicts()
    assert found == [
        {"rsi": 1.0, "atr": 1.0, "symbol": "BTCUSDT", "date": DAYS[0]},
        {"rsi": 1.0, "atr": None, "symbol": "ETHUSDT", "date": DAYS[0]},
    ]


def test_a_record_that_is_none_is_named_with_what_to_do(tmp_path: Path) -> None:
    write_part(Lake(str(tmp_path)), DAYS[0], "a", count=2)
    (tmp_path / "bronze/trades/symbol=BTCUSDT/date=2024-08-01" / MANIFEST_FILE).write_text("{not json")
    with pytest.raises(LakeError, match=r"date=2024-08-01/_manifest.json is no record of a day"):
        open_lake(str(tmp_path)).sql("SELECT * FROM bronze_trades")


def test_a_manifest_that_names_a_file_elsewhere_names_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    outside = tmp_path / "lake" / "bronze" / "outside.parquet"
    parts = write_part(lake, DAYS[0], "a", count=2)
    folder = Path(lake.uri_of(BRONZE_TRADES, "BTCUSDT", DAYS[0]))
    (folder / parts[0].path).rename(outside)
    (folder / MANIFEST_FILE).write_text('{"parts": [{"path": "../../../outside.parquet"}]}')
    with pytest.raises(LakeBusy, match="changed 3 times"):
        open_lake(lake.uri).sql("SELECT count(*) FROM bronze_trades")


def test_a_day_published_anew_while_it_is_read_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path))
    fill(lake)
    really = Files.open
    replaced: list[str] = []

    def replace_first(self: Files, path: str) -> Opened:
        if not replaced and path.startswith("bronze/trades"):
            replaced.append(path)
            parts = write_part(lake, DAYS[0], "merged", count=7)
            lake.publish_manifest(BRONZE_TRADES, "BTCUSDT", DAYS[0], Manifest(parts=tuple(parts)))
        return really(self, path)

    monkeypatch.setattr(Files, "open", replace_first)
    assert open_lake(str(tmp_path)).sql("SELECT count(*) FROM bronze_trades").rows() == [(7,)]
    assert replaced


def test_a_file_of_a_day_is_never_mixed_with_its_former_self(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(str(tmp_path))
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAYS[0], rows(GOLD_FEATURES.schema, day=DAYS[0], count=2))
    really, openings = Files.open, iter(range(100))

    def replace_second(self: Files, path: str) -> Opened:
        if next(openings) == 1:
            lake.publish(GOLD_FEATURES, "BTCUSDT", DAYS[0], rows(GOLD_FEATURES.schema, day=DAYS[0], count=9))
        return really(self, path)

    monkeypatch.setattr(Files, "open", replace_second)
    found = open_lake(str(tmp_path)).sql("SELECT count(*), max(rsi_14_1m) FROM gold_features").rows()
    assert found == [(9, 8.0)]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAYS[0], rows(GOLD_FEATURES.schema, day=DAYS[0], count=2))
    path = Path(lake.uri_of(GOLD_FEATURES, "BTCUSDT", DAYS[0]))
    os.truncate(path, 1000)
    with pytest.raises(LakeError, match=r"gold_features/symbol=BTCUSDT/date=2024-08-01.*Materialise that day again"):
        open_lake(str(tmp_path)).sql("SELECT count(rsi_14_1m) FROM gold_features")


def test_a_bucket_is_read_like_a_folder(bucket: str, settings: Settings) -> None:
    lake = Lake(f"{bucket}/lake")
    fill(lake)
    reader = open_lake(lake.uri, settings=settings)
    sql = "SELECT symbol, count(*) FROM gold_features WHERE date = '2024-08-01' GROUP BY ALL ORDER BY ALL"
    assert rows_of(reader, sql) == [("BTCUSDT", 3), ("ETHUSDT", 2)]
    assert rows_of(reader, "SELECT count(*) FROM bronze_trades") == [(5,)]
    with pytest.raises(BadQuestion, match="no other file"):
        reader.sql(f"SELECT * FROM read_parquet('{lake.uri}/gold/features/symbol=BTCUSDT/date=2024-08-01/*')")
