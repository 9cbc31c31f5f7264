"""A message that nobody can use, as a record of `dead_letters`."""

from __future__ import annotations

from crypto_assets.stream.avro import encode
from crypto_assets.stream.topics import DEAD_LETTERS

KEPT_BYTES = 64 << 10
"""Of a longer message the beginning is kept, and its size."""
KEPT_REASON = 1000


def encode_letter(
    raw: bytes, *, received_at: int, connection: str, sequence: int, stream: str | None, reason: str
) -> bytes:
    """The value of the message that keeps it; `received_at` in µs UTC, `sequence` in its connection."""
    record = {
        "received_at": received_at,
        "connection": connection,
        "sequence": sequence,
        "stream": stream,
        "reason": reason[:KEPT_REASON],
        "raw": raw[:KEPT_BYTES],
        "size": len(raw),
    }
    return encode(DEAD_LETTERS.name, record)
