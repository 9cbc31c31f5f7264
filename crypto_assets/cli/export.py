"""`crypto-assets export`: days of a dataset as one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from crypto_assets.cli.arguments import FirstDay, LastDay, Symbol
from crypto_assets.cli.telling import progress, told

if TYPE_CHECKING:
    import pyarrow as pa


class Format(StrEnum):
    """Of the file."""

    PARQUET = "parquet"
    CSV = "csv"


@told
def export(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Kept by symbol and day, such as gold_features.")],
    symbol: Symbol,
    first: FirstDay,
    last: LastDay,
    *,
    file_format: Annotated[Format, typer.Option("--format", help="Of the file.")] = Format.PARQUET,
    output: Annotated[
        Path | None, typer.Option(help="The file; by default DATASET-SYMBOL-FROM-TO.parquet where you are.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file where there is one.")] = False,
) -> None:
    """Write days of a dataset as one Parquet or CSV file, both ends included.

    The file is there whole or not at all. Days that were never made are left out, and named.
    """
    from crypto_assets.errors import BadQuestion, InputIncomplete
    from crypto_assets.reading.asked import asked_days
    from crypto_assets.reading.open_lake import open_lake

    days, lake = asked_days(first, last), open_lake()
    made = set(lake.days(dataset, symbol))
    there = [day for day in days if day in made]
    if not there:
        lake.read(dataset, symbol, days.first, days.last)  # raises with what to do
        raise InputIncomplete(f"{dataset} of {symbol} has no day of {days}.")
    target = output or Path(f"{dataset}-{symbol}-{days.first}-{days.last}.{file_format}")
    if target.is_dir() or (target.exists() and not force):
        raise BadQuestion(f"{target} is there already. Give another --output, or --force to replace it.")
    rows = 0
    with (
        progress(f"{dataset} {symbol}", total=len(there)) as advance,
        _published(target, replace=force) as beside,
        _writer(beside, file_format) as write,
    ):
        for day in there:
            table: pa.Table = lake.read(dataset, symbol, day, kind="arrow")
            write(table)
            rows += table.num_rows
            advance()
    missing = [str(day) for day in days if day not in made]
    if missing:
        typer.echo(f"{len(missing)} of {len(days)} days were never made: {', '.join(missing[:10])}", err=True)
    typer.echo(f"{target}: {rows:,} rows of {len(there)} days, {target.stat().st_size:,} bytes")


@contextmanager
def _published(target: Path, *, replace: bool) -> Generator[Path]:
    """A path to write to, which becomes the target when the context ends well, and goes away when it does not."""
    from crypto_assets.errors import BadQuestion

    beside = target.with_name(f".{target.name}.{os.getpid()}-{uuid4().hex[:8]}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if replace:
            beside.replace(target)
        else:
            os.link(beside, target)  # unlike a rename, it fails where somebody made the file meanwhile
    except FileExistsError:
        raise BadQuestion(f"{target} is there already. Give another --output, or --force to replace it.") from None
    except OSError as error:
        raise BadQuestion(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _writer(path: Path, file_format: Format) -> Generator[Callable[[pa.Table], object]]:
    """What appends the rows of tables with one schema to a file."""
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    opened: list[pq.ParquetWriter | pacsv.CSVWriter] = []

    def write(table: pa.Table) -> None:
        bare = table.replace_schema_metadata(None)
        if not opened:
            opened.append(
                pq.ParquetWriter(path, bare.schema, compression="zstd")
                if file_format is Format.PARQUET
                else pacsv.CSVWriter(path, bare.schema)
            )
        opened[0].write_table(bare) if isinstance(opened[0], pq.ParquetWriter) else opened[0].write(bare)

    try:
        yield write
    finally:
        for writer in opened:
            writer.close()
