"""Parquet objects on S3 as text for PostgreSQL's COPY: first all schemas are compared, then rows flow in batches."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from resources.services.redshift_standin.column_types import Column, loaded_type, mismatch
from resources.services.redshift_standin.refusals import Explanation, LoadRefusal
from resources.services.redshift_standin.s3_objects import S3Object, s3_errors

BATCH_ROWS = 32_768
CODE_SCHEMA, CODE_COUNT, CODE_NOT_PARQUET, CODE_NULL, CODE_LENGTH = 15_001, 15_007, 15_002, 1_213, 1_204
TEXT = "FORMAT text, ENCODING 'UTF8'"
"""How PostgreSQL has to read what is sent: it takes a fifth longer for CSV."""
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
"""What ends a value or a row, or begins an escape, as the format writes it within a text."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows in the text format of COPY."""

    rows: int
    text: bytes


def check_schemas(client: fs.S3FileSystem, objects: Sequence[S3Object], columns: Sequence[Column]) -> None:
    """Compare every file with the table before the first row; raises LoadRefusal with column and reason."""
    for each in objects:
        with _reading(each), closing(_open(client, each)) as file:
            _check_schema(each, file.schema_arrow, columns)


def read_pieces(client: fs.S3FileSystem, objects: Sequence[S3Object], columns: Sequence[Column]) -> Iterator[Piece]:
    """Rows of all objects, a batch in memory at a time; raises LoadRefusal on a value that the table cannot hold."""
    for each in objects:
        with _reading(each), closing(_open(client, each)) as file:
            schema = pa.schema(
                (column.name, loaded_type(field, column))
                for field, column in zip(file.schema_arrow, columns, strict=True)
            )
            done = 0
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                _check_values(each, batch, columns, before=done)
                columns_as_loaded = [a.cast(f.type) for a, f in zip(batch.columns, schema, strict=True)]
                yield Piece(batch.num_rows, _as_text(pa.table(columns_as_loaded, schema=schema)))
                done += batch.num_rows


def _as_text(rows: pa.Table) -> bytes:
    """Decimals have all their digits."""
    text = io.BytesIO()
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    escaped = frame.with_columns(pl.col(pl.String).str.replace_many(ESCAPES))
    escaped.write_csv(text, include_header=False, separator="\t", quote_style="never", null_value="\\N")
    return text.getvalue()


def _open(client: fs.S3FileSystem, each: S3Object) -> pq.ParquetFile:
    return pq.ParquetFile(client.open_input_file(each.path), coerce_int96_timestamp_unit="us", pre_buffer=False)


@contextmanager
def _reading(each: S3Object) -> Generator[None]:
    """What S3 or Parquet's reader say of an object, as Redshift says it."""
    try:
        with s3_errors(each.uri):
            yield
    except pa.ArrowException as error:
        reason = f"File '{each.uri}' has an invalid version number: it is not Parquet ({error})"
        raise _spectrum(each, reason, code=CODE_NOT_PARQUET) from error


def _check_schema(each: S3Object, schema: pa.Schema, columns: Sequence[Column]) -> None:
    if len(schema) != len(columns):
        reason = (
            f"Unmatched number of columns between table and file. Table columns: {len(columns)}, "
            f"Data columns: {len(schema)}, File name: {each.uri}"
        )
        raise _spectrum(each, reason, code=CODE_COUNT)
    for field, column in zip(schema, columns, strict=True):
        if wrong := mismatch(field, column):
            reason = f"File '{each.uri}' has an incompatible Parquet schema for column '{field.name}'. {wrong}"
            raise _spectrum(each, reason, code=CODE_SCHEMA, column=column)


def _check_values(each: S3Object, batch: pa.RecordBatch, columns: Sequence[Column], *, before: int) -> None:
    for array, column in zip(batch.columns, columns, strict=True):
        if column.is_required and array.null_count:
            line = before + 1 + pc.index(array.is_null(), True).as_py()
            raise _spectrum(each, "Missing data for not-null field", code=CODE_NULL, column=column, line=line)
        longest = column.longest_bytes
        if longest is not None and array.nbytes:
            too_long = pc.index(
                _call("greater", _call("binary_length", _plain(array)), pa.scalar(longest)), True
            ).as_py()
            if too_long >= 0:
                reason = f"The length of the data column {column.name} is longer than the length defined in the table"
                raise _spectrum(each, reason, code=CODE_LENGTH, column=column, line=before + 1 + too_long)


def _call(name: str, *arguments: pa.Array | pa.Scalar) -> pa.Array:
    return pc.call_function(name, list(arguments))


def _plain(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if isinstance(array, pa.DictionaryArray) else array


def _spectrum(each: S3Object, reason: str, *, code: int, column: Column | None = None, line: int = 0) -> LoadRefusal:
    name, type_ = (column.name, column.type) if column else ("", "")
    explanation = Explanation(each.uri, reason, code=code, line=line, column=name, type=type_)
    place = f"\n  line:      {line}, column {name}" if line else ""
    rule = "\n  -----------------------------------------------"
    detail = f"{rule}\n  error:     Spectrum Scan Error\n  code:      {code}\n  context:   {reason}{place}{rule}"
    return LoadRefusal(f"Spectrum Scan Error. {reason}", explanation, detail=detail)
