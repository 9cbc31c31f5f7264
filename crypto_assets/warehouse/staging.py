"""What COPY is given of a published day: a manifest of its files, and the rows to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from crypto_assets.errors import WarehouseError
from crypto_assets.warehouse.load import DayLoad
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DayTable


def stage_day(store: WarehouseStore, table: DayTable, day: date) -> DayLoad:
    """The load of a published day, with its manifest for COPY written to `_copy/<table>/<day>.json`.

    Raises WarehouseError where the day was never published or does not lie on S3, LakeError where S3 cannot be used.
    """
    held = store.read_whole(table, day)
    if held is None:
        raise WarehouseError(
            f"{table.name} {day}: {store.uri_of(table, day)} was never written. Materialise {table.name} first."
        )
    manifest, rows = held
    path = f"_copy/{table.name}/{day}.json"
    try:
        content = copy_manifest({manifest.uri: manifest.bytes})
    except ValueError as error:
        raise WarehouseError(f"{table.name} {day}: {error}. Set WAREHOUSE_S3_URI to s3://bucket/prefix.") from None
    store.files.publish(path, content)
    return DayLoad(table, day, store.files.uri_of(path), manifest.data_version, rows)


def copy_manifest(files: Mapping[str, int]) -> bytes:
    """Content of a manifest for `COPY … FORMAT AS PARQUET MANIFEST` of files, `s3://bucket/key` and its bytes.

    It lists these, of this length, and no other that lies beside them; the same bytes for the same files. Every entry
    is mandatory, so that a missing file fails the load, and has the length that columnar formats ask for. Raises
    ValueError for a file that does not lie on S3.
    """
    if elsewhere := [uri for uri in files if not uri.startswith("s3://")]:
        raise ValueError(f"COPY reads s3:// only, not {elsewhere[0]}")
    entries = [{"url": uri, "mandatory": True, "meta": {"content_length": size}} for uri, size in files.items()]
    return msgspec.json.format(msgspec.json.encode({"entries": entries}), indent=2)
