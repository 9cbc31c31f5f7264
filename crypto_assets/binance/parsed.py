"""What every parser of a file, a response or a recording returns: the rows, and what could not become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from crypto_assets.schemas import REJECTED


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows in the order received, and the rejected ones with their bytes, reason and origin."""

    rows: pa.Table
    """Columns of one dataset's payload; duplicates and disorder are kept."""
    rejected: pa.Table
    """Columns of `schemas.REJECTED`."""


def join_parsed(parts: Sequence[Parsed], *, payload: pa.Schema) -> Parsed:
    """All parts as one, in the order given; empty tables where there is no part."""
    return Parsed(
        rows=pa.concat_tables([payload.empty_table(), *(part.rows for part in parts)]).combine_chunks(),
        rejected=pa.concat_tables([REJECTED.empty_table(), *(part.rejected for part in parts)]).combine_chunks(),
    )
