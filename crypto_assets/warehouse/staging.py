"""What COPY is given of a published day: a manifest of its files, and the rows to compare with."""

from __future__ import annotations

from datetime import date

from crypto_assets.errors import WarehouseError
from crypto_assets.warehouse.copy_manifest import CopiedFile, copy_manifest
from crypto_assets.warehouse.load import DayLoad
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DayTable

READ_ATTEMPTS = 3
"""A day that was published anew while it was read is read again this many times."""


def stage_day(store: WarehouseStore, table: DayTable, day: date) -> DayLoad:
    """The load of a published day, with its manifest for COPY written to `_copy/<table>/<day>.json`.

    Raises WarehouseError where the day was never published or does not lie on S3, LakeError where S3 cannot be used.
    """
    for _ in range(READ_ATTEMPTS):
        manifest, rows = store.manifest(table, day), store.read(table, day)
        if manifest is None or rows is None:
            raise WarehouseError(
                f"{table.name} {day}: {store.uri_of(table, day)} was never written. Materialise {table.name} first."
            )
        again = store.manifest(table, day)
        if again is not None and again.data_version == manifest.data_version:
            break
    else:
        raise WarehouseError(
            f"{table.name} {day} was written anew {READ_ATTEMPTS} times while it was read. Load it later."
        )
    path = f"_copy/{table.name}/{day}.json"
    try:
        content = copy_manifest([CopiedFile(file.uri, file.bytes) for file in manifest.files])
    except ValueError as error:
        raise WarehouseError(f"{table.name} {day}: {error}. Set WAREHOUSE_S3_URI to s3://bucket/prefix.") from None
    store.files.publish(path, content)
    return DayLoad(table, day, store.files.uri_of(path), manifest.data_version, rows)
