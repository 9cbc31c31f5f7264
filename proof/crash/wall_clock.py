"""What may differ between two runs of the same days, because it says when or where it was done: all of it, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pyarrow as pa

from proof.crash.documents import DOCUMENT, NOTES


@dataclass(frozen=True, slots=True)
class Exemption:
    """Columns of tables, or fields of documents, that are not compared."""

    places: str
    """Pattern of the places that have them."""
    names: tuple[str, ...]
    """Patterns of columns or fields."""
    reason: str


EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption("hidden", ("*",), "what a killed writer left beside the files; no reader sees it, so it is only counted"),
    Exemption("lake/bronze/*", ("received_at",), "when the file of the archive was downloaded"),
    Exemption("lake/raw/*.json", ("received_at",), "when the file of the archive was downloaded"),
    Exemption("postgres/public.trades", ("received_at", "inserted_at"), "as in bronze, and when the row was written"),
    Exemption("postgres/public.daily_summary", ("summarised_at",), "when the procedure was called"),
    Exemption("redshift/public.warehouse_loads", ("loaded_at",), "when the load was committed"),
    Exemption(
        "lake/ckpts/*.keras",
        ("*.made_at", "*.took_s", "metadata.json.date_saved"),
        "when the model was fitted, and how long each epoch took",
    ),
    Exemption(
        "lake/ckpts/*.keras", ("*.shared_object_id",), "where in memory Keras had a part of the model when it wrote it"
    ),
    Exemption("lake/ckpts/*.json", ("made_at", "*.took_s"), "the card again, beside the model"),
    Exemption(
        "lake/ckpts/*/promotions.json",
        ("*.promoted_at", "*.sha256"),
        "when the model was put in force, and the sum of its file, which says when it was fitted",
    ),
    Exemption("lake/forecast/training_sets/*.json", ("*.made_at",), "when the set was made"),
    Exemption(
        "lake/forecast/evaluations/*.json",
        ("made_at", "key", "checkpoint_sha256"),
        "when it was judged, and sums over the file of the model, which says when it was fitted",
    ),
    Exemption("lake/forecast/predictions/*.parquet", ("known_at",), "never before the model was put in force"),
    Exemption(
        f"lake/forecast/predictions/*.parquet{NOTES}",
        ("made_from",),
        "a sum over the ledger's entry of the model, and over versions of inputs that are compared where they lie",
    ),
)
_PROMOTED = re.compile(r"-[0-9a-f]{12}\.keras$")


def place_of(place: str) -> str:
    """The place without what its name takes from the sum of a file that says when it was made."""
    return _PROMOTED.sub("-<sum>.keras", place) if "/promoted/" in place else place


def compared(place: str, table: pa.Table) -> pa.Table:
    """What of a table is compared."""
    patterns = [name for each in EXEMPTIONS if fnmatchcase(place, each.places) for name in each.names]
    if not patterns:
        return table
    if table.schema.names == DOCUMENT.names:
        kept = [not _is_one_of(name, patterns) for name in table["name"].to_pylist()]
        return table.filter(pa.array(kept, pa.bool_()))
    return table.select([name for name in table.schema.names if not _is_one_of(name, patterns)])


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
