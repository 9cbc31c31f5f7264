"""`crypto-assets query`: SQL over the lake."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_assets.cli.telling import Json, console, print_table, told

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN_ROWS = 50
SHOWN_CHARACTERS = 60
"""Of a text in a table; --csv and --json give all of it."""


@told
def query(
    sql: Annotated[
        str, typer.Argument(metavar="SQL", help="One SELECT in DuckDB's SQL; - reads it from standard input.")
    ],
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header.")] = False,
    rows: Annotated[int, typer.Option(min=0, help="Rows of the table; 0 is all. JSON and CSV always have all.")] = (
        SHOWN_ROWS
    ),
) -> None:
    """Ask the lake in SQL, over a view named like each dataset.

    Views have the columns symbol and date; a filter on them opens no other day. Of bronze just the files count that a
    day's manifest lists. A query can read the lake and nothing else, and changes nothing. SHOW TABLES lists the views,
    DESCRIBE gold_features its columns.
    """
    from crypto_assets.errors import BadQuestion
    from crypto_assets.reading.open_lake import open_lake

    if as_json and as_csv:
        raise BadQuestion("Give --json or --csv, not both.")
    batches = open_lake().batches(sys.stdin.read() if sql == "-" else sql)
    if as_json:
        _print_json(batches)
    elif as_csv:
        _print_csv(batches)
    else:
        _print_table(batches, most=rows)


def _print_json(batches: Iterator[pa.RecordBatch]) -> None:
    """A list of objects, written row by row: an answer may be larger than memory."""
    import msgspec

    encode = msgspec.json.Encoder().encode
    typer.echo("[", nl=False)
    separator = "\n  "
    for batch in batches:
        for row in batch.to_pylist():
            typer.echo(separator + encode(row).decode(), nl=False)
            separator = ",\n  "
    typer.echo("\n]")


def _print_csv(batches: Iterator[pa.RecordBatch]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    header = True
    for batch in batches:
        if header:
            writer.writerow(batch.schema.names)
            header = False
        columns = [[_text(value, null="") for value in column.to_pylist()] for column in batch.columns]
        writer.writerows(zip(*columns, strict=True))


def _print_table(batches: Iterator[pa.RecordBatch], *, most: int) -> None:
    import pyarrow as pa

    taken: list[pa.RecordBatch] = []
    held, more = 0, False
    for batch in batches:
        room = batch.num_rows if most == 0 else most - held
        taken.append(batch.slice(0, room))
        held += min(room, batch.num_rows)
        if more := batch.num_rows > room:
            break
    table = pa.Table.from_batches(taken)
    names = table.schema.names
    columns = [[_shortened(_text(value, null="-")) for value in column.to_pylist()] for column in table.columns]
    fitting = _fitting(names, columns, width=console().width)
    numbers = [field.name for field in table.schema if _is_number(field.type)]
    print_table(names[:fitting], zip(*columns[:fitting], strict=True), numbers=numbers)
    if fitting < len(names):
        typer.echo(f"{fitting} of {len(names)} columns fit; name those to see, or take --csv or --json.", err=True)
    if more:
        typer.echo(
            f"The first {held:,} rows; there are more. --rows 0 shows all, --csv and --json write all.", err=True
        )
    elif not held:
        typer.echo("No rows.", err=True)


def _fitting(names: Sequence[str], columns: Sequence[Sequence[str]], *, width: int) -> int:
    """How many columns fit beside each other, at least one."""
    widths = [max(len(name), *map(len, column), 0) + 1 for name, column in zip(names, columns, strict=True)]
    return max(1, sum(total - 1 <= width for total in accumulate(widths)))


def _text(value: Any, *, null: str) -> str:
    match value:
        case None:
            return null
        case datetime():
            return value.isoformat(sep=" ").replace("+00:00", "Z")
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _shortened(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
