"""Lines of comma-separated text to columns of text; no line is lost, whatever it holds, but those of white space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from crypto_assets.binance.typed_rows import Column
from crypto_assets.errors import BadPayload

Bounds = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextRows:
    """Regular lines as text columns `0`, `1`, …, and the irregular ones with the reason."""

    block: bytes
    starts: Bounds
    ends: Bounds
    regular: Bounds
    """Index of the line that each row of `texts` came from."""
    texts: pl.DataFrame
    irregular: list[tuple[int, str]]
    """Index of the line, and why it is no row."""

    def raw(self, line: int) -> bytes:
        """The bytes of a line, without its end."""
        return self.block[self.starts[line] : self.ends[line]].removesuffix(b"\r")


def split_block(block: bytes, *, width: int) -> TextRows:
    """Lines of a block of text; a regular one is UTF-8 and has `width` fields, two or more.

    One of nothing but white space is no line: it is neither regular nor irregular, and only counts in the indices.
    """
    starts, ends = line_bounds(block)
    fields = field_counts(block, starts, ends)
    undecodable = _undecodable_lines(block, starts, ends)
    is_regular = (fields == width) & ~undecodable
    irregular = [
        (int(i), "is not UTF-8" if undecodable[i] else f"has {fields[i]} columns, not {width}")
        for i in np.flatnonzero(~is_regular)
        if block[starts[i] : ends[i]].strip()
    ]
    texts = _texts(block, is_regular, starts, width)
    return TextRows(block, starts, ends, np.flatnonzero(is_regular), texts, irregular)


def blank_head(block: bytes) -> int:
    """Bytes of the lines of nothing but white space that a block begins with."""
    if block.isspace():
        return len(block)
    return block.rfind(b"\n", 0, len(block) - len(block.lstrip())) + 1


def line_bounds(block: bytes) -> tuple[Bounds, Bounds]:
    """Start and end of every line; the end is that of its text, before the line feed."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    if block and not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    starts = np.concatenate((ends[:1] * 0, ends[:-1] + 1))
    return starts, ends


def field_counts(block: bytes, starts: Bounds, ends: Bounds) -> Bounds:
    """Fields of every line: one more than its commas."""
    commas = np.flatnonzero(np.frombuffer(block, np.uint8) == ord(","))
    return np.searchsorted(commas, ends) - np.searchsorted(commas, starts) + 1


def _undecodable_lines(block: bytes, starts: Bounds, ends: Bounds) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(starts), dtype=bool)
    if block.isascii():
        return found
    foreign = np.flatnonzero(np.frombuffer(block, np.uint8) > 127)
    for line in np.unique(np.searchsorted(ends, foreign)):
        try:
            block[starts[line] : ends[line]].decode()
        except UnicodeDecodeError:
            found[line] = True
    return found


def _texts(block: bytes, is_regular: npt.NDArray[np.bool_], starts: Bounds, width: int) -> pl.DataFrame:
    schema = {str(i): pl.String for i in range(width)}
    if not is_regular.any():
        return pl.DataFrame(schema=schema)
    if not is_regular.all():
        edges = np.append(starts, len(block))
        changes = np.flatnonzero(np.diff(np.concatenate(([False], is_regular, [False])).astype(np.int8)))
        block = b"".join(block[edges[a] : edges[b]] for a, b in zip(changes[::2], changes[1::2], strict=True))
    return pl.read_csv(block, has_header=False, schema=schema, quote_char=None)  # drops a carriage return by itself


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns of a file in the order of its fields, and whether its first line names them."""

    columns: tuple[Column, ...]
    header: bytes | None


def find_layout(block: bytes, layouts: Sequence[tuple[Column, ...]], *, name: str) -> Layout:
    """The one of `layouts` that the first block of a file has: by its header, else by its number of columns.

    Raises BadPayload, naming the columns, where a header has others, and where no line has a known number of columns.
    """
    if block[:1].isalpha() or block.startswith(b"\xef\xbb\xbf"):
        header = block.partition(b"\n")[0]
        return Layout(_named_columns(header, layouts, name=name), header)
    starts, ends = line_bounds(block)
    counts = np.bincount(field_counts(block, starts, ends))
    matching = [columns for columns in layouts if len(columns) < len(counts) and counts[len(columns)]]
    if not matching:
        widths = " or ".join(str(len(columns)) for columns in layouts)
        raise BadPayload(f"{name} has {int(counts.argmax())} columns, not {widths}")
    return Layout(max(matching, key=lambda columns: counts[len(columns)]), None)


def _named_columns(header: bytes, layouts: Sequence[tuple[Column, ...]], *, name: str) -> tuple[Column, ...]:
    text = header.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    names = [part.strip().lower() for part in text.split(",")]
    wrong = ""
    for columns in layouts:
        by_name = {spelling: column for column in columns for spelling in column.spellings}
        found = [by_name[part] for part in names if part in by_name]
        missing = [column.name for column in columns if column not in found]
        extra = [part for part in names if part not in by_name]
        if not missing and not extra and len(names) == len(columns):
            return tuple(found)
        lacks = f" lacks {', '.join(missing)}" if missing else ""
        adds = f" has an unknown column {', '.join(extra)[:100]}" if extra else ""
        wrong = wrong or " and".join(filter(None, (lacks, adds))) or " names a column twice"
    raise BadPayload(f"{name}: the header{wrong}")
