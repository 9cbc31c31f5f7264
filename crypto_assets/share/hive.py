"""Days of a table as partitions of an external Hive table over the files where they lie."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import polars as pl
import pyarrow as pa

from crypto_assets.errors import SchemaError, ServiceUnavailable
from crypto_assets.warehouse.tables import DayTable, column_differences, sql_type

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "hive"
DATABASE = "crypto_assets"
PARTITION_COLUMNS = ("year", "month", "day")

_TYPES: dict[pa.DataType, str] = {
    pa.string(): "STRING",
    pa.timestamp("us"): "TIMESTAMP",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
}
_LOCKED = ("XSDB6", "Another instance of Derby", "XBM0A")
"""What Derby says while another process has the metastore open."""
_SILENT = ("Could not connect to meta store", "TTransportException")
"""What Hive's client says of a metastore that it does not reach, or no longer."""


FOUND = "crypto_assets.days_found"
"""Property of a table whose former days were added: one that was only made, and then its maker killed, lacks it."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a day comes to: its rows, and the sum of each column of whole or decimal numbers."""

    rows: int
    sums: Mapping[str, Decimal]


class HiveTable:
    """A partitioned external table of Hive, through a Spark session with Hive.

    All methods raise ServiceUnavailable where the metastore cannot be used now.
    """

    def __init__(self, session: SparkSession, table: DayTable, *, root: str, database: str = DATABASE) -> None:
        """`root` is the URI below which the days of the table lie as `DayTable.folder` says."""
        self._session = session
        self._table = table
        self._root = _hadoop_uri(root)
        self._database = database
        self.name = f"{database}.{table.name}"

    def create(self) -> None:
        """Make database and table where there are none, and add each day whose folder lies below the new table.

        These days are those that were shared before the table was dropped, or the metastore is new. Raises SchemaError
        where a table of the name has other columns, or is none over files: it is left as it is.
        """
        with self._asked():
            self._run("create_database", database=self._database)
            if not self._session.catalog.tableExists(self.name):
                self._run(
                    "create_table",
                    columns=columns_of(self._table),
                    comment=_text(f"{self._table.name} by {', '.join(self._table.key)}, one partition a UTC day"),
                    location=_text(f"{self._root}/{self._table.name}"),
                )
            self._check()
            if not any(row["key"] == FOUND for row in self._run("show_properties")):
                self._run("repair_table")
                self._session.catalog.refreshTable(self.name)
                self._run("set_property", property=_text(FOUND))

    def add_day(self, day: date) -> str:
        """Make the folder of a day its partition, whatever it was before; its URI. Twice is the same as once."""
        location = f"{self._root}/{self._table.folder(day)}"
        with self._asked():
            self._run("add_partition", **_partition(day), location=_text(location))
            self._run("move_partition", **_partition(day), location=_text(location))
            self._session.catalog.refreshTable(self.name)  # files that were replaced are listed anew
        return location

    def days(self) -> list[date]:
        """Days that are partitions, ascending."""
        with self._asked():
            rows = self._session.sql(f"SHOW PARTITIONS {self.name}").collect()
        named = (dict(part.split("=") for part in row[0].split("/")) for row in rows)
        return sorted(date(*(int(names[column]) for column in PARTITION_COLUMNS)) for names in named)

    def figures(self, day: date) -> Figures | None:
        """What Hive reads of a day; None where it has no such partition."""
        if day not in self.days():
            return None
        sums = [f"CAST(SUM({name}) AS STRING) AS {name}" for name in summed_columns(self._table)]
        with self._asked():
            self._session.catalog.refreshTable(self.name)
            (row,) = self._run("select_figures", **_partition(day), figures=",\n    ".join(["COUNT(*) AS rows", *sums]))
        found = row.asDict()
        return Figures(found.pop("rows"), {name: Decimal(value or 0) for name, value in found.items()})

    def _check(self) -> None:
        held = [(f.name, f.dataType.simpleString()) for f in self._session.table(self.name).schema]
        declared = [(f.name, hive_type(f.type).lower()) for f in self._table.schema]
        declared += [(name, "string") for name in PARTITION_COLUMNS]
        about = {row[0].strip(): row[1] for row in self._session.sql(f"DESCRIBE FORMATTED {self.name}").collect()}
        differences = column_differences(held, declared)
        if about.get("Type") != "EXTERNAL":
            differences.insert(0, f"it is no external table but {about.get('Type', 'something else')}")
        if differences:
            raise SchemaError(
                f"The Hive table {self.name} is not the one that is shared here: {'; '.join(differences)}. It was left "
                f"as it is. Rename it (ALTER TABLE {self.name} RENAME TO {self.name}_old) or drop it, the files of an "
                "external table stay; then materialise again, and the days come back with MSCK REPAIR TABLE."
            )

    def _run(self, name: str, **places: str) -> list[Row]:
        return self._session.sql(statement(name).format(table=self.name, **places)).collect()

    @contextmanager
    def _asked(self) -> Generator[None]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, Py4JError) as error:
            raise _explained(error) from error


