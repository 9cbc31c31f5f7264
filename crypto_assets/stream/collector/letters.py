"""Messages that cannot be used, kept with the reason in `dead_letters`."""

from __future__ import annotations

from crypto_assets.stream.avro import encode_key
from crypto_assets.stream.collector.link import Link
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.letters import encode_letter


class DeadLetters:
    """Writes and counts them."""

    def __init__(self, outlet: Outlet, sink: Sink) -> None:
        self.count = 0
        self._outlet = outlet
        self._sink = sink

    def refuse(self, link: Link, raw: bytes, stream: str | None, reason: str) -> None:
        """Keep a message that a connection brought, with the number it would have had."""
        self.count += 1
        value = encode_letter(
            raw,
            received_at=link.received_us,
            connection=link.name,
            sequence=link.sequence,
            stream=stream,
            reason=reason,
        )
        link.sequence += 1
        self._sink.emit(self._outlet, encode_key(stream or ""), self._outlet.frame + value, link.received_ms)
