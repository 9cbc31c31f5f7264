"""One WebSocket connection to a combined stream: each message goes to its stream's route in the moment it arrives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode

from crypto_assets.stream.collector.encoding import AvroText, long, text
from crypto_assets.stream.collector.wire import Envelope

MOST_BYTES = 1 << 20
"""A longer message is none of the exchange's; its connection lives on."""
FRAME_LIMIT = 64 << 20  # longer still, the library ends the connection
_DATA = frozenset((Opcode.TEXT, Opcode.BINARY))
_START = b'{"stream":"'
_AFTER_NAME = len(_START)

type Handler = Callable[[bytes], None]
type Refuse = Callable[[Link, bytes, str | None, str], None]


class Link:
    """What arrives on one connection, from its opening to its end."""

    def __init__(self, name: str, *, refuse: Refuse, on_shutdown: Callable[[], None]) -> None:
        self.name = name
        self.connection: AvroText = text(name)
        self.sequence = 0
        self.received_us = 0
        self.received_ms = 0
        self.received: AvroText = ""
        self.messages = 0
        self.bytes = 0
        self._by_start: dict[bytes, Handler] = {}  # by what a message of the stream begins with, up to its name's end
        self._refuse = refuse
        self._on_shutdown = on_shutdown
        self._envelope = msgspec.json.Decoder(Envelope).decode

    def stamp(self, now_ns: int) -> None:
        """What arrives from now on was received at this moment."""
        self.received_us = now_ns // 1000
        self.received_ms = now_ns // 1_000_000
        self.received = long(self.received_us)

    def handler_of(self, stream: str) -> Handler | None:
        """What handles the messages of a stream."""
        return self._by_start.get(_START + stream.encode())

    def set_handler(self, stream: str, handler: Handler) -> None:
        """Have the messages of a stream handled."""
        self._by_start[_START + stream.encode()] = handler

    def receive(self, raw: bytes) -> None:
        """Handle a message; one that cannot be used becomes a dead letter."""
        self.messages += 1
        try:
            handler = self._by_start.get(raw[: raw.find(b'"', _AFTER_NAME)])
            if handler is None or len(raw) > MOST_BYTES:
                self._sort_out(raw)
            else:
                handler(raw)
        except (ValueError, OverflowError, msgspec.MsgspecError) as error:
            self._refuse(self, raw, self._claimed(raw), str(error))
        except IndexError:  # of the encoder's table of lengths
            self._refuse(self, raw, self._claimed(raw), "a text in it is longer than any of the exchange's")

    def _sort_out(self, raw: bytes) -> None:
        """Handle what does not begin like a message of a known stream."""
        if len(raw) > MOST_BYTES:
            raise ValueError(f"{len(raw):,} bytes are more than {MOST_BYTES:,}")
        envelope = self._envelope(raw)
        if "serverShutdown" in (envelope.e, (envelope.stream or "").removeprefix("!")):
            self._on_shutdown()
        elif envelope.stream is not None and (handler := self.handler_of(envelope.stream)):
            handler(raw)
        elif envelope.stream is not None:
            raise ValueError("no stream that was asked for")
        elif envelope.id is None or envelope.code is not None:
            raise ValueError("neither a message of a stream nor an answer")

    def _claimed(self, raw: bytes) -> str | None:
        if not raw.startswith(_START) or (end := raw.find(b'"', _AFTER_NAME, _AFTER_NAME + 80)) < 0:
            return None
        return raw[_AFTER_NAME:end].decode(errors="replace")


class LinkedConnection(ClientConnection):
    """The library's connection, with messages handed on as they are read instead of one by one through a queue.

    The queue costs as much as everything else that is done with a message. Frames of a message in parts still take it.
    """

    def __init__(self, link: Link, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._link = link
        self._receive = link.receive

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with what the socket has."""
        self._link.stamp(time.time_ns())
        self._link.bytes += len(data)
        super().data_received(data)

    def process_event(self, event: Any) -> None:
        """Called with each frame, and before them with the answer to the handshake."""
        if type(event) is Frame and event.fin and event.opcode in _DATA:
            self._receive(bytes(event.data))
        else:
            super().process_event(event)
