"""What all streams of a capture share while it is read: the time asked for, the clock, and the lines rejected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from crypto_assets.binance.capture.messages import CaptureMarket, Clocked, Framed
from crypto_assets.binance.capture.recorder_clock import RecorderClock
from crypto_assets.binance.capture.rows import Line, RejectedLines
from crypto_assets.binance.typed_rows import MICROSECONDS_FROM

MAX_CLOCK_ERROR_US = 600_000_000
"""An event whose time is further from its receive time has one of the two wrong."""
CLOCKED_A_MINUTE = 200
"""Messages, the first of a minute, that tell its lag: enough, and the same ones whatever is wanted."""
IMPLAUSIBLE = "the event's time and the receive time are more than 10 minutes apart"
LONGEST_MINUTE = 50_000
"""Messages that wait for the end of their minute at most, so that wrong receive times cannot fill the memory."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a JSON decoder raises on bytes that are no message."""
_CLOCKED = msgspec.json.Decoder(Framed[Clocked], strict=False)


class _Waiting(NamedTuple):
    """A message whose time is known once the clock of its minute is, and who takes it then."""

    settle: Callable[..., None]
    message: msgspec.Struct
    event_us: int
    line: Line


class Reading:
    """One pass over the capture files of a symbol for the rows in [start_us, end_us)."""

    def __init__(self, *, symbol: str, market: CaptureMarket, start_us: int, end_us: int) -> None:
        self.symbol = symbol
        self.market: CaptureMarket = market
        self.start_us, self.end_us = start_us, end_us
        self.skipped: Counter[str] = Counter()
        """Messages from which no row is made, by the kind of their stream."""
        self.lags_us: list[int] = []
        """Lag of the recorder's clock in each minute that has one."""
        self._clock = RecorderClock()
        self._leads_us: list[int] = []
        self._waiting: list[_Waiting] = []
        self.received_us = start_us
        """When the line was received that is being read."""

    def covers(self, time_us: int) -> bool:
        """Whether a row of this time is asked for."""
        return self.start_us <= time_us < self.end_us

    def begin_file(self) -> None:
        """The lines to come are of another file, perhaps with another recorder's clock."""
        self._clock = RecorderClock()

    def end_minute(self) -> None:
        """Give the messages that wait their times; to be called whenever another minute or file begins."""
        lag_us = self._clock.lag_us(self._leads_us)
        self._leads_us = []
        if lag_us is not None:
            self.lags_us.append(lag_us)
        waiting, self._waiting = self._waiting, []
        for settle, message, event_us, line in waiting:
            settle(message, known_us=max(event_us, line.received_us + (lag_us or 0)), line=line)

    def wait(self, settle: Callable[..., None], message: msgspec.Struct, *, event_us: int, line: Line) -> None:
        """Call `settle(message, known_us=…, line=…)` as soon as it is known when the message was known."""
        self._waiting.append(_Waiting(settle, message, event_us, line))
        if len(self._waiting) >= LONGEST_MINUTE:
            self.end_minute()

    def event_us(self, event_time: int, line: Line, rejected: RejectedLines) -> int | None:
        """An event time in microseconds, noted for the clock; None, and the line rejected, where it cannot be."""
        event_us = micros(event_time)
        lead_us = event_us - line.received_us
        if -MAX_CLOCK_ERROR_US <= lead_us <= MAX_CLOCK_ERROR_US:
            if len(self._leads_us) < CLOCKED_A_MINUTE:
                self._leads_us.append(lead_us)
            return event_us
        self.reject(line, IMPLAUSIBLE, rejected)
        return None

    def own_time_us(self, own_time: int, event_time: int, line: Line, rejected: RejectedLines) -> int | None:
        """The time that an event gives itself, in microseconds; None where it is not asked for, or cannot be."""
        event_us = self.event_us(event_time, line, rejected)
        if event_us is None:
            return None
        own_us = micros(own_time)
        if -MAX_CLOCK_ERROR_US <= own_us - event_us <= MAX_CLOCK_ERROR_US:
            return own_us if self.covers(own_us) else None
        self.reject(line, IMPLAUSIBLE, rejected)
        return None

    def note_time(self, body: bytes, line: Line) -> None:
        """Take just the event time of a message, for the clock."""
        if len(self._leads_us) >= CLOCKED_A_MINUTE:
            return
        try:
            message = _CLOCKED.decode(body).data
        except UNREADABLE:
            return  # the line says nothing about the datasets that are wanted
        lead_us = micros(message.event_time) - line.received_us
        if abs(lead_us) <= MAX_CLOCK_ERROR_US:
            self._leads_us.append(lead_us)

    def message[T](
        self, decoder: msgspec.json.Decoder[Framed[T]], body: bytes, line: Line, rejected: RejectedLines
    ) -> T | None:
        """The message in its frame; None, and the line rejected with the reason, where it is none."""
        try:
            return decoder.decode(body).data
        except UNREADABLE as error:
            self.reject(line, str(error), rejected)
            return None

    def reject(self, line: Line, reason: str, *rejected: RejectedLines) -> None:
        """Keep a line that cannot be used, if it was received in the time asked for."""
        if self.covers(line.received_us):
            for lines in rejected:
                lines.add(line, reason)


def micros(moment: int) -> int:
    """A time of the wire in microseconds, whichever of ms and us it is in."""
    return moment * 1000 if moment < MICROSECONDS_FROM else moment