def columns_of(table: DayTable) -> str:
    """Columns of a CREATE TABLE of Hive, one a line, from the schema of the table."""
    return ",\n".join(
        f"    {field.name} {hive_type(field.type)} COMMENT {_text(_description(field))}" for field in table.schema
    )


def hive_type(kind: pa.DataType) -> str:
    """Hive's type that holds an Arrow type exactly; raises ValueError where there is none."""
    return sql_type(kind, _TYPES, of="Hive")


def summed_columns(table: DayTable) -> list[str]:
    """Columns whose sums are exact, whatever the order: whole and decimal numbers."""
    return [f.name for f in table.schema if pa.types.is_decimal(f.type) or pa.types.is_integer(f.type)]


def figures_of(table: DayTable, day: pa.Table) -> Figures:
    """What rows of a table come to, as `HiveTable.figures` counts them."""
    summed = summed_columns(table)
    sums = pl.DataFrame(pl.from_arrow(day)).select(pl.col(summed).sum()).row(0)
    return Figures(day.num_rows, dict(zip(summed, map(Decimal, sums), strict=True)))


@cache
def statement(name: str) -> str:
    """Text of `sql/hive/<name>.hql` with its `{places}`, without its comments."""
    lines = (FOLDER / f"{name}.hql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def _explained(error: Exception) -> ServiceUnavailable:
    first = str(error).strip().partition("\n")[0]
    told = "\n".join(_told(error))
    if any(sign in told for sign in _LOCKED):
        return ServiceUnavailable(
            "Hive's metastore is open in another process, and the embedded one (Derby) serves one at a time. Wait "
            "until the other run has ended, or name a metastore for many in HIVE_METASTORE_URI (thrift://host:9083)."
        )
    if any(sign in told for sign in _SILENT):
        return ServiceUnavailable(
            "Hive's metastore does not answer. Is the one running that HIVE_METASTORE_URI names? Files and former "
            "partitions stay; materialise again once it is there."
        )
    return ServiceUnavailable(f"Hive did not do what it was asked: {first}. Files and former partitions stay.")


def _told(error: BaseException | None) -> Generator[str]:
    """What the error and each of its causes says: Spark repeats only the outermost, Derby's own is the innermost."""
    while error is not None:
        yield str(error)
        error = error.__cause__ or getattr(error, "_cause", None)


def _partition(day: date) -> dict[str, str]:
    return {"year": f"'{day:%Y}'", "month": f"'{day:%m}'", "day": f"'{day:%d}'"}


def _hadoop_uri(root: str) -> str:
    """A URI as Hadoop names it: a folder is `file://…`, S3 is read by `s3a`."""
    match urlsplit(root).scheme:
        case "":
            return f"file://{Path(root).resolve()}"  # as it is: Hadoop takes %20 for three characters
        case "s3":
            return f"s3a{root[2:]}".rstrip("/")
        case _:
            return root.rstrip("/")


def _description(field: pa.Field) -> str:
    metadata: Mapping[bytes, Any] = field.metadata or {}
    return metadata.get(b"description", b"").decode()


def _text(value: str) -> str:
    """A text of HQL; Hive and Spark read a backslash as the beginning of an escape."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
