from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from crypto_assets.lake.manifest import Manifest, Part, decode_manifest, encode_manifest
from crypto_assets.spans import Span

PARTS = tuple(Part(f"{origin}.parquet", 10, 1_000, "archive", origin, origin * 64) for origin in "ba")
HALT = Span(datetime(2023, 3, 24, 12, 40, tzinfo=UTC), datetime(2023, 3, 24, 14, tzinfo=UTC))


def test_without_a_halt_the_data_version_is_that_of_the_rows_alone() -> None:
    of_rows = hashlib.sha256("\n".join(["a" * 64, "b" * 64]).encode()).hexdigest()
    assert Manifest(parts=PARTS).data_version == of_rows


def test_halts_are_part_of_the_data_version_also_once_stored() -> None:
    manifests = [
        Manifest(parts=PARTS),
        Manifest(parts=PARTS, halts=(HALT,)),
        Manifest(parts=PARTS, halts=(replace(HALT, end=datetime(2023, 3, 24, 13, tzinfo=UTC)),)),
        Manifest(halts=(HALT,)),
    ]
    versions = [manifest.data_version for manifest in manifests]
    assert len(set(versions)) == len(manifests)
    assert [decode_manifest(encode_manifest(manifest)).data_version for manifest in manifests] == versions
