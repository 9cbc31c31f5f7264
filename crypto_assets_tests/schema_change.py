"""A later version of the schema of trades, in the place of the project's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crypto_assets.stream import avro, columns


@contextmanager
def trades_with_another_field(folder: Path) -> Generator[None]:
    """Meanwhile this program knows trades with the field `venue`; the schemas, the former one too, lie in `folder`."""
    shutil.copytree(avro.SCHEMAS, folder)
    trades = folder / "trades.avsc"
    (folder / "former").mkdir(exist_ok=True)
    (folder / "former" / f"trades.{avro.fingerprint('trades').hex()}.avsc").write_text(trades.read_text())
    schema = json.loads(trades.read_text())
    schema["fields"].append({"name": "venue", "type": "string", "default": "spot", "doc": "market"})
    trades.write_text(json.dumps(schema))
    caches = [value for m in (avro, columns) for value in vars(m).values() if hasattr(value, "cache_clear")]
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(avro, "SCHEMAS", folder)
            for cached in caches:
                cached.cache_clear()
            yield
    finally:
        for cached in caches:
            cached.cache_clear()
