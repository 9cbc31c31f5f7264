"""Messages that cannot be used, kept with the reason in `dead_letters`."""

from __future__ import annotations

from crypto_assets.stream.avro import encode, encode_key
from crypto_assets.stream.collector.link import Link
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.topics import DEAD_LETTERS

KEPT_BYTES = 64 << 10


class DeadLetters:
    """Writes and counts them."""

    def __init__(self, outlet: Outlet, sink: Sink) -> None:
        self.count = 0
        self._outlet = outlet
        self._sink = sink

    def refuse(self, link: Link, raw: bytes, stream: str | None, reason: str) -> None:
        """Keep a message that a connection brought, with the number it would have had."""
        self.count += 1
        record = {
            "received_at": link.received_us,
            "connection": link.name,
            "sequence": link.sequence,
            "stream": stream,
            "reason": reason[:1000],
            "raw": raw[:KEPT_BYTES],
            "size": len(raw),
        }
        link.sequence += 1
        value = self._outlet.frame + encode(DEAD_LETTERS.name, record)
        self._sink.emit(self._outlet, encode_key(stream or ""), value, link.received_ms)
