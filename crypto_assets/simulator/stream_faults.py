"""Faults of the streams by script: which messages or connections are meant, and what goes wrong with them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

import msgspec

from crypto_assets.simulator.market import Venue

type _Count = Annotated[int, msgspec.Meta(ge=1)]
type _Seconds = Annotated[float, msgspec.Meta(gt=0)]
type Damage = Literal[
    "truncated", "not_json", "wrong_types", "missing_field", "unknown_field", "huge", "unknown_symbol"
]


class StreamTarget(NamedTuple):
    """One stream of one venue."""

    stream: str
    """Its name, such as `btcusdt@trade`."""
    venue: Venue

    @property
    def symbol(self) -> str:
        """Upper case, as in payloads."""
        return self.stream.partition("@")[0].upper()


class StreamFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    """Common to all faults of streams: which are meant (all conditions must hold), and how often it acts."""

    stream: str | None = None
    """Glob on the name, such as `btcusdt@trade` or `*@depth*`."""
    symbol: str | None = None
    venue: Venue | None = None
    times: _Count | None = None
    """How many messages (or connections) it acts on; for ever where absent."""

    def matches(self, target: StreamTarget) -> bool:
        """Whether the stream is one that this fault is meant for."""
        return (
            (self.stream is None or fnmatchcase(target.stream, self.stream))
            and (self.symbol is None or self.symbol == target.symbol)
            and (self.venue is None or self.venue == target.venue)
        )


class SilentStream(StreamFault, frozen=True, tag="silent_stream"):
    """Messages are not sent, while the connection lives."""


class DuplicateEvents(StreamFault, frozen=True, tag="duplicate_events"):
    """Each message is sent again so many times."""

    copies: _Count = 1


class LateEvents(StreamFault, frozen=True, tag="late_events"):
    """Each message is sent so many seconds of the exchange's clock later, past those that follow it."""

    delay_s: _Seconds


class OutOfOrder(StreamFault, frozen=True, tag="out_of_order"):
    """So many messages of a stream at a time are sent in the reverse order."""

    messages: Annotated[int, msgspec.Meta(ge=2)] = 5


class Burst(StreamFault, frozen=True, tag="burst"):
    """Messages are held for so many seconds of the exchange's clock, then all sent at once, and so on."""

    hold_s: _Seconds


class MalformedMessage(StreamFault, frozen=True, tag="malformed_message"):
    """Something else is sent in the place of each message, or before it where `besides` is set."""

    damage: Damage = "truncated"
    besides: bool = False
    size_bytes: Annotated[int, msgspec.Meta(ge=1, le=64 << 20)] = 1_000_000
    """Of a huge one."""


class ClockJump(StreamFault, frozen=True, tag="clock_jump"):
    """Event times `E` are so many seconds off; the times of trades and candles stay true."""

    seconds: float


class ConnectionFault(StreamFault, frozen=True):
    """Meant for connections that have such a stream; `times` counts connections, unless it says otherwise."""


class Disconnect(ConnectionFault, frozen=True, tag="disconnect"):
    """Connections are cut without a word: those open now, once; or any after so many messages of such streams."""

    after_messages: _Count | None = None


class ServerShutdown(ConnectionFault, frozen=True, tag="server_shutdown"):
    """Connections open now are told, spot by `serverShutdown`, and closed so many real seconds later."""

    notice_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0


class SlowStreamServer(ConnectionFault, frozen=True, tag="slow_stream_server"):
    """Connections get such messages, and what waits behind them, at this pace in real seconds; counts messages."""

    messages_per_second: _Seconds


type AnyStreamFault = (
    SilentStream | DuplicateEvents | LateEvents | OutOfOrder | Burst | MalformedMessage | ClockJump
    | Disconnect | ServerShutdown | SlowStreamServer
)  # fmt: skip
