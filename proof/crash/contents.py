"""Everything that a platform holds at its end, from each place by its own way, as tables in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import dagster as dg
import pyarrow as pa
from psycopg2 import sql
from pyarrow import feather

from crypto_assets.assets.share_sheet import FILES_FOLDER, LAYOUT
from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import landing_uri, postgres_url, s3_endpoint, warehouse_s3_uri, warehouse_url
from crypto_assets.lake.files import Files, filesystem_of
from crypto_assets.postgres.connection import transaction
from crypto_assets.share.hive import DATABASE
from crypto_assets.share.tables import PRICE_AGGREGATES
from proof.crash.documents import document, tables_of
from proof.crash.wall_clock import place_of
from resources.sheets import SheetsResource
from resources.spark import SparkResource

HIDDEN = "hidden"
"""Place that counts what lies beside the files and no reader sees."""
_TABLES = """
SELECT table_schema, table_name
FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema IN ('public', 'staging')
    AND NOT (SELECT relispartition FROM pg_class WHERE oid = format('%I.%I', table_schema, table_name)::regclass)
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Kept(Mapping[str, pa.Table]):
    """Tables by place, each a file in a folder."""

    folder: Path

    def keep(self, place: str, table: pa.Table) -> None:
        """Keep one, under its place or, where that was taken, beside it."""
        name, number = place, 1
        while self._path(name).exists():
            number += 1
            name = f"{place} ({number})"
        feather.write_feather(table, str(self._path(name)), compression="zstd")

    def __getitem__(self, place: str) -> pa.Table:
        path = self._path(place)
        if not path.exists():
            raise KeyError(place)
        return feather.read_table(str(path))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(unquote(path.stem) for path in self.folder.glob("*.arrow")))

    def __len__(self) -> int:
        return len(list(self.folder.glob("*.arrow")))

    def _path(self, place: str) -> Path:
        return self.folder / f"{quote(place, safe=' =|')}.arrow"


def keep_contents(folder: Path) -> None:
    """Keep what the platform of this environment holds; its services have to run."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept = Kept(folder)
    for place, table in contents(read_settings()):
        kept.keep(place_of(place), table)


def contents(settings: Settings) -> Iterator[tuple[str, pa.Table]]:
    """Each place with what it holds: `lake/…`, `hdfs/…`, `s3/…`, `postgres/…`, `redshift/…`, `hive/…`, `sheet/…`, and
    what Dagster says was materialised."""
    hidden: list[tuple[str, str]] = []
    for name, uri, options in (
        ("lake", settings.lake, {}),
        ("share", str(settings.data_dir / FILES_FOLDER), {}),
        ("hdfs", landing_uri(settings), {}),
        ("s3", warehouse_s3_uri(settings), s3_endpoint(settings).storage_options or {}),
    ):
        files = Files(uri, storage_options=options)
        yield from ((f"{name}/{path}", table) for path, table in read_files(files))
        hidden += [(name, path) for path in hidden_files(files, options)]
    yield HIDDEN, document(hidden)
    for name, url in (("postgres", postgres_url(settings)), ("redshift", warehouse_url(settings))):
        yield from ((f"{name}/{table}", rows) for table, rows in read_database(url))
    yield from _sheet(settings)
    yield from _materialised()
    yield from _hive()


def read_files(files: Files) -> Iterator[tuple[str, pa.Table]]:
    """Every file that readers see, by its path; raises ValueError where one is not what its name says."""
    for listed in files.listed():
        yield from tables_of(listed.path, files.read(listed.path) or b"")


def hidden_files(files: Files, options: Mapping[str, object]) -> list[str]:
    """Paths that no reader sees, but for locks."""
    filesystem, root = filesystem_of(files.uri, **options)
    seen = {listed.path for listed in files.listed()}
    found = (path.removeprefix(root).lstrip("/") for path in filesystem.find(root))
    return sorted(path for path in found if path not in seen and not path.endswith(".lock"))


def read_database(url: str) -> Iterator[tuple[str, pa.Table]]:
    """Every table of a database by schema and name, each value as the database prints it."""
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(_TABLES)
        for schema, name in cursor.fetchall():
            table = sql.Identifier(schema, name)
            cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table))
            columns = [column.name for column in cursor.description or ()]
            as_text = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns)
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(as_text, table))
            values = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(columns)
            arrays = [pa.array(column, pa.string()) for column in values]
            yield f"{schema}.{name}", pa.table(dict(zip(columns, arrays, strict=True)))


def _sheet(settings: Settings) -> Iterator[tuple[str, pa.Table]]:
    for title, rows in SheetsResource().spreadsheet().read(LAYOUT, settings.symbols).items():
        cells = [[str(cell) for cell in row] + [""] * (LAYOUT.width - len(row)) for row in rows]
        columns = zip(*cells, strict=True)
        yield (
            f"sheet/{title}",
            pa.table([pa.array(column, pa.string()) for column in columns], names=list(LAYOUT.columns)),
        )


def _materialised() -> Iterator[tuple[str, pa.Table]]:
    with dg.DagsterInstance.get() as instance:
        for key in sorted(instance.all_asset_keys(), key=dg.AssetKey.to_user_string):
            partitions = sorted(instance.get_materialized_partitions(key))
            yield f"dagster/{key.to_user_string()}", document([("partition", name) for name in partitions])


def _hive() -> Iterator[tuple[str, pa.Table]]:
    session = SparkResource().hive_session
    name = f"{DATABASE}.{PRICE_AGGREGATES.name}"
    yield f"hive/{name}", session.table(name).toArrow()
    partitions = session.sql(f"SHOW PARTITIONS {name}").collect()
    yield f"hive/{name} partitions", document([("partition", row[0]) for row in partitions])
